// The one error type of the library, and its stable codes. Messages are free to change; codes are
// not. Misuse of the API is a plain TypeError or RangeError, thrown before anything is written.

/**
 * Every code a {@link WalError} can carry, with what it means.
 *
 * @example
 * console.log(WAL_ERROR_CODES.ERR_WAL_CLOSED); // → the log is closed
 */
export const WAL_ERROR_CODES = {
  ERR_WAL_OPEN: 'the log could not be opened or created',
  ERR_WAL_LOCKED: 'another writer, here or in another process, holds this log',
  ERR_WAL_DRIVER: 'the driver that was asked for cannot be used here',
  ERR_WAL_CORRUPT: 'a damaged record stands before whole ones; nothing was changed',
  ERR_WAL_READ: 'the log could not be read',
  ERR_WAL_WRITE: 'a write failed; the log was trimmed to its last whole record and goes on',
  ERR_WAL_SYNC: 'a sync failed; what was not yet durable may or may not survive',
  ERR_WAL_POISONED: 'an earlier failure made the state of the disk unknown; reopen the log',
  ERR_WAL_CLOSED: 'the log is closed',
  ERR_WAL_QUEUE_FULL: 'too many appends wait already',
  ERR_WAL_FULL: 'the log has as many files as it may; a checkpoint must free some',
  ERR_WAL_DECODE: 'the bytes are no valid record',
} as const;

/**
 * A stable error code, `ERR_WAL_…`.
 *
 * @example
 * const worthAnotherTry: WalErrorCode[] = ['ERR_WAL_LOCKED', 'ERR_WAL_QUEUE_FULL'];
 * const error: unknown = await UringWalWriter.open('missing/app.wal').catch((cause) => cause);
 * console.log(error instanceof WalError && worthAnotherTry.includes(error.code)); // → false
 */
export type WalErrorCode = keyof typeof WAL_ERROR_CODES;

/**
 * The facts behind a {@link WalError}; each is there when it is known.
 *
 * @example
 * try {
 *   await UringWalWriter.open('missing/app.wal');
 * } catch (error) {
 *   if (!(error instanceof WalError)) throw error;
 *   const { path, errno }: WalErrorFacts = error;
 *   console.log(path, errno); // → missing/app.wal ENOENT
 * }
 */
export interface WalErrorFacts {
  /** The file or directory concerned. */
  readonly path?: string | undefined;
  /** Byte offset in that file. */
  readonly offset?: number | undefined;
  /** Sequence of the record concerned. */
  readonly sequence?: bigint | undefined;
  /** The operating system's name for the failure, for example `ENOSPC`. */
  readonly errno?: string | undefined;
  /** The failure behind this one. */
  readonly cause?: unknown;
}

/**
 * What the world did to the log: a stable `code`, the facts, and the `cause`.
 *
 * @example
 * const writer = await UringWalWriter.open('app.wal');
 * try {
 *   await UringWalWriter.open('app.wal'); // a log has one writer
 * } catch (error) {
 *   if (!(error instanceof WalError)) throw error;
 *   console.log(error.code); // → ERR_WAL_LOCKED
 * }
 * await writer.close();
 */
export class WalError extends Error {
  /** `WalError`. */
  override readonly name = 'WalError';
  /** What happened; stable. */
  readonly code: WalErrorCode;
  /** As in {@link WalErrorFacts}; undefined where it is not known. */
  readonly path: string | undefined;
  /** As in {@link WalErrorFacts}. */
  readonly offset: number | undefined;
  /** As in {@link WalErrorFacts}. */
  readonly sequence: bigint | undefined;
  /** As in {@link WalErrorFacts}; taken from the cause unless given. */
  readonly errno: string | undefined;

  /** `message` is for people and may change; `code` and `facts` are for programs. */
  constructor(code: WalErrorCode, message: string, facts: WalErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.path = facts.path;
    this.offset = facts.offset;
    this.sequence = facts.sequence;
    this.errno = facts.errno ?? errnoOf(facts.cause);
  }
}

/** The errno name that an error carries (`ENOSPC`), if it carries one. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  if (error instanceof WalError) return error.errno;
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}

/** For the end of a switch over a union: the compiler proves that no case was forgotten. */
export function assertNever(value: never): never {
  throw new Error(`unreachable: ${String(value)}`);
}

/** Catches our own bugs, never the world's: a failed invariant of the library. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`uring-wal: broken invariant: ${what}`);
}
