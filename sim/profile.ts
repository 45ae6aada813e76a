// How file systems differ in what they do after a failed fsync, after Rebello et al., "Can
// Applications Recover from fsync Failures?" (USENIX ATC 2020). Every profile but `lying` keeps the
// promise that a sync that succeeded made its bytes durable; under `lying` only detection is
// asserted.

export const PROFILES = ['ext4', 'ext4-journal', 'btrfs', 'lying'] as const;

/**
 * - `ext4`: ext4 data=ordered and XFS. Failed pages are marked clean and keep the new content; the
 *   error is told once per descriptor, and the next sync succeeds without writing anything.
 * - `ext4-journal`: ext4 data=journal. The sync succeeds into the journal; the failure to write in
 *   place is told by the *next* sync, which drops what it should have written.
 * - `btrfs`: content and size of what failed revert to what is on the disk.
 * - `lying`: a device that may call a sync done and lose it, and that tears sectors.
 *
 * @example
 * const profile: Profile = 'btrfs';
 * const result = await simulate(
 *   { state: () => 0, run: async ({ driver }) => (await Wal.open('/log', { driver })).close() },
 *   { worlds: 10, profile },
 * );
 * console.log(result.failure); // → undefined
 */
export type Profile = (typeof PROFILES)[number];

/** The smallest unit that a disk writes atomically, in bytes. */
export const SECTOR_BYTES = 512;

/** The unit of the page cache, in bytes, and of what may not be touched by two writes at once. */
export const BLOCK_BYTES = 4096;
