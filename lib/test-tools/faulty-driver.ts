// A driver whose operations fail, fall short or wait when a test says so. Everything else goes to
// the driver behind it, so that the bytes are real ones on a real kernel.

import type {
  IoDriver,
  IoFile,
  IoLock,
  IoMemory,
  IoOpenOptions,
  IoWriteOptions,
} from '../io/driver.js';
import { IoError, MEMORY_ALIGNMENT } from '../io/driver.js';

/** Operations that a test can interfere with. */
export type OperationKind =
  | 'open'
  | 'lock'
  | 'list'
  | 'syncDirectory'
  | 'remove'
  | 'rename'
  | 'write'
  | 'read'
  | 'sync'
  | 'truncate'
  | 'allocate'
  | 'size'
  | 'close'
  | 'release';

/** One operation: what it is about, and a way to have it done. */
export interface Operation {
  readonly kind: OperationKind;
  readonly path: string;
  /** Bytes; 0 where the operation has none. For `truncate`, `position` is the new size. */
  readonly position: number;
  readonly length: number;
  readonly dsync: boolean;
  readonly pastCache: boolean;
  /** Does it, or of a write or read its first `length` bytes; resolves as the driver behind. */
  perform(length?: number): Promise<unknown>;
}

type Facts = Partial<Pick<Operation, 'position' | 'length' | 'dsync' | 'pastCache'>>;

/** What happens instead of an operation. */
export type Fault = (operation: Operation) => Promise<unknown>;

/** Fails with an errno, nothing done. */
export function fail(code: string, options: { readonly writeHalf?: boolean } = {}): Fault {
  return ({ kind, path }) => {
    const detail = 'failed by the test';
    return Promise.reject(new IoError(code, kind, path, { detail, ...options }));
  };
}

/** Does it and fails all the same. */
export function performAndFail(code: string): Fault {
  return async (operation) => {
    await operation.perform();
    return fail(code)(operation);
  };
}

/** Writes or reads no more than `bytes`. */
export function short(bytes: number): Fault {
  return (operation) => operation.perform(Math.min(bytes, operation.length));
}

/** Says that nothing was written. */
export const zero: Fault = () => Promise.resolve(0);

/** Lets an operation wait until the test opens the gate. */
export class Gate {
  readonly reached: Promise<Operation>;
  readonly #opened: Promise<void>;
  readonly #then: Fault;
  #reach: (operation: Operation) => void = () => undefined;
  #open: () => void = () => undefined;

  /** `then` happens behind the gate; without it, the operation itself. */
  constructor(then: Fault = (operation) => operation.perform()) {
    this.#then = then;
    this.reached = new Promise((resolve) => {
      this.#reach = resolve;
    });
    this.#opened = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  readonly fault: Fault = async (operation) => {
    this.#reach(operation);
    await this.#opened;
    return this.#then(operation);
  };

  open(): void {
    this.#open();
  }
}

/** A planned fault: for the next `times` operations of its kind that `matches`. */
interface Plan {
  readonly kind: OperationKind;
  readonly fault: Fault;
  readonly matches: (operation: Operation) => boolean;
  times: number;
}

/** What files of a driver cannot do, as on some file systems. */
export interface FileLimits {
  /** No reads past the page cache. */
  readonly hidePastCache?: boolean;
  /** No O_DIRECT, for this reason. */
  readonly refuseDirect?: string | undefined;
}

/** Wraps a driver; see {@link FaultyDriver.next}. */
export class FaultyDriver implements IoDriver {
  readonly name;
  readonly fallbackReason;
  /** What was asked of the driver, in order. */
  readonly operations: Operation[] = [];
  /** What broke an invariant of operations in flight; a test expects none. */
  readonly violations: string[] = [];
  readonly #inner: IoDriver;
  readonly #limits: FileLimits;
  #memoriesRefused = 0;
  #plans: Plan[] = [];

  constructor(inner: IoDriver, limits: FileLimits = {}) {
    this.#inner = inner;
    this.#limits = limits;
    this.name = inner.name;
    this.fallbackReason = inner.fallbackReason;
  }

