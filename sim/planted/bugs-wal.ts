// Planted bugs in the segmented log, hunted in worlds of its own.

import { type Edit, type Mutation, planted } from './mutation.js';

const FILES = 'lib/wal-files.ts';
const WAL = 'lib/wal.ts';

export const WAL_BUGS: readonly Mutation[] = [
  wal('deletes-before-manifest', 'segments go before the manifest has let go of them, durably', {
    file: FILES,
    find: '      await this.#disavow([...removed, ...this.#segments]);\n',
    replace: '      this.#disavow([...removed, ...this.#segments]).catch(() => undefined);\n',
  }),
  wal('deletes-before-checkpoint', 'segments go while the checkpoint is written, and not durable', {
    file: 'lib/wal-maintenance.ts',
    find: '    await this.#makeDurable();',
    replace: '    if (bound < 0n) await this.#makeDurable();',
  }),
  wal('rotates-without-directory-sync', 'the directory entry of a new segment is not durable', {
    file: 'lib/wal-spare.ts',
    find: '      await file.sync();\n      await this.#syncDirectory();',
    replace: '      await file.sync();',
  }),
  wal('rotates-before-sync', 'the next segment is written before the one before is durable', {
    file: FILES,
    find: '      await pipeline.finish();',
    replace: '      await Promise.resolve();',
  }),
  wal('sequence-not-reset', 'the sequences of rejected entries stay used: the log has a gap', {
    file: WAL,
    find: 'this.#nextSequence = (last ?? 0n) + 1n;\n            this.#files.forgetBeyond',
    replace: 'void last;\n            this.#files.forgetBeyond',
  }),
  wal('sequence-reused', 'after a failure the last acknowledged sequence is given again', {
    file: WAL,
    find: 'this.#nextSequence = (last ?? 0n) + 1n;\n            this.#files.forgetBeyond',
    replace: 'this.#nextSequence = last ?? 1n;\n            this.#files.forgetBeyond',
  }),
  wal('sequence-forgotten', 'an open log without a record starts with sequence 1 again', {
    file: 'lib/wal-recovery.ts',
    find: 'const known = next === 0n ? undefined : next - 1n;',
    replace: 'const known = next >= 0n ? undefined : next - 1n;',
  }),
  wal('half-a-batch', 'an atomic batch is written as records of their own', {
    file: WAL,
    find: `      this.#append(
        batchItem(entries, recordBytesMax(this.#options)),
        options,
        resolve as (position: WalPosition) => void,
        reject,
      );`,
    replace: `      const places = entries.map((entry) => this.append(entry, options));
      Promise.all(places).then(([first]) => {
        if (first !== undefined) resolve(first);
      }, reject);`,
  }),
  wal('gap-between-segments-accepted', 'records may be missing between two segments', {
    file: 'lib/wal-judge.ts',
    find: '    if (hasTold || isKnownGap(this.#survey.manifest, before.last, first)) return;',
    replace: '    if (first > before.last) return;',
  }),
  {
    // Three checks see it, and each covers for the others.
    name: 'wal-truncated-middle-accepted',
    breaks: 'a segment that others follow may have lost its end',
    wal: true,
    edits: [
      {
        file: 'lib/wal-judge.ts',
        find: "    } else if (end !== undefined && end.kind !== 'clean' && !isActive) {",
        replace: "    } else if (end?.kind === 'corrupt' && !isActive) {",
      },
      {
        file: 'lib/wal-judge.ts',
        find: '    if (hasTold || isKnownGap(this.#survey.manifest, before.last, first)) return;',
        replace: '    if (surveyed.end !== undefined) return;',
      },
      {
        file: 'lib/wal-survey.ts',
        find: '    if (segment.bytes < known.bytes) {',
        replace: '    if (segment.bytes < 0) {',
      },
    ],
  },
  wal('follower-runs-ahead', 'a follower gets entries that are written and not durable', {
    file: 'lib/wal-read.ts',
    find: '(follow ? log.files.durableSequence : log.files.writtenSequence)',
    replace: '(follow ? log.files.writtenSequence : log.files.writtenSequence)',
  }),
  wal('cut-not-synced', 'truncateAfter does not make the cut durable', {
    file: FILES,
    find: '    await this.#active.file.truncate(end);\n    await this.#active.file.sync();',
    replace: '    await this.#active.file.truncate(end);',
  }),
  wal('cut-leaves-later-segments', 'truncateAfter leaves the segments behind the cut', {
    file: FILES,
    find: '      await removeFile(this.#driver, later.path);\n      await this.#syncDirectory();\n    }\n    if',
    replace: '      void later;\n    }\n    if',
  }),
  wal('removes-one-too-many', 'truncateBefore takes the segment that the bound stands in', {
    file: 'lib/wal-maintenance.ts',
    find: '.filter(({ last }) => last !== undefined && last < bound);',
    replace: '.filter(({ first }) => first !== undefined && first < bound);',
  }),
  wal('removes-what-is-read', 'truncateBefore takes what a reader still needs', {
    file: 'lib/wal-maintenance.ts',
    find: 'followers.isLeased(number);',
    replace: 'followers.isLeased(number) && number < 0;',
  }),
  wal('manifest-ahead-of-sync', 'the manifest vouches for a segment before it is durable', {
    file: FILES,
    find: '    try {\n      await this.seal(pipeline);\n      this.#checkBroken();',
    replace: `    try {
      segment.bytes = pipeline.end;
      segment.last = pipeline.writtenSequence;
      await this.saveManifest();
      await this.seal(pipeline);
      this.#checkBroken();`,
  }),
  wal('rotation-keeps-an-empty-file', 'a file that a failed write emptied stays in the middle', {
    file: WAL,
    find: '    if (pipeline.end === 0) return pipeline;',
    replace: '',
  }),
  wal('removes-what-is-unreadable', 'truncateBefore takes a segment that cannot be read', {
    file: 'lib/wal-maintenance.ts',
    find: '      stopped = await segmentHolds(driver, directory, segment);',
    replace: '      await segmentHolds(driver, directory, segment);',
  }),
  wal('append-outlives-failed-rotation', 'who waits behind an append without a segment goes on', {
    file: 'lib/appender.ts',
    find: `    void Promise.resolve().then(() => {
      this.#rejectLine(error);
      goOn();
    });
    this.#rejectLine(error);`,
    replace: `    const { first } = this.#line;
    if (first !== undefined && this.#pipeline.poison === undefined) {
      this.#line.remove(first);
      this.#rejectWaiter(first, error);
    } else this.#rejectLine(error);
    goOn();`,
  }),
  wal('hard-limit-ignored', 'a rotation makes more files than maxWalFilesHard', {
    file: 'lib/wal-limits.ts',
    find: '    if (count >= limit) throw this.#full();',
    replace: '    if (count < 0 && limit < 0) throw this.#full();',
  }),
  wal('second-writer-admitted', 'a log that is open is opened again', {
    file: 'lib/wal-open.ts',
    find: 'const lock = await lockDirectory(driver, directory, resolved.file.mode);',
    replace: 'const lock: IoLock = { release: () => Promise.resolve() };',
  }),
  wal('set-aside-forgotten', 'a segment that trim or salvage gives up is removed, not kept', {
    file: 'lib/wal-recovery.ts',
    find: '    await this.#driver.rename(segment.path, to);',
    replace: '    await this.#driver.remove(segment.path);',
  }),
  wal('copy-forgotten', 'what trim or salvage cuts off a segment is not kept', {
    file: 'lib/recovery.ts',
    find: 'const kept = keep ? await quarantine(driver, file, window, end) : undefined;',
    replace:
      'const kept = keep && size < 0 ? await quarantine(driver, file, window, end) : undefined;',
  }),
];

function wal(name: string, breaks: string, { file, find, replace }: Edit): Mutation {
  return { ...planted(`wal-${name}`, breaks, file, find, replace), wal: true };
}
