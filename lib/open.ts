// Opening a log for appends: options checked, driver chosen, file locked and recovered, in this
// order; whatever fails, all that was taken before is given back.

import { dirname, resolve as resolvePath } from 'node:path';
import { events, publishOpened } from './diagnostics.js';
import { isDirect } from './direct-io.js';
import { WalError, errnoOf } from './errors.js';
import { readCarry } from './failure.js';
import type { IoDriver, IoFile, IoLock } from './io/driver.js';
import { selectDriver } from './io/select.js';
import type { ResolvedOptions, UringWalOptions } from './options.js';
import { checkPath, resolveOptions } from './options.js';
import type { WalRecovery } from './recovery.js';
import { recoverFile } from './recovery.js';
import type { CommitStart } from './commit-types.js';

/** What {@link openLog} hands over. */
export interface OpenLog {
  readonly driver: IoDriver;
  readonly ownsDriver: boolean;
  readonly lock: IoLock;
  readonly file: IoFile;
  readonly recovery: WalRecovery;
  readonly start: CommitStart;
  readonly options: ResolvedOptions;
}

/** Opens the log at `path`. Errors as `UringWalWriter.open`. */
export async function openLog(path: string, options: UringWalOptions): Promise<OpenLog> {
  checkPath(path);
  const resolved = resolveOptions(options);
  const { driver, owned } = selectDriver(resolved.driver, { ringSize: resolved.ringSize });
  const undo: (() => Promise<void>)[] = owned ? [() => driver.close()] : [];
  try {
    const log = await openSteps(driver, owned, resolvePath(path), resolved, undo);
    tell(log);
    return log;
  } catch (cause) {
    for (const step of undo.reverse()) await step().catch(() => undefined);
    const error = openFailed(path, cause);
    events.error.publish(() => ({ path: resolvePath(path), error }));
    throw error;
  }
}

async function openSteps(
  driver: IoDriver,
  ownsDriver: boolean,
  path: string,
  options: ResolvedOptions,
  undo: (() => Promise<void>)[],
): Promise<OpenLog> {
  const lock = await driver.lock(path, options.mode);
  undo.push(() => lock.release());
  const file = await driver.open(path, {
    access: 'write',
    create: 'if-missing',
    direct: options.directIo,
    mode: options.mode,
  });
  undo.push(() => file.close());
  const recovery = await recoverFile(driver, file, options.recovery);
  const position = recovery.bytes;
  const carry = await readCarry(driver, file, position);
  return {
    driver,
    ownsDriver,
    lock,
    file,
    recovery,
    start: { position, carry, lastSequence: recovery.lastSequence },
    options,
  };
}

function tell({ driver, file, recovery }: OpenLog): void {
  const { records, bytes, end, lastSequence, quarantine } = recovery;
  publishOpened(file.path, driver, { directIo: isDirect(file), lastSequence }, () => ({
    records: BigInt(records),
    bytes,
    bytesDiscarded: end.kind === 'clean' ? 0 : recovery.trimmedBytes,
    reason: end.kind === 'clean' ? undefined : end.reason,
    quarantined: quarantine === undefined ? [] : [quarantine],
  }));
}

function openFailed(path: string, cause: unknown): unknown {
  if (cause instanceof WalError || cause instanceof TypeError || cause instanceof RangeError) {
    return cause;
  }
  const why = cause instanceof Error ? cause.message : String(cause);
  const message = `cannot open the log '${path}': ${why}${hint(path, errnoOf(cause))}`;
  return new WalError('ERR_WAL_OPEN', message, { path, cause });
}

const FORBIDDEN: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS']);

function hint(path: string, errno: string | undefined): string {
  if (errno === 'ENOENT') return `; is there a directory '${dirname(path)}'?`;
  if (errno === 'EISDIR') return '; a log of this kind is one file: a directory is for Wal';
  if (errno !== undefined && FORBIDDEN.has(errno)) {
    return `; a writer also writes in '${dirname(path)}', where it keeps its lock`;
  }
  return errno === 'EINVAL' ? '; is it a regular file?' : '';
}
