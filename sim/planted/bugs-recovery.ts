// Planted bugs in what happens when a log is opened, and in the queue in front of the writer.

import { type Edit, type Mutation, planted } from './mutation.js';

const RECOVERY = 'lib/recovery.ts';
const TAIL = 'lib/tail.ts';
const APPENDER = 'lib/appender.ts';
const WRITER = 'lib/writer.ts';

/** No copy is kept of a torn tail that holds whole records. */
const NOTHING_KEPT: Edit = {
  file: TAIL,
  find: '...(inside && { holdsRecords: true })',
  replace: '...(inside && {})',
};

const RECOVERY_BUGS: readonly Mutation[] = [
  planted(
    'recovery-not-synced',
    'what recovery keeps and cuts is not made durable',
    RECOVERY,
    'await file.sync();',
    '',
  ),
  planted(
    'directory-not-synced',
    'the directory entry of a new log is not made durable',
    RECOVERY,
    'await driver.syncDirectory(dirname(file.path));',
    '',
  ),
  {
    name: 'cache-trusted',
    breaks: 'recovery believes the page cache after a failed sync',
    edits: [
      { file: RECOVERY, find: 'pastCache: true', replace: 'pastCache: false' },
      { file: RECOVERY, find: 'await file.dropCache();', replace: '' },
    ],
  },
  planted(
    'torn-tail-left',
    'a torn tail is not cut off',
    RECOVERY,
    'if (size > end.offset) await file.truncate(end.offset);',
    '',
  ),
  planted(
    'recovery-cuts-short',
    'recovery cuts a byte of the last record',
    RECOVERY,
    'await file.truncate(end.offset);',
    'await file.truncate(Math.max(0, end.offset - 1));',
  ),
  planted(
    'recovery-cuts-long',
    'recovery leaves a byte of the torn record',
    RECOVERY,
    'await file.truncate(end.offset);',
    'await file.truncate(end.offset + 1);',
  ),
  planted(
    'no-quarantine',
    'what is cut at a tear is not kept',
    RECOVERY,
    'const kept = keep ? await quarantine(driver, file, window, end) : undefined;',
    'const kept = keep && size < 0 ? await quarantine(driver, file, window, end) : undefined;',
  ),
  planted(
    'quarantine-not-synced',
    'the log is cut before the copy of what is cut is durable',
    'lib/quarantine.ts',
    'await copy.sync();',
    '',
  ),
  planted(
    'quarantine-entry-not-synced',
    'the log is cut before the directory entry of the copy is durable',
    'lib/quarantine.ts',
    'await driver.syncDirectory(dirname(log.path));',
    '',
  ),
  planted(
    'report-miscounts',
    'recovery reports one record a run',
    RECOVERY,
    'this.records += run.count;',
    'this.records += 1;',
  ),
  planted(
    'tear-is-corruption',
    'sectors that landed out of order are taken for damage',
    TAIL,
    "kind: tear ? 'tear' : 'corrupt'",
    "kind: tear && size < 0 ? 'tear' : 'corrupt'",
  ),
  planted(
    'short-gap-is-corruption',
    'a gap of zeros shorter than a sector, as a file system leaves that takes back, is damage',
    TAIL,
    'const isGap = await isZero(window, offset, Math.min(offset + UNWRITTEN_BYTES, search));',
    'const isGap = search < 0;',
  ),
  {
    name: 'corruption-is-torn',
    breaks: 'damage in the middle is taken for a torn tail, and nothing of it is kept',
    edits: [
      { file: TAIL, find: 'if (search === undefined) {', replace: 'if (search >= 0 || !search) {' },
      NOTHING_KEPT,
    ],
  },
  {
    // What a torn record hides would be kept all the same: one covers for the other.
    name: 'garbage-header-believed',
    breaks: 'a header is believed without its magic, and nothing of what it hides is kept',
    edits: [
      {
        file: TAIL,
        find: 'const isHeader = hasHeader(window, index) && ',
        replace: 'const isHeader = ',
      },
      NOTHING_KEPT,
    ],
  },
  planted(
    'nested-records-follow',
    'a record inside the value of a torn one is taken for a later record',
    TAIL,
    'return search(window, from, budget);',
    'return search(window, offset + 1, budget);',
  ),
  planted(
    'short-read-is-the-end',
    'the end of what a short read gave is taken for the end of the file',
    'lib/scan.ts',
    'if (offset + wanted > size) return',
    'if (offset + wanted > window.position + window.filled) return',
  ),
  planted(
    'crc-over-the-wrong-bytes',
    'the checksum leaves out the first byte of the sequence',
    'lib/record.ts',
    'crc32Portable(bytes, at + AT_SEQUENCE,',
    'crc32Portable(bytes, at + AT_SEQUENCE + 1,',
  ),
  planted(
    'crc-not-checked',
    'records are believed without their checksum',
    'lib/record.ts',
    'return recordCrc(bytes, at, length, keyLength) === crc ? STOP.END : STOP.BAD_CRC;',
    'return recordCrc(bytes, at, length, keyLength) >= 0 || crc > 0 ? STOP.END : STOP.BAD_CRC;',
  ),
];

const QUEUE_BUGS: readonly Mutation[] = [
  planted(
    'queued-append-outlives-rejected',
    'appends that wait behind a failed one are let in',
    APPENDER,
    'this.#options.sequencer?.reset(pipeline.writtenSequence);\n        this.#rejectLine(error);',
    'void error;\n        this.#admitWaiting();',
  ),
  planted(
    'flush-forgets-waiters',
    'a flush does not cover the appends that wait',
    APPENDER,
    'if (this.#line.isEmpty && this.#isOpen()) this.#pipeline.flush(resolve, reject);',
    'if (this.#isOpen()) this.#pipeline.flush(resolve, reject);',
  ),
  planted(
    'close-does-not-drain',
    'close cuts and closes while appends are on their way',
    WRITER,
    'await this.#appender.drain();',
    'await Promise.resolve();',
  ),
  planted(
    'queue-bytes-leak',
    'settled records still count as queued bytes',
    APPENDER,
    'this.#queuedBytes -= length;',
    'this.#queuedBytes -= length - 1;',
  ),
  planted(
    'queue-unbounded',
    'the bounds of the queue are not kept',
    APPENDER,
    'return this.#queuedRecords < channelCapacity && this.#queuedBytes + length <= queueBytesMax;',
    'return this.#queuedRecords < channelCapacity || this.#queuedBytes + length <= queueBytesMax;',
  ),
  planted(
    'aborted-append-written',
    'an append that its caller gave up is written all the same',
    APPENDER,
    'this.#line.remove(waiter);\n      this.#rejectWaiter(waiter, reason);',
    'this.#rejectWaiter(waiter, reason);',
  ),
  planted(
    'waiter-overtaken',
    'an append overtakes those that wait',
    APPENDER,
    'if (this.#line.isEmpty && this.#isOpen() && this.#fits(length)',
    'if (this.#isOpen() && this.#fits(length)',
  ),
  planted(
    'poisoned-log-accepts',
    'a poisoned log takes appends that never settle',
    WRITER,
    'this.#appender.checkPoison();',
    '',
  ),
  planted('lock-kept', 'close keeps the lock', WRITER, '() => lock.release(),', ''),
  planted('descriptor-kept', 'close keeps the file open', WRITER, '() => file.close(),', ''),
  planted(
    'failed-open-keeps-lock',
    'an open that fails keeps the lock',
    'lib/open.ts',
    'undo.push(() => lock.release());',
    '',
  ),
];

export const OTHER_BUGS: readonly Mutation[] = [...RECOVERY_BUGS, ...QUEUE_BUGS];
