// Bugs planted in the simulator itself. Each is paired with a bug of the library that only a
// simulator that sees can catch: with the simulator blinded, the hunt must come back empty.

import { type Mutation, planted } from './mutation.js';

export interface Canary {
  readonly mutation: Mutation;
  /** Name of the library's bug that it makes invisible. */
  readonly bug: string;
  /** The invariant that is blind; another may still see the bug. Absent: nothing sees it. */
  readonly invariant?: string;
}

export const CANARIES: readonly Canary[] = [
  {
    mutation: {
      name: 'sim-never-tells-a-sync-error',
      breaks: 'no sync and no writeback ever fails',
      edits: [
        {
          file: 'sim/driver-sync.ts',
          find: 'if (fault === undefined && wasTold) {',
          replace: 'if (fault === undefined || wasTold) {',
        },
        {
          file: 'sim/driver-sync.ts',
          find: "if (fault === 'sync-eintr') {",
          replace: "if (fault === 'sync-eintr' && inode.size < 0) {",
        },
        {
          file: 'sim/driver-sync.ts',
          find: 'if (dirty.length === 0) return;',
          replace: 'if (dirty.length >= 0) return;',
        },
        {
          file: 'sim/driver-file.ts',
          find: "if (environment.draw('background') === 'writeback-error') {",
          replace: "if (environment.draw('background') === 'writeback-error' && sector < 0) {",
        },
      ],
    },
    bug: 'sync-error-swallowed',
  },
  {
    mutation: {
      name: 'sim-never-shortens-a-write',
      breaks: 'every write is written whole or fails',
      edits: [
        {
          file: 'sim/driver-write.ts',
          find: 'if (range <= 0) return 0;',
          replace: 'if (range <= 0 || unit > 0) return 0;',
        },
        {
          file: 'sim/driver-write.ts',
          find: 'if (landed > 0) return',
          replace: 'if (landed < 0) return',
        },
      ],
    },
    bug: 'short-write-rest-dropped',
  },
  {
    mutation: planted(
      'sim-directories-always-durable',
      'directory entries are durable at once',
      'sim/disk-directory.ts',
      '    apply(this.entries, change);\n    this.journal.push(change);',
      '    apply(this.entries, change);\n    apply(this.medium, change);',
    ),
    bug: 'directory-not-synced',
  },
  {
    mutation: planted(
      'sim-writes-always-durable',
      'no sector is ever lost',
      'sim/disk-file.ts',
      '    this.#mark(position, end, direct ? UNFLUSHED : DIRTY);\n    this.#grow(end);',
      '    this.#mark(position, end, direct ? UNFLUSHED : DIRTY);\n    this.#grow(end);\n    this.sync();',
    ),
    bug: 'ack-before-sync',
  },
  {
    mutation: planted(
      'sim-never-reorders',
      'operations complete in the order of their issue',
      'sim/driver-operation.ts',
      '    let rest = index;',
      '    // Not even a slow one is overtaken.\n    let rest = index;\n    if (rest >= 0) return this.list[0];',
    ),
    bug: 'sync-counts-what-came-later',
  },
  {
    mutation: planted(
      'sim-never-looks-at-buffers',
      'bytes that change in flight are not noticed',
      'sim/driver-file.ts',
      'Buffer.compare(issued, bytes) === 0,',
      'Buffer.compare(issued, issued) === 0,',
    ),
    bug: 'buffer-reused-in-flight',
    invariant: 'buffer-unchanged-in-flight',
  },
  {
    mutation: planted(
      'sim-never-looks-at-overlap',
      'two operations on one block are not noticed',
      'sim/driver-operation.ts',
      "other === undefined,\n      'no-overlap-in-flight',",
      "other === undefined || operation.id > 0,\n      'no-overlap-in-flight',",
    ),
    bug: 'two-writes-of-the-tail-block',
    invariant: 'no-overlap-in-flight',
  },
];
