// Opening a segmented log: options checked, driver chosen, directory locked and recovered, in this
// order; whatever fails, all that was taken before is given back.

import { dirname, join, resolve as resolvePath } from 'node:path';
import type { CommitPipeline } from './commit.js';
import { events, publishOpened } from './diagnostics.js';
import { isDirect } from './direct-io.js';
import { WalError, errnoOf } from './errors.js';
import type { IoDriver, IoLock } from './io/driver.js';
import { IoError } from './io/driver.js';
import { selectDriver } from './io/select.js';
import { isLogName } from './manifest.js';
import { WalFiles } from './wal-files.js';
import type { ResolvedWalOptions, WalOptions } from './wal-options.js';
import { resolveWalOptions } from './wal-options.js';
import type { RecoveryReport } from './wal-recovery.js';
import { recoverDirectory } from './wal-recovery.js';
import type { WriterDriver } from './writer.js';

/** What opening hands to the constructor. */
export interface OpenedWal {
  readonly directory: string;
  readonly options: ResolvedWalOptions;
  readonly driver: IoDriver;
  readonly ownsDriver: boolean;
  readonly lock: IoLock;
  readonly files: WalFiles;
  readonly pipeline: CommitPipeline;
  readonly recovery: RecoveryReport;
  readonly writerDriver: WriterDriver;
}

/** Opens the log in a directory. Errors as `Wal.open`. */
export async function openWal(path: string, options: WalOptions): Promise<OpenedWal> {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw new TypeError('directory must be the name of a directory');
  }
  const resolved = resolveWalOptions(options);
  const { ringSize } = resolved.file;
  const { driver, owned } = selectDriver(resolved.file.driver, { ringSize });
  const undo: (() => Promise<void>)[] = owned ? [() => driver.close()] : [];
  const directory = resolvePath(path);
  try {
    await driver.makeDirectory(directory);
    // Where the log has files already, this was done before they came to be.
    const hasLog = (await driver.list(directory)).some(isLogName);
    if (!hasLog) await driver.syncDirectory(dirname(directory));
    const lock = await lockDirectory(driver, directory, resolved.file.mode);
    undo.push(() => lock.release());
    const recovered = await recoverDirectory(driver, directory, resolved);
    const { file } = recovered;
    undo.push(() => file.close());
    const files = new WalFiles(driver, directory, resolved, recovered);
    await files.saveManifest();
    const pipeline = await files.startPipeline();
    const { direct } = file;
    const opened: OpenedWal = {
      directory,
      options: resolved,
      driver,
      ownsDriver: owned,
      lock,
      files,
      pipeline,
      recovery: recovered.report,
      writerDriver: {
        name: driver.name,
        fallbackReason: driver.fallbackReason,
        directIo: isDirect(file),
        directIoRefused: direct !== undefined && 'refused' in direct ? direct.refused : undefined,
      },
    };
    tell(opened);
    return opened;
  } catch (cause) {
    for (const step of undo.reverse()) await step().catch(() => undefined);
    const error = openFailed(path, cause);
    events.error.publish(() => ({ path: directory, error }));
    throw error;
  }
}

/** Locks the file `wal` in the directory; who is refused wants to hear of the directory. */
async function lockDirectory(driver: IoDriver, directory: string, mode: number): Promise<IoLock> {
  const path = join(directory, 'wal');
  try {
    return await driver.lock(path, mode);
  } catch (cause) {
    if (!(cause instanceof WalError)) throw cause;
    const message = cause.message.replace(`'${path}'`, `'${directory}'`);
    throw new WalError(cause.code, message, { path: directory, cause });
  }
}

function openFailed(path: string, cause: unknown): unknown {
  if (cause instanceof WalError || cause instanceof RangeError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  const errno = errnoOf(cause);
  const isMissing = errno === 'ENOENT' && cause instanceof IoError && cause.syscall === 'mkdir';
  const isFile = errno === 'EEXIST' || errno === 'ENOTDIR';
  const hint = isFile ? '; it is a file, or below one: a Wal is a directory' : '';
  const advice = isMissing ? '; create the directory that it is to stand in first' : hint;
  const message = `cannot open the log in '${path}': ${why}${advice}`;
  return new WalError('ERR_WAL_OPEN', message, { path, errno, cause });
}

function tell({ directory, driver, writerDriver, pipeline, recovery }: OpenedWal): void {
  const { directIo } = writerDriver;
  const { writtenSequence: lastSequence } = pipeline;
  publishOpened(directory, driver, { directIo, lastSequence }, () => ({
    records: recovery.entriesRecovered,
    bytes: recovery.bytesRecovered,
    bytesDiscarded: recovery.bytesDiscarded,
    reason: recovery.reason,
    quarantined: recovery.quarantined,
  }));
}
