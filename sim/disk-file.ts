// One simulated file, three layers deep. A byte lives in the page cache (what readers see), on the
// device (what a read past the cache sees; the disk's own volatile cache), and on the medium (what
// a power cut leaves). A sector knows whether its cache is newer than its device (dirty) and its
// device newer than its medium (unflushed); the size has a journal of changes of its own, of which
// a crash keeps a prefix.
//
// Background writeback may make any sector durable at any time. That needs no events: what of it
// can ever be seen is decided where it matters, when a sector is overwritten (did the older version
// reach the medium?) and when the power goes (which sectors did?).

import type { Arena } from './arena.js';
import type { SizeChange, SurvivalPlan } from './disk-survival.js';
import { BLOCK_BYTES, SECTOR_BYTES } from './profile.js';

const DIRTY = 1;
const UNFLUSHED = 2;
const CAPACITY_BYTES_MIN = 2048;
const EMPTY = new Uint8Array(0);

export class SimInode {
  readonly number: number;
  /** Page cache, device, medium; all as long, and zero beyond the size. */
  cache: Uint8Array = EMPTY;
  device: Uint8Array = EMPTY;
  medium: Uint8Array = EMPTY;
  #flags: Uint8Array = EMPTY;
  /** No sector at or behind this one is dirty or unflushed. */
  #flaggedEnd = 0;
  size = 0;
  mediumSize = 0;
  /** Changes of the size that are not durable yet, oldest first. */
  readonly journal: SizeChange[] = [];
  /** Writeback errors so far, as a descriptor's view of them (errseq_t) needs. */
  errors = 0;
  errorsTold = 0;

  readonly #arena: Arena;

  constructor(number: number, arena: Arena) {
    this.number = number;
    this.#arena = arena;
  }

  /** Copies bytes in; `direct` goes past the page cache to the device. */
  write(bytes: Uint8Array, position: number, direct: boolean): void {
    const end = position + bytes.length;
    if (bytes.length === 0) return;
    this.#reserve(end);
    this.cache.set(bytes, position);
    if (direct) this.device.set(bytes, position);
    this.#mark(position, end, direct ? UNFLUSHED : DIRTY);
    this.#grow(end);
  }

