// Opening a segmented log: options checked, driver chosen, directory locked and recovered, in this
// order; whatever fails, all that was taken before is given back.

import { dirname, join, resolve as resolvePath } from 'node:path';
import type { CommitPipeline } from './commit.js';
import { WalError, errnoOf } from './errors.js';
import type { IoDriver, IoLock } from './io/driver.js';
import { selectDriver } from './io/select.js';
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
    await driver.syncDirectory(dirname(directory));
    const lock = await driver.lock(join(directory, 'wal'));
    undo.push(() => lock.release());
    const recovered = await recoverDirectory(driver, directory, resolved);
    const { file } = recovered;
    undo.push(() => file.close());
    const files = new WalFiles(driver, directory, resolved, recovered);
    files.saveManifest();
    await files.manifestSaved();
    const pipeline = await files.startPipeline();
    const { direct } = file;
    return {
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
        directIo: direct !== undefined && 'blockBytes' in direct,
        directIoRefused: direct !== undefined && 'refused' in direct ? direct.refused : undefined,
      },
    };
  } catch (cause) {
    for (const step of undo.reverse()) await step().catch(() => undefined);
    if (cause instanceof WalError || cause instanceof RangeError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new WalError('ERR_WAL_OPEN', `cannot open the log in '${path}': ${why}`, {
      path,
      errno: errnoOf(cause),
      cause,
    });
  }
}