  /** The next operation of this kind (`times` of them) that matches meets the fault. */
  next(
    kind: OperationKind,
    fault: Fault,
    times = 1,
    matches: (operation: Operation) => boolean = () => true,
  ): void {
    this.#plans.push({ kind, fault, times, matches });
  }

  /** Every operation of this kind, from now on. */
  always(kind: OperationKind, fault: Fault): void {
    this.next(kind, fault, Infinity);
  }

  /** The next operation of this kind waits until the gate opens. */
  gate(kind: OperationKind, then?: Fault): Gate {
    const gate = new Gate(then);
    this.next(kind, gate.fault);
    return gate;
  }

  /** The next so many requests for memory throw. */
  refuseMemory(times: number): void {
    this.#memoriesRefused = times;
  }

  /** No more faults. */
  heal(): void {
    this.#plans = [];
    this.#memoriesRefused = 0;
  }

  /** How many operations of these kinds there were. */
  count(...kinds: OperationKind[]): number {
    return this.operations.filter(({ kind }) => kinds.includes(kind)).length;
  }

  /** Forgets what was asked so far. */
  forget(): void {
    this.operations.length = 0;
  }

  /** For {@link FaultyFile}: does the operation, or what is planned instead. */
  async run<T>(operation: Operation): Promise<T> {
    this.operations.push(operation);
    const index = this.#plans.findIndex(
      (plan) => plan.kind === operation.kind && plan.times > 0 && plan.matches(operation),
    );
    const plan = this.#plans[index];
    if (plan === undefined) return (await operation.perform()) as T;
    plan.times--;
    if (plan.times === 0) this.#plans.splice(index, 1);
    return (await plan.fault(operation)) as T;
  }

  async open(path: string, options: IoOpenOptions): Promise<IoFile> {
    const refused = this.#limits.refuseDirect;
    const direct = options.direct && refused === undefined;
    const perform = (): Promise<IoFile> => this.#inner.open(path, { ...options, direct });
    const file = await this.run<IoFile>(operationOf('open', path, perform));
    return new FaultyFile(
      this,
      file,
      options.direct ? this.#limits : { ...this.#limits, refuseDirect: undefined },
    );
  }

  async lock(path: string, mode?: number): Promise<IoLock> {
    const perform = (): Promise<IoLock> => this.#inner.lock(path, mode);
    const lock = await this.run<IoLock>(operationOf('lock', path, perform));
    return {
      release: () => this.run(operationOf('release', path, () => lock.release())),
    };
  }

  syncDirectory(path: string): Promise<void> {
    const perform = (): Promise<void> => this.#inner.syncDirectory(path);
    return this.run(operationOf('syncDirectory', path, perform));
  }

  list(directory: string): Promise<string[]> {
    const perform = (): Promise<string[]> => this.#inner.list(directory);
    return this.run(operationOf('list', directory, perform));
  }

  makeDirectory(path: string): Promise<void> {
    return this.#inner.makeDirectory(path);
  }

  remove(path: string): Promise<void> {
    const perform = (): Promise<void> => this.#inner.remove(path);
    return this.run(operationOf('remove', path, perform));
  }

  rename(from: string, to: string): Promise<void> {
    const perform = (): Promise<void> => this.#inner.rename(from, to);
    return this.run(operationOf('rename', from, perform));
  }

  memory(bytes: number): IoMemory {
    if (this.#memoriesRefused > 0) {
      this.#memoriesRefused--;
      throw new RangeError('no memory, says the test');
    }
    return this.#inner.memory(bytes);
  }

  now(): number {
    return this.#inner.now();
  }

  delay(ms: number, callback: () => void): () => void {
    return this.#inner.delay(ms, callback);
  }

  defer(callback: () => void): void {
    this.#inner.defer(callback);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

class FaultyFile implements IoFile {
  readonly path;
  readonly created;
  readonly direct;
  readonly honoursDsync;
  readonly pastCache;
  readonly #driver: FaultyDriver;
  readonly #inner: IoFile;
  readonly #flights: Flights;

  constructor(driver: FaultyDriver, inner: IoFile, limits: FileLimits) {
    this.#driver = driver;
    this.#inner = inner;
    this.#flights = new Flights(driver.violations);
    this.path = inner.path;
    this.created = inner.created;
    const { refuseDirect } = limits;
    this.direct = refuseDirect === undefined ? inner.direct : { refused: refuseDirect };
    this.honoursDsync = inner.honoursDsync;
    this.pastCache = limits.hidePastCache === true ? undefined : inner.pastCache;
  }

  write(
    memory: IoMemory,
    start: number,
    length: number,
    position: number,
    options?: IoWriteOptions,
  ): Promise<number> {
    const perform = (bytes = length): Promise<number> =>
      this.#inner.write(memory, start, bytes, position, options);
    const dsync = options?.dsync === true;
    const bytes = memory.bytes.subarray(start, start + length);
    const span = { position, length };
    return this.#flights.watch(span, bytes, () =>
      this.#run('write', perform, { position, length, dsync }),
    );
  }

  read(
    memory: IoMemory,
    start: number,
    length: number,
    position: number,
    options?: { readonly pastCache?: boolean },
  ): Promise<number> {
    const perform = (bytes = length): Promise<number> =>
      this.#inner.read(memory, start, bytes, position, options);
    const pastCache = options?.pastCache === true;
    return this.#run('read', perform, { position, length, pastCache });
  }

  sync(): Promise<void> {
    return this.#run('sync', () => this.#inner.sync());
  }

  truncate(size: number): Promise<void> {
    return this.#run('truncate', () => this.#inner.truncate(size), { position: size });
  }

  allocate(position: number, length: number): Promise<void> {
    const perform = (): Promise<void> => this.#inner.allocate(position, length);
    const span = { position, length };
    return this.#flights.watch(span, undefined, () => this.#run('allocate', perform, span));
  }

  size(): Promise<number> {
    return this.#run('size', () => this.#inner.size());
  }

  dropCache(): Promise<void> {
    return this.#inner.dropCache();
  }

  close(): Promise<void> {
    return this.#run('close', () => this.#inner.close());
  }

  #run<T>(
    kind: OperationKind,
    perform: (length?: number) => Promise<T>,
    facts: Facts = {},
  ): Promise<T> {
    return this.#driver.run(operationOf(kind, this.path, perform, facts));
  }
}

