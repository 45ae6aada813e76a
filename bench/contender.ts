// What a contender is: something that can append records, replay them or recover a log, measured
// by the same trial. Ours, every peer and the floor (fio) are contenders.

/** What an acknowledged append promises. */
export type Durability =
  /** Survives power loss. */
  | 'durable'
  /** Survives the death of the process. */
  | 'written'
  /** As written, and the measured time ends with a sync: the rate at which bytes reach the disk. */
  | 'disk';

/** What one append workload asks for. */
export interface AppendTask {
  readonly kind: 'append';
  readonly durability: Durability;
  /** How many async loops each await their own append. */
  readonly callers: number;
  /** How many records each call carries, under one promise where the contender can; default 1. */
  readonly recordsPerCall?: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
}

/** Read a whole log of so many records, verifying checksums where the format has them. */
export interface ReplayTask {
  readonly kind: 'replay';
  readonly records: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
}

/** Open an existing log of so many bytes for writing, recovery included. */
export interface RecoverTask {
  readonly kind: 'recover';
  readonly logBytes: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
}

export type Task = AppendTask | ReplayTask | RecoverTask;

/** An open log that can be appended to. */
export interface AppendLog {
  /** Resolves when the record is as safe as the task asks. Arrays may be reused by the caller. */
  append(sequence: number, key: Uint8Array, value: Uint8Array): Promise<unknown>;
  /** The same for `count` records from `first` on, under one promise. */
  appendMany?(first: number, count: number, key: Uint8Array, value: Uint8Array): Promise<unknown>;
  /** Makes everything appended durable; called within the measured time of a `disk` task. */
  flush(): Promise<void>;
  /** After each slice: throws when it did not measure what it claims to. */
  atEnd?(): void;
  close(): Promise<void>;
  /** Said of the run, for example which driver was used. */
  readonly note?: string;
}

/** What a replay saw; all contenders of a workload must agree. */
export interface ReplayResult {
  readonly records: number;
  /** Sum of the first byte of every key and the length of every value: proof of having looked. */
  readonly check: number;
}

/** Where and how large: what a contender needs to open its log. */
export interface OpenContext {
  /** An empty directory of this trial's own. */
  readonly directory: string;
  /** How many bytes to zero ahead, for those who do so by hand: no more will be appended. */
  readonly zeroedBytes: number;
}

/** Who stands in a row. */
export type Family = 'ours' | 'peer' | 'floor';

/** Facts about a contender that hold whether or not it is installed. */
export interface ContenderFacts {
  /** Short and stable: the name on the command line and in the JSON. */
  readonly id: string;
  readonly title: string;
  readonly family: Family;
  /** Whether an append blocks the event loop; such rows are no yardstick for the targets. */
  readonly blocks: boolean;
  /** What the contender lacks beside ours, said in the table. */
  readonly lacks: string;
  /** The package of bench/package.json that it needs. */
  readonly requires?: string;
}

/** A contender, loaded. Absent methods mean: not part of such workloads. */
export interface Contender {
  openLog?(task: AppendTask, context: OpenContext): Promise<AppendLog>;
  /** Builds the log to be replayed, once per workload, in `directory`. */
  prepareReplay?(task: ReplayTask, directory: string): Promise<void>;
  replay?(task: ReplayTask, directory: string): Promise<ReplayResult>;
  /** Opens the log at `path` as for appending, resolving when it could; the return closes it. */
  recover?(task: RecoverTask, path: string): Promise<() => Promise<void>>;
}

/** What was measured in one round. */
export interface TrialResult {
  /** Appends or records done within the measured time. */
  readonly operations: number;
  readonly seconds: number;
  /** Payload and framing, as the contender counts it: records of {@link AppendTask}'s size. */
  readonly bytes: number;
  /** Latency of one append, µs, as one caller sees it. */
  readonly p50Us?: number;
  readonly p99Us?: number;
  /** CPU time of the whole process, kernel included, per append or record, µs. */
  readonly cpuUs?: number;
  /** 99th percentile of how late the event loop's timers were, ms. */
  readonly loopDelayP99Ms?: number;
  /** Peak resident memory of the process so far, bytes. */
  readonly rssBytes?: number;
  /** Said of the run, for example which driver was used. */
  readonly note?: string;
}
