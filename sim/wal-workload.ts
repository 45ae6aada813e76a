// A segmented log under everything an application does to it, many things at a time: appends of all
// kinds, flushes, rotations, truncations, readers and followers, a second writer, close and reopen,
// damage and its repair. One process of a world; the model remembers across crashes what callers were
// told.
//
// Longer than most files here: it is every way in which one process uses one log; the log itself,
// what is checked of it, its model and the damage stand alone.
/* eslint max-lines: off -- see above */

import { Wal, WalError } from '../lib/index.js';
import type { WatchedProcess, WatchedWorkload } from './user-scenario.js';
import type { WalActivity } from './activities.js';
import { type ChoiceGroup, LANE } from './choices.js';
import { DIRECTORY, type Told, checkPlace, plain } from './wal-checks.js';
import { drawDamage, lossOf, mend, spoil } from './wal-damage.js';
import { filesIn, recordAt, segmentImages } from './wal-images.js';
import { WalLog } from './wal-log.js';
import { type WalEntryModel, WalModel } from './wal-model.js';

const ROUNDS_MAX = 10;
const EVENTS_BETWEEN_MAX = 6;
const BURST_MAX = 6;
const VALUE_BYTES = [1, 60, 400, 1500, 3000];
const RECORD_OVERHEAD_BYTES = 64;
/** Rejections that say that the entry was never taken. */
const REFUSALS: ReadonlySet<unknown> = new Set(['ERR_WAL_CLOSED', 'ABORT_ERR']);

/** The workload, for the worlds of the segmented log. */
export const walWorkload: WatchedWorkload<WalModel> = {
  state: () => new WalModel(),
  run: async (process, model) => {
    // The file whose sectors a report shows.
    process.environment.watchedPath = `${DIRECTORY}/${nameOf(1)}`;
    const session = new Session(process, model);
    await session.run();
  },
};

class Session {
  readonly #process: WatchedProcess;
  readonly #model: WalModel;
  readonly #log: WalLog;
  readonly #rounds: ChoiceGroup;
  /** What was started and not yet waited for. */
  #running: Promise<void>[] = [];
  #failure: { readonly error: unknown } | undefined;
  #followed: Promise<void> | undefined;
  /** Segment of the last acknowledged append. */
  #segment = 0;
  #isRotating = false;

  constructor(process: WatchedProcess, model: WalModel) {
    this.#process = process;
    this.#model = model;
    this.#log = new WalLog(process, model);
    this.#rounds = process.environment.choices.group(LANE.action);
  }

  async run(): Promise<void> {
    await this.#log.inherit();
    await this.#log.start();
    try {
      this.#rounds.countAt = this.#position();
      for (let round = this.#pick(ROUNDS_MAX); round >= 0; round--) {
        this.#rounds.items.push(this.#process.environment.choices.mark());
        await this.#act();
      }
      this.#rounds.end = this.#process.environment.choices.mark();
      if (this.#pick(4) > 0) await this.#calm();
      if (this.#process.isLast || this.#pick(2) === 0) await this.#close();
    } catch (error) {
      if (this.#process.isLast || this.#pick(2) === 0) {
        await this.#log.abandon(() => this.#settleAll());
      }
      throw error;
    }
  }

  // Actions. Those of the first list run beside each other; the others want the log for themselves.

  readonly #together = [
    () => this.#burst(),
    () => this.#burst(),
    () => this.#many(),
    () => this.#batch(),
    () => this.#abortable(),
    () => this.#flush(),
    () => this.#rotate(),
    () => this.#truncateBefore(),
    () => this.#read(),
  ];
  readonly #alone = [
    () => this.#checkpoint(),
    () => this.#truncateAfter(),
    () => this.#follow(),
    () => this.#reopen(),
    () => this.#secondWriter(),
    () => this.#interval(),
    () => this.#unreadable(),
    () => this.#damage(),
  ];