  /**
   * Calls back with each sector of a range whose current content would be overwritten unseen, so
   * that the caller may decide that it had reached the medium.
   */
  persistOverwritten(position: number, length: number, decide: () => boolean): void {
    const first = Math.floor(position / SECTOR_BYTES);
    const end = Math.min(Math.ceil((position + length) / SECTOR_BYTES), this.#flaggedEnd);
    for (let sector = first; sector < end; sector++) {
      if (this.#flags[sector] === 0 || this.#waitsForTruncation(sector)) continue;
      if (!decide()) continue;
      // What reached the medium went through the device: a read past the cache sees it.
      if (((this.#flags[sector] ?? 0) & DIRTY) !== 0) copySector(this.cache, this.device, sector);
      copySector(this.device, this.medium, sector);
    }
  }

  truncate(size: number): void {
    if (size >= this.size) {
      this.#reserve(size);
      this.#grow(size);
      return;
    }
    this.cache.fill(0, size, this.size);
    this.device.fill(0, size, this.size);
    const kept = Math.ceil(size / SECTOR_BYTES);
    this.#flags.fill(0, kept);
    this.#flaggedEnd = Math.min(this.#flaggedEnd, kept);
    if (size % SECTOR_BYTES !== 0) this.#mark(size, size + 1, DIRTY);
    this.size = size;
    this.journal.push({ size, shrinks: true });
  }

  /** Makes the size at least this; what lies between reads as zeros. */
  allocate(end: number): void {
    this.#reserve(end);
    this.#grow(end);
  }

  /** A sync that worked: everything becomes durable. */
  sync(): void {
    this.#commit(this.journal.length);
    this.#persist(0, this.#flaggedEnd);
    this.#flaggedEnd = 0;
  }

  /** The sync of a dsync write that worked: its own sectors, and the size they need. */
  syncRange(position: number, length: number): void {
    const end = position + length;
    let needed = 0;
    this.journal.forEach((change, index) => {
      if (change.shrinks && blockEnd(change.size) < end) needed = index + 1;
    });
    let size = this.journal[needed - 1]?.size ?? this.mediumSize;
    while (size < end && needed < this.journal.length) {
      size = this.journal[needed]?.size ?? size;
      needed += 1;
    }
    this.#commit(needed);
    this.#persist(Math.floor(position / SECTOR_BYTES), Math.ceil(end / SECTOR_BYTES));
  }

  /** Writeback of a sector that failed as on ext4 and XFS: marked clean, the cache keeps the new. */
  failSector(sector: number): void {
    this.#flags[sector] = (this.#flags[sector] ?? 0) & ~DIRTY;
  }

  /** Writes a sector to the device; the medium may still lack it. */
  writeBack(sector: number): void {
    const flags = this.#flags[sector] ?? 0;
    if ((flags & DIRTY) === 0) return;
    copySector(this.cache, this.device, sector);
    this.#flags[sector] = UNFLUSHED;
  }

  /** What Btrfs does after a failed sync: everything not durable is gone, the size with it. */
  revert(): void {
    this.journal.length = 0;
    this.#becomeMedium();
  }

  /** Dirty sectors of a byte range, in order. */
  dirtySectors(position = 0, length = this.size): number[] {
    const sectors: number[] = [];
    const end = Math.min(Math.ceil((position + length) / SECTOR_BYTES), this.#flaggedEnd);
    for (let sector = Math.floor(position / SECTOR_BYTES); sector < end; sector++) {
      if (((this.#flags[sector] ?? 0) & DIRTY) !== 0) sectors.push(sector);
    }
    return sectors;
  }

  /** Sectors whose content a power cut may lose, in order. */
  unsyncedSectors(): number[] {
    const sectors: number[] = [];
    for (let sector = 0; sector < this.#flaggedEnd; sector++) {
      if (this.#flags[sector] !== 0) sectors.push(sector);
    }
    return sectors;
  }

  /** One letter a sector: `d` dirty, `u` on the device but not the medium, `s` stale, `.` durable. */
  sectorLetters(): string {
    let letters = '';
    for (let sector = 0; sector * SECTOR_BYTES < this.size; sector++) {
      const flags = this.#flags[sector] ?? 0;
      const start = sector * SECTOR_BYTES;
      const end = start + SECTOR_BYTES;
      const isStale =
        Buffer.compare(this.cache.subarray(start, end), this.device.subarray(start, end)) !== 0;
      letters += (flags & DIRTY) !== 0 ? 'd' : isStale ? 's' : flags !== 0 ? 'u' : '.';
    }
    return letters;
  }

  /** The content as of now: of each sector what will be on the medium once all is written back. */
  newestBytes(): Uint8Array {
    const bytes = this.device.slice(0, this.size);
    for (const sector of this.dirtySectors()) {
      const start = sector * SECTOR_BYTES;
      bytes.set(this.cache.subarray(start, Math.min(start + SECTOR_BYTES, this.size)), start);
    }
    return bytes;
  }

  /** Clean pages are forgotten: cached reads see the device again. */
  dropClean(): void {
    const end = Math.ceil(this.size / SECTOR_BYTES);
    for (let sector = 0; sector < end; sector++) {
      if (((this.#flags[sector] ?? 0) & DIRTY) === 0) copySector(this.device, this.cache, sector);
    }
  }

  /** The power goes: the plan says what had reached the medium, everything else is lost. */
  powerCut(plan: SurvivalPlan): void {
    const sectors = this.unsyncedSectors();
    const kept = plan.changesKept(this.journal.length);
    let lostFrom = Number.POSITIVE_INFINITY;
    for (const change of this.journal.slice(kept)) {
      if (change.shrinks) lostFrom = Math.min(lostFrom, blockEnd(change.size));
    }
    this.#commit(kept);
    this.journal.length = 0;
    plan.begin?.(sectors.length, (index) => this.#hasOlder(sectors[index] ?? 0));
    for (const sector of sectors) {
      if (sector * SECTOR_BYTES >= lostFrom) continue;
      const unflushed = ((this.#flags[sector] ?? 0) & UNFLUSHED) !== 0;
      const bytes = plan.sectorKept(sector, unflushed);
      if (bytes === 0) continue;
      const start = sector * SECTOR_BYTES;
      const newest = bytes < 0 ? this.device : this.#newest(sector);
      this.medium.set(newest.subarray(start, start + Math.abs(bytes)), start);
    }
    this.medium.fill(0, this.mediumSize);
    this.errors = 0;
    this.errorsTold = 0;
    this.#becomeMedium();
  }

  /** Damages what is stored, behind everybody's back. */
  damage(change: (bytes: Uint8Array) => void): void {
    change(this.medium);
    this.cache.set(this.medium);
    this.device.set(this.medium);
    this.errorsTold = this.errors;
  }

  clone(): SimInode {
    const copy = new SimInode(this.number, this.#arena);
    copy.cache = this.cache.slice();
    copy.device = this.device.slice();
    copy.medium = this.medium.slice();
    copy.#flags = this.#flags.slice();
    copy.#flaggedEnd = this.#flaggedEnd;
    copy.size = this.size;
    copy.mediumSize = this.mediumSize;
    copy.journal.push(...this.journal);
    copy.errors = this.errors;
    copy.errorsTold = this.errorsTold;
    return copy;
  }

  /** The medium has an older version of the sector, and not only zeros. */
  #hasOlder(sector: number): boolean {
    const start = sector * SECTOR_BYTES;
    const old = this.medium.subarray(start, start + SECTOR_BYTES);
    const newest = this.#newest(sector).subarray(start, start + SECTOR_BYTES);
    return old.some((byte) => byte !== 0) && Buffer.compare(old, newest) !== 0;
  }

  #newest(sector: number): Uint8Array {
    return ((this.#flags[sector] ?? 0) & DIRTY) !== 0 ? this.cache : this.device;
  }

  /** New blocks behind an unfinished truncation belong to nobody until it is committed. */
  #waitsForTruncation(sector: number): boolean {
    return this.journal.some(
      (change) => change.shrinks && sector * SECTOR_BYTES >= blockEnd(change.size),
    );
  }

  #persist(first: number, end: number): void {
    for (let sector = first; sector < end; sector++) {
      const flags = this.#flags[sector] ?? 0;
      if (flags === 0) continue;
      if ((flags & DIRTY) !== 0) copySector(this.cache, this.device, sector);
      copySector(this.device, this.medium, sector);
      this.#flags[sector] = 0;
    }
  }

  #commit(count: number): void {
    for (let index = 0; index < count; index++) {
      const change = this.journal[index];
      if (change === undefined) break;
      if (change.shrinks) this.medium.fill(0, change.size);
      this.mediumSize = change.size;
    }
    this.journal.splice(0, count);
  }

  #becomeMedium(): void {
    this.size = this.mediumSize;
    this.medium.fill(0, this.size);
    this.device.set(this.medium);
    this.cache.set(this.medium);
    this.#flags.fill(0);
    this.#flaggedEnd = 0;
  }

  #mark(position: number, end: number, flag: number): void {
    const sectorEnd = Math.ceil(end / SECTOR_BYTES);
    for (let sector = Math.floor(position / SECTOR_BYTES); sector < sectorEnd; sector++) {
      const before = flag === DIRTY ? (this.#flags[sector] ?? 0) : 0;
      this.#flags[sector] = before | flag;
    }
    this.#flaggedEnd = Math.max(this.#flaggedEnd, sectorEnd);
  }

  #grow(end: number): void {
    if (end <= this.size) return;
    this.size = end;
    this.journal.push({ size: end, shrinks: false });
  }

  #reserve(end: number): void {
    if (end <= this.cache.length) return;
    let capacity = Math.max(this.cache.length, CAPACITY_BYTES_MIN);
    while (capacity < end) capacity *= 2;
    this.cache = this.#enlarged(this.cache, capacity);
    this.device = this.#enlarged(this.device, capacity);
    this.medium = this.#enlarged(this.medium, capacity);
    this.#flags = this.#enlarged(this.#flags, capacity / SECTOR_BYTES);
  }

  #enlarged(bytes: Uint8Array, length: number): Uint8Array {
    const larger = this.#arena.take(length);
    larger.set(bytes);
    return larger;
  }
}

function copySector(from: Uint8Array, to: Uint8Array, sector: number): void {
  const start = sector * SECTOR_BYTES;
  to.set(from.subarray(start, start + SECTOR_BYTES), start);
}

function blockEnd(position: number): number {
  return Math.ceil(position / BLOCK_BYTES) * BLOCK_BYTES;
}
