// npm run docs: the API reference, into dist/docs/, of everything that the package exports. A symbol
// without documentation and a link to nowhere are errors.

import { WAL_ERROR_CODES } from './dist/lib/errors.js';

/** What the words beside it say already. */
const SAID_ELSEWHERE = [
  ...Object.keys(WAL_ERROR_CODES).map((code) => `WAL_ERROR_CODES.__type.${code}`),
  ...['IoFile.direct.__type.blockBytes', 'IoFile.direct.__type.refused'],
  ...['IoFile.pastCache.__type.unit', 'SyncPolicy.__type.intervalMs'],
].map((name) => `uring-wal.${name}`);

/** @type {Partial<import('typedoc').TypeDocOptions>} */
export default {
  name: 'uring-wal',
  entryPoints: ['lib/index.ts', 'sim/index.ts'],
  out: 'dist/docs',
  readme: 'README.md',
  // The build has checked the types.
  skipErrorChecking: true,
  excludePrivate: true,
  excludeInternal: true,
  disableGit: true,
  sourceLinkTemplate: '{path}',
  hideGenerator: true,
  treatWarningsAsErrors: true,
  intentionallyNotExported: ['FAULTS', 'PROFILES'],
  intentionallyNotDocumented: SAID_ELSEWHERE,
  requiredToBeDocumented: [
    ...['Module', 'Class', 'Interface', 'Function', 'TypeAlias', 'Variable'],
    ...['Method', 'Property', 'Accessor', 'Constructor'],
  ],
  validation: {
    notExported: true,
    notDocumented: true,
    invalidLink: true,
    // Links of the README into the repository.
    invalidPath: false,
    rewrittenLink: true,
    unusedMergeModuleWith: true,
  },
};
