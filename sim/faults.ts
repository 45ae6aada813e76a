// Everything the simulated world can do to a log, by name. A world draws which of these exist in
// it at all (swarm testing), so that rare combinations get worlds of their own; the campaign counts
// how often each fired.

/** Where a fault strikes. */
export type FaultSite =
  | 'write'
  | 'dsync'
  | 'sync'
  | 'read'
  | 'truncate'
  | 'allocate'
  | 'open'
  | 'directory'
  | 'completion'
  | 'background'
  | 'medium'
  | 'event';

/** One fault class. */
export interface Fault {
  readonly site: FaultSite;
  /** How often it strikes where it exists, of 256 operations of its site (0: driven elsewhere). */
  readonly weight: number;
  readonly says: string;
}

export const FAULTS = {
  'short-write': { site: 'write', weight: 36, says: 'a write ends early, with a short count' },
  'zero-write': { site: 'write', weight: 8, says: 'a write reports zero bytes' },
  'write-eio': { site: 'write', weight: 8, says: 'a write fails with EIO' },
  enospc: { site: 'write', weight: 8, says: 'the disk is full for a while' },
  edquot: { site: 'write', weight: 6, says: 'the quota is used up for a while' },
  efbig: { site: 'write', weight: 6, says: 'the file may not grow for a while' },
  'write-eintr': { site: 'write', weight: 12, says: 'a write is interrupted' },
  'write-eagain': { site: 'write', weight: 12, says: 'a write is told to try again' },
  'dsync-write-half': { site: 'dsync', weight: 60, says: 'a dsync write fails before its sync' },
  'dsync-sync-half': { site: 'dsync', weight: 60, says: 'a dsync write fails in its sync' },
  'dsync-enospc': { site: 'dsync', weight: 60, says: 'the sync of a dsync write fails: ENOSPC' },
  'sync-error': { site: 'sync', weight: 28, says: 'a sync fails with EIO' },
  'sync-eintr': { site: 'sync', weight: 8, says: 'a sync is interrupted' },
  'read-error': { site: 'read', weight: 8, says: 'a read fails with EIO' },
  'short-read': { site: 'read', weight: 24, says: 'a read ends early' },
  'truncate-error': { site: 'truncate', weight: 24, says: 'a truncation fails with EIO' },
  'allocate-error': { site: 'allocate', weight: 100, says: 'an allocation fails with ENOSPC' },
  'open-error': { site: 'open', weight: 6, says: 'an open fails with EMFILE' },
  'direct-refused': { site: 'open', weight: 64, says: 'the file system refuses O_DIRECT' },
  'directory-error': { site: 'directory', weight: 8, says: 'directory work fails with EIO' },
  'slow-completion': { site: 'completion', weight: 24, says: 'an operation takes very long' },
  reordered: { site: 'completion', weight: 0, says: 'operations overtake one another' },
  'writeback-error': { site: 'background', weight: 4, says: 'background writeback fails' },
  'bit-rot': { site: 'medium', weight: 0, says: 'a bit of the medium flips' },
  'zeroed-sector': { site: 'medium', weight: 0, says: 'a sector of the medium reads as zeros' },
  misdirected: { site: 'medium', weight: 0, says: 'a sector holds what belongs elsewhere' },
  'torn-sector': { site: 'medium', weight: 0, says: 'a crash tears a sector in the middle' },
  'lying-sync': { site: 'medium', weight: 0, says: 'a sync succeeds and makes nothing durable' },
  'power-cut': { site: 'event', weight: 0, says: 'power is lost' },
  kill: { site: 'event', weight: 0, says: 'the process dies, the page cache lives' },
  'crash-in-open': { site: 'event', weight: 0, says: 'a crash inside open or recovery' },
  'crash-in-recovery-again': { site: 'event', weight: 0, says: 'the third crash in a row in open' },
  'crash-in-trim': { site: 'event', weight: 0, says: 'a crash while a truncation is in flight' },
  'crash-in-close': { site: 'event', weight: 0, says: 'a crash inside close' },
  abort: { site: 'event', weight: 0, says: 'a caller gives a waiting append up' },
  'flush-mid-batch': { site: 'event', weight: 0, says: 'a flush while appends are in flight' },
  'close-mid-batch': { site: 'event', weight: 0, says: 'a close while appends are in flight' },
} as const satisfies Readonly<Record<string, Fault>>;

/**
 * Name of a fault class.
 *
 * @example
 * const faults: FaultName[] = ['short-write', 'sync-error', 'power-cut', 'kill'];
 * const result = await simulate(
 *   { state: () => 0, run: async ({ driver }) => (await Wal.open('/log', { driver })).close() },
 *   { worlds: 10, faults },
 * );
 * console.log(result.failure); // → undefined
 */
export type FaultName = keyof typeof FAULTS;

/**
 * Every fault class there is.
 *
 * @example
 * console.log(FAULT_NAMES.includes('power-cut')); // → true
 */
export const FAULT_NAMES = Object.keys(FAULTS) as FaultName[];

/** Faults that are part of every schedule, or of a crash, and tell nothing by themselves. */
export const QUIET_FAULTS: readonly FaultName[] = [
  'reordered',
  'flush-mid-batch',
  'close-mid-batch',
  ...FAULT_NAMES.filter((name) => /^(power-cut|kill|crash-in-.*)$/.test(name)),
];

/** Index of each fault in a list of counts. */
export const FAULT_INDEX = Object.fromEntries(FAULT_NAMES.map((name, index) => [name, index])) as {
  readonly [name in FaultName]: number;
};

/** The faults of a site, in the order of the catalogue. */
export function faultsOf(site: FaultSite): FaultName[] {
  return FAULT_NAMES.filter((name) => FAULTS[name].site === site);
}