interface Span {
  readonly position: number;
  readonly length: number;
}

/**
 * Sees that no two operations in flight touch one block, and that what is handed to the kernel stays
 * as it is until the kernel is done with it.
 */
class Flights {
  readonly #violations: string[];
  readonly #spans = new Set<Span>();

  constructor(violations: string[]) {
    this.#violations = violations;
  }

  async watch<T>(span: Span, bytes: Uint8Array | undefined, run: () => Promise<T>): Promise<T> {
    for (const other of this.#spans) {
      if (sharesBlock(span, other)) {
        this.#violations.push(`in flight together: ${wordsOf(other)} and ${wordsOf(span)}`);
      }
    }
    const before = bytes && Buffer.from(bytes);
    this.#spans.add(span);
    try {
      return await run();
    } finally {
      this.#spans.delete(span);
      if (bytes !== undefined && before?.equals(bytes) === false) {
        this.#violations.push(`changed in flight: ${wordsOf(span)}`);
      }
    }
  }
}

function sharesBlock(one: Span, other: Span): boolean {
  const firstOf = ({ position }: Span): number => Math.floor(position / MEMORY_ALIGNMENT);
  const endOf = ({ position, length }: Span): number =>
    Math.ceil((position + length) / MEMORY_ALIGNMENT);
  return firstOf(one) < endOf(other) && firstOf(other) < endOf(one);
}

function wordsOf({ position, length }: Span): string {
  return `${String(position)} to ${String(position + length)}`;
}

function operationOf(
  kind: OperationKind,
  path: string,
  perform: (length?: number) => Promise<unknown>,
  facts: Facts = {},
): Operation {
  const none = { position: 0, length: 0, dsync: false, pastCache: false };
  return { ...none, ...facts, kind, path, perform };
}
