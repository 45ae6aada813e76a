// Counts what a run did, for the closing line: writes it as JSON to the file named by TALLY_FILE.
// A file that cannot be loaded, a failed hook and an unhandled error count as a failure each.

import { writeFileSync } from 'node:fs';

export default class TallyReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const file = process.env['TALLY_FILE'];
    if (file === undefined) return;
    const tally = { passed: 0, failed: unhandledErrors.length, skipped: [] };
    for (const module of modules) {
      tally.failed += module.errors().length;
      for (const suite of module.children.allSuites()) tally.failed += suite.errors().length;
      for (const test of module.children.allTests()) count(test, tally);
    }
    writeFileSync(file, JSON.stringify(tally));
  }
}

function count(test, tally) {
  const result = test.result();
  switch (result.state) {
    case 'passed':
      tally.passed += 1;
      return;
    case 'skipped':
      tally.skipped.push({
        file: test.module.relativeModuleId,
        name: test.fullName,
        reason: result.note ?? null,
      });
      return;
    default:
      // 'pending' is a test that was started and never ended.
      tally.failed += 1;
  }
}
