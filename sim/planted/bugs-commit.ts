// Planted bugs on the way from an append to its acknowledgement.

import { type Mutation, planted } from './mutation.js';

const COMMIT = 'lib/commit.ts';
const LANE = 'lib/write-lane.ts';
const MODE = 'lib/write-mode.ts';
const FULLY = 'lib/write-fully.ts';
const FAILURE = 'lib/failure.ts';
const SETTLEMENT = 'lib/settlement.ts';

export const COMMIT_BUGS: readonly Mutation[] = [
  planted(
    'ack-before-sync',
    'a durable append resolves when it is written',
    COMMIT,
    'if (this.#settlement.settle(this.writtenEnd, this.durableEnd))',
    'if (this.#settlement.settle(this.writtenEnd, this.writtenEnd))',
  ),
  planted(
    'sync-counts-what-came-later',
    'a sync is taken to cover what was written while it ran',
    COMMIT,
    'this.#marks.onSynced(mark);',
    'this.#marks.onSynced({ ...mark, end: this.#lane.writtenEnd });',
  ),
  planted(
    'sync-overtakes-write',
    'a sync is taken to cover writes still in flight',
    COMMIT,
    'const mark = { end: this.#lane.writtenEnd,',
    'const mark = { end: this.#lane.end,',
  ),
  planted(
    'sync-error-retried',
    'a failed sync is tried again, and the second one lies',
    COMMIT,
    'await syncAlone(this.#file);\n      this.#',
    'await this.#file.sync().catch(() => this.#file.sync());\n      this.#',
  ),
  {
    name: 'sync-error-forgotten',
    breaks: 'a failed sync does not poison: the next one settles what it failed to make durable',
    edits: [
      {
        file: COMMIT,
        find: 'this.#poison(failure.syncFailed(this.#file.path, error));\n    }\n    this.#isSyncing',
        replace: 'void error;\n    }\n    this.#isSyncing',
      },
      {
        file: 'lib/sync-alone.ts',
        find: 'if (isWriteHalf(error)) forget();',
        replace: 'forget();',
      },
    ],
  },
  planted(
    'sync-error-swallowed',
    'a failed sync counts as done',
    COMMIT,
    'this.#poison(failure.syncFailed(this.#file.path, error));\n    }\n    this.#isSyncing',
    // The zeros as well: else it would sync for ever, and no event would ever end that.
    'void error;\n      this.#marks.onSynced(mark);\n      this.#zeros.onSynced(zerosWritten);\n    }\n    this.#isSyncing',
  ),
  {
    name: 'dsync-over-unsynced-bytes',
    breaks: 'a dsync write acknowledges while earlier bytes are not durable',
    edits: [
      {
        file: MODE,
        find: 'if (facts.isChain && facts.isWrittenDurable) ',
        replace: 'if (facts.isChain) ',
      },
      {
        file: 'lib/watermarks.ts',
        find: 'if (!batch.job.dsync || this.#durableEnd !== batch.start) return;',
        replace: 'if (!batch.job.dsync) return;',
      },
    ],
  },
  planted(
    'batch-waits-for-nothing',
    'a batch is held back though no event is due that would let it go',
    MODE,
    'const isEventDue = !facts.isChain || facts.isSyncing;',
    'const isEventDue = true;',
  ),
  planted(
    'dsync-where-it-is-not-honoured',
    'dsync is trusted on file systems that ignore it',
    MODE,
    'if (!file.honoursDsync || !wantsDurable ||',
    'if (!wantsDurable ||',
  ),
  planted(
    'dsync-enospc-harmless',
    'ENOSPC of a dsync write is taken for harmless, though its sync failed',
    FULLY,
    'if (!again ||',
    "if (dsync && errnoOf(error) === 'ENOSPC') {\n        job.done = limit;\n        continue;\n      }\n      if (!again ||",
  ),
  planted(
    'short-write-rest-dropped',
    'the rest of a short write is forgotten',
    FULLY,
    'job.done += progress;',
    'job.done = limit;',
  ),
  planted(
    'interrupted-write-done',
    'an interrupted write counts as written',
    FULLY,
    'job.resubmits++;\n      continue;',
    'job.done = limit;\n      continue;',
  ),
  planted(
    'rest-written-at-the-start',
    'the rest of a short write goes where the write began',
    FULLY,
    'length, position + done, { dsync }',
    'length, position, { dsync }',
  ),
  planted(
    'short-write-unguarded',
    'a sector that a short write left half is not synced before what follows it',
    FULLY,
    'const end = sectorEnd(position + job.done, position, job.length);',
    'const end = undefined as number | undefined;',
  ),
  planted(
    'short-write-guard-left-behind',
    'a sector that a short write left half is guarded against the same batch only, not the next',
    FULLY,
    'isGuarded ||= end !== undefined;',
    'isGuarded ||= end !== undefined && end < job.length;',
  ),
  planted(
    'two-writes-of-the-tail-block',
    'with O_DIRECT the tail block is written again while it is in flight',
    LANE,
    'if (this.#inFlight.length > 0 && batch.position < this.#submittedEnd) break;',
    '',
  ),
  planted(
    'buffered-writes-overlap',
    'buffered batches are in flight together in one block',
    LANE,
    'this.isDirect ? DIRECT_DEPTH : 1',
    'DIRECT_DEPTH',
  ),
  planted(
    'failed-batch-passed-over',
    'a later batch is acknowledged after an earlier one failed',
    LANE,
    'if (batch?.isFinished !== true || batch.error !== undefined) return;',
    'if (batch?.isFinished !== true) return;',
  ),
  planted(
    'completion-order-trusted',
    'the first completion is taken for the first write',
    LANE,
    'if (batch?.isFinished !== true || batch.error !== undefined) return;',
    'if (batch === undefined || batch.error !== undefined) return;',
  ),
  planted(
    'buffer-reused-in-flight',
    'a batch gives its memory back before its write has completed',
    LANE,
    'void this.#write(batch);\n  }',
    'void this.#write(batch);\n    this.#encoder.recycle(batch);\n  }',
  ),
  planted(
    'trim-in-flight',
    'the log is cut while writes are in flight',
    COMMIT,
    'if (this.#isQuiet) void this.#trim();',
    'void this.#trim();',
  ),
  planted(
    'reject-before-trim-is-synced',
    'callers hear of a failure before the cut is durable',
    FAILURE,
    '  await syncAlone(file);\n}',
    '  void file.sync().catch(() => undefined);\n}',
  ),
  planted(
    'trim-not-synced',
    'the cut after a failed write is never synced',
    FAILURE,
    '  await syncAlone(file);\n}',
    '}',
  ),
  planted(
    'trim-one-byte-short',
    'the cut takes a byte of the last whole record',
    FAILURE,
    'await file.truncate(end);',
    'await file.truncate(Math.max(0, end - 1));',
  ),
  planted(
    'trim-one-byte-long',
    'the cut leaves a byte of what was rejected',
    FAILURE,
    'await file.truncate(end);',
    'await file.truncate(end + 1);',
  ),
  planted(
    'trim-error-ignored',
    'a cut that failed counts as done',
    FAILURE,
    'await file.truncate(end);\n      break;',
    'await file.truncate(end).catch(() => undefined);\n      break;',
  ),
  planted(
    'hole-after-failed-write',
    'the offset moves on after a failed write, as in the origin',
    COMMIT,
    'this.#lane.restart({ position, carry });',
    'this.#lane.restart({ position: this.#lane.end, carry });',
  ),
  planted(
    'torn-record-kept',
    'the cut after a failed write keeps the torn record',
    SETTLEMENT,
    'return Math.max(\n      this.#wholeEnd,',
    'return Math.max(\n      end,\n      this.#wholeEnd,',
  ),
  planted(
    'acknowledged-records-cut',
    'the cut after a failed write forgets what was acknowledged before',
    SETTLEMENT,
    'this.#wholeEnd = tally.end;',
    '',
  ),
  planted(
    'carry-lost',
    'with O_DIRECT the block around the end is rewritten without what stood in it',
    FAILURE,
    'return memory.bytes.slice(0, length);',
    'return new Uint8Array(length);',
  ),
  planted(
    'padding-not-zeroed',
    'with O_DIRECT the padding of a block holds what an earlier batch left in memory',
    'lib/batch.ts',
    'batch.memory.bytes.fill(0, batch.used, length);',
    '',
  ),
  planted(
    'flush-resolves-early',
    'a flush resolves at once',
    COMMIT,
    'this.#settlement.pushFlush(end, resolve, reject);',
    'resolve();',
  ),
  planted(
    'poisoned-appends-never-settle',
    'after a failed sync the appends in the queue are forgotten',
    COMMIT,
    'this.#settlement.rejectAll((position) => failure.forRecord(cause, position));',
    '',
  ),
  planted(
    'close-without-sync',
    'close does not sync what was only written',
    COMMIT,
    'else await syncAlone(this.#file);',
    '',
  ),
  planted(
    'close-leaves-zeros',
    'close leaves the zeros behind the log',
    COMMIT,
    'const isLonger = Math.max(fileEnd, this.#zeros.fileEnd) > end;',
    'const isLonger = Math.max(fileEnd, this.#zeros.fileEnd) < 0;',
  ),
  planted(
    'write-into-zeroing',
    'a batch is written where zeros are in flight',
    LANE,
    'if (Math.ceil(batch.end / BLOCK_BYTES) * BLOCK_BYTES > limit) break;',
    '',
  ),
];
