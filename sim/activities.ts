// What the workload of the segmented log does and comes to, by name. A campaign counts each, and is
// not green while one never happened.

export const WAL_ACTIVITIES = {
  'append-durable': 'an append resolved as durable',
  'append-written': 'an append resolved as written',
  'append-many': 'appendMany resolved',
  batch: 'an atomic batch resolved',
  rejected: 'an append was rejected, and the log went on',
  flush: 'a flush resolved',
  interval: 'the sync of an interval made an append durable',
  rotate: 'a rotation that was asked for',
  'rotation-by-size': 'a rotation because the segment was full',
  full: 'an append was refused at the hard limit of files',
  'truncate-before': 'truncateBefore resolved',
  'segments-removed': '… and had removed segments',
  checkpoint: 'everything was removed but the sequence',
  'checkpoint-in-log': 'a checkpoint that was only written let segments go',
  'truncate-after': 'truncateAfter resolved',
  'truncate-after-refused': 'truncateAfter was refused, and nothing was changed',
  read: 'the whole log was read',
  'read-while-removed': '… while truncateBefore was at work behind the reader',
  'followed-entry': 'a follower got an entry',
  'followed-rotation': '… that stands in another file than the one before it',
  reopen: 'closed, and opened again',
  'second-writer': 'a second writer was refused',
  'failed-open': 'an open failed, and left nothing behind',
  'close-after-failure': 'a log that had failed was closed, and left nothing behind',
  'damage-cut': 'a segment in the middle lost its end',
  'damage-flip': 'a bit of a durable record that others follow was flipped',
  'damage-missing': 'a segment in the middle was removed',
  'unreadable-kept': 'a checkpoint covered a segment that cannot be read',
  refused: 'a damaged log was refused, and not touched',
  trimmed: 'a damaged log was trimmed, and a copy kept',
  salvaged: 'a damaged log was salvaged, and a copy kept',
  'crash-in-rotate': 'a crash while a rotation was asked for',
  'crash-in-batch': 'a crash while an atomic batch was open',
  'crash-in-truncate-before': 'a crash inside truncateBefore',
  'crash-in-truncate-after': 'a crash inside truncateAfter',
  'crash-in-checkpoint': 'a crash inside a checkpoint, from its rotation to the removals',
  'crash-in-read': 'a crash while the whole log was read',
  'crash-in-follow': 'a crash while a follower waited or read',
  'crash-in-mending-open': 'a crash while a damaged log was trimmed or salvaged',
} as const;

export type WalActivity = keyof typeof WAL_ACTIVITIES;

/** What can be under way when a crash strikes. */
export type Doing = WalActivity extends infer Name
  ? Name extends `crash-in-${infer Work}`
    ? Work
    : never
  : never;

export const WAL_ACTIVITY_NAMES = Object.keys(WAL_ACTIVITIES) as WalActivity[];
