// A segmented log under everything an application does to it: bursts of appends, atomic batches,
// flushes, rotations, both truncations, readers and followers, close and reopen. One process of a
// world; the model remembers across crashes what callers were told.

import { Wal, WalError, type WalOptions } from '../lib/index.js';
import type { IoDriver } from '../lib/io/driver.js';
import { mend, readFile, spoil } from './wal-damage.js';
import type { SimProcess, SimWorkload } from './user-scenario.js';
import type { Found } from './wal-model.js';
import { WalModel } from './wal-model.js';

const DIRECTORY = '/wal';
const ROUNDS_MAX = 10;
const BURST_MAX = 6;
const VALUE_BYTES = [1, 60, 400, 1500, 3000];
/** A record that is cut here has lost its end. */
const HALF_A_HEADER = 12;
const decoder = new TextDecoder();

/** The workload, for `simulate`. */
export const walWorkload: SimWorkload<WalModel> = {
  state: () => new WalModel(),
  run: async (process, model) => {
    await restore(process.driver, model);
    const session = new Session(process, model);
    await session.open();
    for (let round = process.pick(ROUNDS_MAX); round >= 0; round--) await session.act();
    if (process.isLast || process.pick(2) === 0) await session.close();
  },
};

/** Where a record stands. */
interface Place {
  /** How many segments are before its own. */
  readonly index: number;
  readonly offset: number;
  readonly end: number;
}

class Session {
  readonly #process: SimProcess;
  readonly #model: WalModel;
  readonly #options: WalOptions;
  #wal: Wal | undefined;
  #followed: Promise<void> | undefined;

