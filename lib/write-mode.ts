// How a batch goes to the disk: as a plain write, which a sync follows where somebody waits for
// one, or as a dsync write, which needs no other. A dsync write makes its own range durable,
// nothing before it: so it serves only where all before is durable, or in a dsync write that is
// acknowledged first. And only inside space that is zeroed already: there it cannot run out of
// space, and needs no journal commit.

import { isDirect } from './direct-io.js';
import type { IoFile } from './io/driver.js';
import type { Settlement } from './settlement.js';

/** `wait`: not yet, since the next event will allow a better way. */
export type WriteMode = 'plain' | 'dsync' | 'wait';

/** What decides. */
export interface WriteFacts {
  readonly file: Pick<IoFile, 'direct' | 'honoursDsync'>;
  readonly waiting: Pick<Settlement, 'wantsDurable' | 'wantsWritten'>;
  /** Space to the batch's end is zeroed, durably. */
  readonly isZeroed: boolean;
  /** All that is in flight before it are dsync writes. */
  readonly isChain: boolean;
  /** All that is written is durable. */
  readonly isWrittenDurable: boolean;
  /** A sync is under way: an event follows. */
  readonly isSyncing: boolean;
}

/** How the next batch should go. */
export function writeMode(facts: WriteFacts): WriteMode {
  const { file } = facts;
  const { wantsDurable, wantsWritten } = facts.waiting;
  if (!file.honoursDsync || !wantsDurable || !facts.isZeroed) return 'plain';
  // Through the page cache, those who only want to be written would wait for a sync not theirs.
  if (wantsWritten && !isDirect(file)) return 'plain';
  if (facts.isChain && facts.isWrittenDurable) return 'dsync';
  // Where batches overlap, something is always written and not durable, and plain writes would
  // follow plain writes for ever, each with a sync of its own. One pause ends that: where only a sync
  // of all that is written was waited for, 16 callers of 64 KiB made 35 syncs for 1,000 appends, not 24.
  const isEventDue = !facts.isChain || facts.isSyncing;
  return isEventDue && !wantsWritten ? 'wait' : 'plain';
}
