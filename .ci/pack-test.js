// npm run test:pack: packs the package as it would be published, installs it into an empty project
// without a network or a compiler, and uses it there. The last line counts the tests.
//
//   npm run test:pack                what would be published now
//   npm run test:pack -- some.tgz    this tarball
//   npm run test:pack -- --all       a binary that cannot be built here fails, and is not skipped

import { binaryTests, contentTests } from './pack-contents.js';
import { damageTests, prepareProject, smokeTests } from './pack-runtime.js';
import { install, runTests, tarballToTest } from './pack-tools.js';
import { typeTests } from './pack-types.js';

const tarball = tarballToTest();
const project = install(tarball);
prepareProject(project);
await runTests({
  ...contentTests(project),
  ...binaryTests(project),
  ...smokeTests(project),
  ...damageTests(project),
  ...typeTests(project, tarball),
});