  constructor(process: SimProcess, model: WalModel) {
    this.#process = process;
    this.#model = model;
    this.#options = {
      driver: process.driver,
      maxFileSize: 4096 * (1 + process.pick(3)),
      directIo: process.pick(3) === 0,
      preallocateBytes: 4096 * process.pick(3),
      batchSize: 512 << process.pick(4),
      channelCapacity: 1 + process.pick(8),
      maxRecordBytes: 8192,
      sync: process.pick(3) === 0 ? 'manual' : 'always',
      verifyAll: process.pick(4) === 0,
    };
  }

  async open(): Promise<void> {
    try {
      this.#wal = await Wal.open(DIRECTORY, this.#options);
    } catch (error) {
      // No damage to the medium is simulated here, so a log that is refused is a lost log.
      if (!(error instanceof WalError) || error.code !== 'ERR_WAL_CORRUPT') throw error;
      throw new Error(`crash-is-not-corruption: ${error.message}`, { cause: error });
    }
    this.#model.check(await this.#readAll(), true);
  }

  async close(): Promise<void> {
    await this.#opened.close();
    await this.#followed;
    this.#followed = undefined;
  }

  async act(): Promise<void> {
    const actions = [
      () => this.#burst(),
      () => this.#burst(),
      () => this.#batch(),
      () => this.#flush(),
      () => this.#rotate(),
      () => this.#truncateBefore(),
      () => this.#checkpoint(),
      () => this.#truncateAfter(),
      () => this.#check(),
      () => this.#follow(),
      () => this.#reopen(),
      () => this.#damage(),
    ];
    await actions[this.#process.pick(actions.length)]?.();
  }

  get #opened(): Wal {
    if (this.#wal === undefined) throw new Error('the log is not open');
    return this.#wal;
  }

  async #burst(): Promise<void> {
    const count = 1 + this.#process.pick(BURST_MAX);
    await Promise.all(Array.from({ length: count }, () => this.#append()));
  }

  async #append(): Promise<void> {
    const sync = this.#process.pick(4) > 0;
    const id = this.#model.submit();
    this.#process.note(`put entry ${String(id)}${sync ? ', durably' : ''}`);
    try {
      const { sequence } = await this.#opened.put(String(id), this.#value(), { sync });
      this.#model.acknowledged(id, sequence, sync);
    } catch (error) {
      this.#model.rejected(id);
      throwIfOver(error);
    }
  }

  async #batch(): Promise<void> {
    const ids = this.#model.submitBatch(1 + this.#process.pick(3));
    this.#process.note(`put entries ${ids.join(', ')} as one batch`);
    const entries = ids.map((id) => ({ key: String(id), value: this.#value(3) }));
    try {
      const { sequence } = await this.#opened.appendBatch(entries, { sync: true });
      for (const [index, id] of ids.entries()) {
        this.#model.acknowledged(id, sequence + BigInt(index), true);
      }
    } catch (error) {
      for (const id of ids) this.#model.rejected(id);
      throwIfOver(error);
    }
  }

  async #rotate(): Promise<void> {
    this.#process.note('rotate');
    await this.#opened.rotate();
  }

  async #flush(): Promise<void> {
    this.#process.note('flush');
    const { lastId } = this.#model;
    await this.#opened.flush();
    this.#model.flushed(lastId);
  }

  #value(sizes = VALUE_BYTES.length): Uint8Array {
    return new Uint8Array(VALUE_BYTES[this.#process.pick(sizes)] ?? 0);
  }

  async #truncateBefore(): Promise<void> {
    const last = this.#opened.durableSequence ?? 0n;
    const sequence = last - BigInt(this.#process.pick(20));
    if (sequence <= 0n) return;
    this.#process.note(`truncate before ${String(sequence)}`);
    this.#model.removingBelow(sequence);
    await this.#opened.truncateBefore(sequence);
  }

  /** All of the log is covered: what is left is an empty segment, and the sequence. */
  async #checkpoint(): Promise<void> {
    await this.#rotate();
    const sequence = (this.#opened.durableSequence ?? 0n) + 1n;
    this.#process.note(`truncate before ${String(sequence)}`);
    this.#model.removingBelow(sequence);
    await this.#opened.truncateBefore(sequence);
  }

  async #truncateAfter(): Promise<void> {
    const last = this.#opened.writtenSequence ?? 0n;
    const sequence = last - BigInt(this.#process.pick(6));
    if (sequence <= 0n) return;
    this.#process.note(`truncate after ${String(sequence)}`);
    this.#model.cutting(sequence);
    try {
      await this.#opened.truncateAfter(sequence);
      this.#model.hasCut(sequence);
    } catch (error) {
      // No longer in the log, or in the middle of a batch: refused before anything happened.
      if (!(error instanceof RangeError)) throw error;
      this.#model.cutRefused();
    }
  }

  async #check(): Promise<void> {
    const isCheckpointed = this.#process.pick(3) === 0;
    const meanwhile = isCheckpointed ? () => this.#truncateBefore() : undefined;
    this.#model.check(await this.#readAll(meanwhile), false);
  }

  /** A follower gets every durable entry once, in order, and none that is not durable. */
  async #follow(): Promise<void> {
    if (this.#followed !== undefined) return;
    const wal = this.#opened;
    const from = (wal.durableSequence ?? 0n) + 1n;
    this.#process.note(`follow from ${String(from)}`);
    const follow = async (): Promise<void> => {
      let next = from;
      for await (const { sequence } of wal.read({ from, follow: true })) {
        // A truncateAfter takes sequences back, and they come again.
        if (sequence > next) throw new Error(`follow: ${String(sequence)}, not ${String(next)}`);
        if (sequence > (wal.durableSequence ?? 0n)) throw new Error('follow: not durable');
        next = sequence + 1n;
      }
    };
    this.#followed = follow().catch((error: unknown) => {
      if (!(error instanceof WalError)) throw error;
    });
    await Promise.resolve();
  }

  async #reopen(): Promise<void> {
    this.#process.note('close, and open again');
    await this.close();
    await this.open();
  }

  /** A sealed segment loses its end, in a record or between two; open must refuse, and tell. */
  async #damage(): Promise<void> {
    const place = await this.#middlePlace();
    await this.close();
    const { driver } = this.#process;
    const names = await driver.list(DIRECTORY);
    const name = names.filter((each) => each.endsWith('.log'))[place?.index ?? Infinity];
    const path = `${DIRECTORY}/${name ?? ''}`;
    const bytes = name === undefined ? undefined : await readFile(driver, path);
    if (place !== undefined && bytes?.length === place.end) {
      const at = place.offset + (this.#process.pick(2) === 0 ? 0 : HALF_A_HEADER);
      const spoilt = { path, at, bytes };
      // Without it nothing but the records themselves can tell.
      if (this.#process.pick(2) === 0) await this.#removeManifest();
      this.#process.note(`'${path}' is cut to ${String(at)} bytes`);
      this.#model.spoilt = spoilt;
      await spoil(driver, spoilt);
      await this.#openRefused(path);
      await restore(driver, this.#model);
    }
    await this.open();
  }

  async #removeManifest(): Promise<void> {
    const { driver } = this.#process;
    if (!(await driver.list(DIRECTORY)).includes('wal_manifest')) return;
    await driver.remove(`${DIRECTORY}/wal_manifest`);
    await driver.syncDirectory(DIRECTORY);
  }

  async #openRefused(path: string): Promise<void> {
    try {
      await (await Wal.open(DIRECTORY, this.#options)).close();
    } catch (error) {
      if (!(error instanceof WalError) || error.code !== 'ERR_WAL_CORRUPT') throw error;
      return;
    }
    throw new Error(`corruption-reported: the log opens, though '${path}' has lost its end`);
  }

  /** The last record of a segment that records follow, and that does not begin with it. */
  async #middlePlace(): Promise<Place | undefined> {
    let place: Place | undefined;
    for await (const { offset, length } of this.#opened.read()) {
      const isNext = place !== undefined && offset < place.offset;
      if (isNext && place !== undefined && place.offset > 0) return place;
      place = { index: (place?.index ?? 0) + (isNext ? 1 : 0), offset, end: offset + length };
    }
    return undefined;
  }

  /** With `meanwhile`, the reader must get all of it though something is done behind it. */
  async #readAll(meanwhile?: () => Promise<void>): Promise<Found[]> {
    const found: Found[] = [];
    for await (const { sequence, key } of this.#opened.read()) {
      found.push({ sequence, id: Number(decoder.decode(key)) });
      if (found.length === 1) await meanwhile?.();
    }
    return found;
  }
}

/** Whatever an earlier process took away. */
async function restore(driver: IoDriver, model: WalModel): Promise<void> {
  if (model.spoilt === undefined) return;
  await mend(driver, model.spoilt);
  model.spoilt = undefined;
}

/** A failed write rejects its callers, and the log goes on; everything else ends the process. */
function throwIfOver(error: unknown): void {
  if (error instanceof WalError && error.code === 'ERR_WAL_WRITE') return;
  throw error;
}