  async #act(): Promise<void> {
    const together = this.#together;
    const index = this.#pick(together.length + this.#alone.length);
    const action = together[index] ?? this.#alone[index - together.length];
    if (index >= together.length) {
      await this.#calm();
      await action?.();
      return;
    }
    this.#start(action?.());
    if (this.#pick(3) === 0) await this.#calm();
    else for (let left = this.#pick(EVENTS_BETWEEN_MAX); left > 0; left--) await this.#log.wait();
    this.#throwFailure();
  }

  #start(work: Promise<void> | undefined): void {
    if (work === undefined) return;
    this.#running.push(
      work.catch((error: unknown) => {
        this.#failure ??= { error };
      }),
    );
  }

  async #settleAll(): Promise<void> {
    await Promise.all(this.#running.splice(0));
    await this.#followed;
    this.#followed = undefined;
  }

  /** Waits until nothing but a follower is open. */
  async #calm(): Promise<void> {
    await Promise.all(this.#running.splice(0));
    this.#throwFailure();
    this.#log.checkBounds();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  // Appends.

  async #burst(): Promise<void> {
    const count = 1 + this.#pick(BURST_MAX);
    const first = this.#model.lastId + 1;
    this.#note(`append entries ${String(first)} to ${String(first + count - 1)} at once`);
    await Promise.all(Array.from({ length: count }, () => this.#append({ inBurst: true })));
  }

  async #append({
    signal,
    inBurst = false,
  }: { signal?: AbortSignal; inBurst?: boolean } = {}): Promise<void> {
    const sync = this.#pick(4) > 0;
    const entry = this.#submit();
    const words = (): string => {
      return `${entry.type} entry ${String(entry.id)}${sync ? ', durably' : ''}`;
    };
    if (inBurst) this.#detail(words);
    else this.#note(words());
    const options = { sync, ...(signal && { signal }) };
    const { id, type, value } = entry;
    await this.#outcome([entry], sync, () =>
      type === 'put'
        ? this.#wal.put(String(id), value, options)
        : this.#wal.delete(String(id), options),
    );
  }

  async #abortable(): Promise<void> {
    const controller = new AbortController();
    const appended = this.#append({ signal: controller.signal });
    this.#process.environment.fire('abort');
    controller.abort(Object.assign(new Error('the caller gave up'), { code: 'ABORT_ERR' }));
    await appended;
  }

  async #batch(): Promise<void> {
    const entries = Array.from({ length: 1 + this.#pick(3) }, () => this.#submit(3));
    this.#model.bind(entries);
    this.#note(`put entries ${idsOf(entries)} as one batch`);
    const told = await this.#log.during('batch', () =>
      this.#outcome(entries, true, () =>
        this.#wal.appendBatch(entries.map(plainOf), { sync: true }),
      ),
    );
    if (told !== undefined) this.#reached('batch');
  }

  async #many(): Promise<void> {
    const entries = Array.from({ length: 1 + this.#pick(4) }, () => this.#submit(3));
    const sync = this.#pick(2) === 0;
    this.#note(`put entries ${idsOf(entries)} together`);
    this.#log.open += entries.length;
    try {
      const told = await this.#wal.appendMany(entries.map(plainOf), { sync });
      this.#reached('append-many');
      for (const [index, entry] of entries.entries()) {
        this.#acknowledged([entry], sync, {
          sequence: told.sequences[index] ?? 0n,
          segment: told.segments[index] ?? 0,
          offset: told.offsets[index] ?? -1,
          length: told.lengths[index] ?? 0,
        });
      }
    } catch (error) {
      for (const entry of entries)
        this.#model.rejected(entry, 'uncertain', this.#process.environment.step);
      this.#goOnAfter(error);
    } finally {
      this.#log.open -= entries.length;
    }
  }

  async #outcome(
    entries: readonly WalEntryModel[],
    sync: boolean,
    append: () => Promise<Told>,
  ): Promise<Told | undefined> {
    this.#log.open += 1;
    try {
      const told = await append();
      this.#log.open -= 1;
      this.#acknowledged(entries, sync, told);
      return told;
    } catch (error) {
      this.#log.open -= 1;
      const code = (error as { code?: unknown }).code;
      const fate = code === 'ERR_WAL_FULL' ? 'full' : REFUSALS.has(code) ? 'refused' : 'rejected';
      for (const entry of entries) {
        this.#model.rejected(entry, fate, this.#process.environment.step);
      }
      this.#detail(() => `entries ${idsOf(entries)} were rejected: ${String(error)}`);
      if (code === 'ABORT_ERR') return undefined;
      this.#goOnAfter(error);
      // A caller that tries again at once, while others still hear of the same failure.
      if (this.#pick(3) === 1) await this.#append();
      return undefined;
    }
  }

  #acknowledged(entries: readonly WalEntryModel[], sync: boolean, told: Told): void {
    for (const [index, entry] of entries.entries()) {
      this.#model.acknowledged(entry, told.sequence + BigInt(index), sync);
    }
    this.#detail(() => `entries ${idsOf(entries)} are at ${String(told.sequence)}`);
    checkPlace(this.#process.environment, this.#model, entries, told, sync);
    this.#reached(sync ? 'append-durable' : 'append-written');
    if (told.segment > this.#segment && this.#segment > 0 && !this.#isRotating) {
      this.#reached('rotation-by-size');
    }
    this.#segment = told.segment;
    this.#isRotating = false;
  }

  #submit(sizes = VALUE_BYTES.length): WalEntryModel {
    const isDelete = this.#pick(8) === 1;
    const size = isDelete ? 0 : (VALUE_BYTES[this.#pick(sizes)] ?? 0);
    // No zeros: a sector of them would be the mark of a tear.
    const value = new Uint8Array(size).map((_byte, at) => ((this.#model.lastId + at) & 0xff) | 1);
    this.#log.largestRecord = Math.max(this.#log.largestRecord, 3 * size + RECORD_OVERHEAD_BYTES);
    return this.#model.submit(isDelete ? 'delete' : 'put', value);
  }

  // What else is done beside each other.

  async #flush(): Promise<void> {
    this.#note('flush');
    const { lastId } = this.#model;
    if (this.#log.open > 0) this.#process.environment.fire('flush-mid-batch');
    await this.#tolerant(async () => {
      await this.#wal.flush();
      this.#model.flushed(lastId);
      this.#reached('flush');
    });
  }

  async #rotate(): Promise<void> {
    this.#note('rotate');
    this.#isRotating = true;
    await this.#tolerant(() =>
      this.#log.during('rotate', async () => {
        await this.#wal.rotate();
        this.#reached('rotate');
      }),
    );
  }

  async #truncateBefore(): Promise<void> {
    const sequence = (this.#wal.durableSequence ?? 0n) - BigInt(this.#pick(20));
    if (sequence > 0n) await this.#removeBefore(sequence);
  }

  /** Resolves to how many segments went. */
  async #removeBefore(sequence: bigint): Promise<number> {
    this.#note(`truncate before ${String(sequence)}`);
    const { lastId } = this.#model;
    this.#model.removingBelow(sequence);
    let count = 0;
    await this.#tolerant(() =>
      this.#log.during('truncate-before', async () => {
        const { removed } = await this.#wal.truncateBefore(sequence);
        this.#reached('truncate-before');
        if (removed.length === 0) return;
        count = removed.length;
        this.#reached('segments-removed');
        // What was appended before may be the checkpoint.
        this.#model.flushed(lastId);
      }),
    );
    return count;
  }

  async #read(): Promise<void> {
    this.#note('read all of it');
    const isRemoved = this.#pick(3) === 1;
    const known = this.#model.known();
    const meanwhile = isRemoved ? () => this.#truncateBefore() : undefined;
    await this.#tolerant(async () => {
      const found = await this.#log.during('read', () => this.#log.read(meanwhile));
      this.#model.checkFound(found);
      this.#model.checkPresent(known, found, 'lease-holds');
      this.#reached('read');
      if (isRemoved) this.#reached('read-while-removed');
    });
  }

  // What wants the log for itself.

  /** All of the log is covered: what is left is an empty segment, and the sequence. */
  async #checkpoint(): Promise<void> {
    const isReopened = await this.#log.during('checkpoint', async () => {
      await this.#rotate();
      const way = this.#pick(3);
      if (way === 1) {
        await this.#checkpointInLog();
        return false;
      }
      await this.#removeBefore((this.#wal.durableSequence ?? 0n) + 1n);
      this.#reached('checkpoint');
      return way === 2;
    });
    // By now nothing but the manifest knows which sequence comes next.
    if (isReopened) await this.#reopen();
  }

  /** The checkpoint is an entry that was written: no segment goes before it is durable. */
  async #checkpointInLog(): Promise<void> {
    const entry = this.#submit(3);
    this.#note(`put entry ${String(entry.id)} as a checkpoint`);
    const told = await this.#outcome([entry], false, () =>
      this.#wal.append(plainOf(entry), { sync: false }),
    );
    if (told === undefined || (await this.#removeBefore(told.sequence)) === 0) return;
    checkPlace(this.#process.environment, this.#model, [entry], told, true);
    this.#reached('checkpoint-in-log');
  }

  async #truncateAfter(): Promise<void> {
    const sequence = (this.#wal.writtenSequence ?? 0n) - BigInt(this.#pick(6));
    if (sequence <= 0n) return;
    this.#note(`truncate after ${String(sequence)}`);
    this.#model.cutting(sequence);
    try {
      await this.#log.during('truncate-after', () => this.#wal.truncateAfter(sequence));
      this.#model.hasCut(sequence);
      this.#reached('truncate-after');
      this.#segment = 0;
    } catch (error) {
      // No longer in the log, or in the middle of a batch: refused before anything happened.
      if (!(error instanceof RangeError)) throw error;
      this.#model.cutRefused();
      this.#reached('truncate-after-refused');
    }
  }

  /** A follower gets every durable entry once, in order, and none that is not durable. */
  async #follow(): Promise<void> {
    if (this.#followed !== undefined) return;
    const wal = this.#wal;
    const from = (wal.durableSequence ?? 0n) + 1n;
    this.#note(`follow from ${String(from)}`);
    const { checks } = this.#process.environment;
    const follow = async (): Promise<void> => {
      let next = from;
      let before = 0;
      for await (const record of wal.read({ from, follow: true })) {
        const { sequence, offset } = record;
        // A truncateAfter takes sequences back, and they come again.
        const isNext = sequence <= next || this.#model.hasGap;
        checks.that(isNext && this.#isDurable(sequence, offset), 'follow-is-durable', () => {
          return `a follower got ${String(sequence)}; ${String(next)} was next, and what is durable ends with ${String(wal.durableSequence)}`;
        });
        checks.that(this.#model.isExact(plain(record)), 'nothing-invented', () => {
          return `a follower got ${String(sequence)}, which was never submitted`;
        });
        next = sequence + 1n;
        this.#reached('followed-entry');
        if (offset < before) this.#reached('followed-rotation');
        before = offset;
      }
    };
    this.#followed = this.#log.during('follow', follow).catch((error: unknown) => {
      if (!(error instanceof WalError)) throw error;
    });
    await Promise.resolve();
  }

  /** Whether a power cut now would leave the entry, or somebody has taken it away meanwhile. */
  #isDurable(sequence: bigint, offset: number): boolean {
    if (sequence > (this.#wal.durableSequence ?? 0n)) return false;
    if (this.#model.mayMiss(sequence)) return true;
    const { disk } = this.#process.environment;
    return filesIn(disk, DIRECTORY, 'medium').some(({ bytes }) => {
      const record = recordAt(bytes, offset);
      return record?.entries.some((entry) => entry.sequence === sequence) === true;
    });
  }

  async #reopen(): Promise<void> {
    this.#note('close, and open again');
    await this.#close();
    await this.#log.start();
    this.#reached('reopen');
  }

  async #close(): Promise<void> {
    await this.#log.stop(() => this.#settleAll());
    this.#throwFailure();
  }

  async #secondWriter(): Promise<void> {
    this.#note('open it a second time');
    let second: Wal | undefined;
    try {
      second = await Wal.open(DIRECTORY, this.#log.options);
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ERR_WAL_LOCKED') return;
      this.#reached('second-writer');
    }
    this.#process.environment.checks.that(second === undefined, 'one-writer', () => {
      return 'a second writer opened the log while the first had it';
    });
    await second?.close();
  }

  /** An append that nobody syncs is durable once the interval is over. */
  async #interval(): Promise<void> {
    const { sync } = this.#log.options;
    if (typeof sync !== 'object') return;
    const entry = this.#submit();
    this.#note(`put entry ${String(entry.id)}, and wait for the interval`);
    const told = await this.#outcome([entry], false, () =>
      this.#wal.append(plainOf(entry), { sync: false }),
    );
    if (told === undefined) return;
    const { sequence } = told;
    await this.#log.pause(2 * sync.intervalMs);
    const durable = this.#wal.durableSequence ?? 0n;
    // A failed sync has poisoned the log, which flush tells.
    if (durable < sequence) await this.#wal.flush();
    this.#process.environment.checks.that(durable >= sequence, 'interval-kept', () => {
      return `entry ${String(entry.id)} is not durable after ${String(2 * sync.intervalMs)} ms`;
    });
    this.#reached('interval');
  }

  // Damage.

  /** A segment that cannot be read is never removed, though a checkpoint covers it. */
  async #unreadable(): Promise<void> {
    const { checks, disk } = this.#process.environment;
    const sealed = segmentImages(disk, DIRECTORY, 'cache').filter(
      ({ name, records }) => records.length > 0 && nameOf(this.#segment) > name,
    );
    const image = sealed[this.#pick(sealed.length)];
    const file = image && disk.file(`${DIRECTORY}/${image.name}`);
    if (image === undefined || file === undefined || this.#followed !== undefined) return;
    const path = `${DIRECTORY}/${image.name}`;
    const at = this.#pick(image.bytes.length);
    const flip = (bytes: Uint8Array): void => {
      bytes[at] = (bytes[at] ?? 0) ^ 1;
    };
    this.#model.spoilt = { path, bytes: new Uint8Array(image.bytes) };
    this.#note(`a bit of '${path}' flips at ${String(at)}`);
    file.damage(flip);
    await this.#removeBefore((this.#wal.durableSequence ?? 0n) + 1n);
    checks.that(disk.file(path) === file, 'corruption-reported', () => {
      return `'${path}' cannot be read, and was removed`;
    });
    file.damage(flip);
    this.#model.spoilt = undefined;
    this.#reached('unreadable-kept');
  }

  async #damage(): Promise<void> {
    const { environment, driver } = this.#process;
    if (this.#model.hasGap) return;
    await this.#close();
    const images = segmentImages(environment.disk, DIRECTORY, 'cache');
    const damage = drawDamage(DIRECTORY, images, (range) => this.#pick(range));
    if (damage !== undefined) {
      // Without it nothing but the records themselves can tell.
      const isRemoved = this.#pick(2) === 1 && !this.#model.manifestAlone;
      if (isRemoved) await this.#removeManifest();
      this.#note(damage.words);
      this.#model.spoilt = damage.spoilt;
      await spoil(driver, damage);
      this.#reached(damage.kind);
      await this.#refused(damage.words);
      const mode = ([undefined, 'trim', 'salvage'] as const)[this.#pick(3)];
      if (mode === undefined) await mend(driver, damage.spoilt);
      else this.#model.loss = lossOf(mode, damage, images);
      this.#model.spoilt = undefined;
      this.#note(mode === undefined ? 'the file is mended' : `open it with recovery '${mode}'`);
    }
    await this.#log.start();
  }

  async #removeManifest(): Promise<void> {
    const { driver } = this.#process;
    if (!(await driver.list(DIRECTORY)).includes('wal_manifest')) return;
    await driver.remove(`${DIRECTORY}/wal_manifest`);
    await driver.syncDirectory(DIRECTORY);
  }

  /** The damage is told, and nothing is touched. */
  async #refused(words: string): Promise<void> {
    const { checks, disk } = this.#process.environment;
    const state = (): string =>
      segmentImages(disk, DIRECTORY, 'cache')
        .map(({ name, bytes }) => `${name} ${bytes.toString('latin1')}`)
        .join('\n');
    const before = state();
    try {
      await (await Wal.open(DIRECTORY, { ...this.#log.options, verifyAll: true })).close();
    } catch (error) {
      if (!(error instanceof WalError) || error.code !== 'ERR_WAL_CORRUPT') throw error;
      checks.that(state() === before, 'corruption-reported', () => {
        return `${words}; the log was refused, and changed`;
      });
      this.#reached('refused');
      return;
    }
    checks.that(false, 'corruption-reported', () => `the log opens, though ${words}`);
  }

  // Helpers.

  async #tolerant(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#goOnAfter(error);
    }
  }

  #goOnAfter(error: unknown): void {
    if (!this.#log.isSurvivable(error)) throw error;
    this.#reached((error as WalError).code === 'ERR_WAL_FULL' ? 'full' : 'rejected');
  }

  get #wal(): Wal {
    return this.#log.wal;
  }

  #position(): number {
    return this.#process.environment.choices.position(LANE.action);
  }

  #pick(range: number): number {
    return this.#process.pick(range);
  }

  #detail(text: () => string): void {
    if (!this.#process.driver.dead) this.#process.environment.note('detail', 0, text);
  }

  #note(text: string): void {
    this.#process.note(text);
  }

  #reached(what: WalActivity): void {
    this.#log.reached(what);
  }
}

function nameOf(segment: number): string {
  return `wal_${String(segment).padStart(8, '0')}.log`;
}

function plainOf({ id, type, value }: WalEntryModel) {
  return { type, key: String(id), value };
}

function idsOf(entries: readonly WalEntryModel[]): string {
  return entries.map(({ id }) => String(id)).join(', ');
}
