// For the kernel tests: runs a scenario over a driver in a process of its own, under the limits or
// as the user that the test has set, and tells what happened as JSON on standard output.

import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

import { WalError } from '../errors.js';
import { type IoDriver, IoError, type IoFile } from './driver.js';
import { selectDriver } from './select.js';

const CREATE = { access: 'write', create: 'if-missing', direct: false, mode: 0o600 } as const;

/** `done`, or the error as a short text: `IoError EFBIG write`. */
async function outcome(promise: Promise<unknown>): Promise<string> {
  return String(await counted(promise.then(() => 'done')));
}

/** A count, or the error as a short text. */
async function counted(promise: Promise<number | string>): Promise<number | string> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof IoError) {
      return `IoError ${error.code} ${error.syscall}`;
    }
    if (error instanceof WalError) return `WalError ${error.code} ${error.message}`;
    return String(error);
  }
}

/** Whether a failed dsync write is known to have failed before its sync. */
function writeHalfOf(error: unknown): boolean {
  return error instanceof IoError && error.writeHalf;
}

type Scenario = (driver: IoDriver, path: string) => Promise<unknown[]>;

/** Under a file size limit of 64 KiB, lifted at the end. */
const fileSizeLimit: Scenario = async (driver, path) => {
  const file = await driver.open(path, CREATE);
  const memory = driver.memory(40_960);
  memory.bytes.fill(7);
  const write = (position: number, dsync = false): Promise<unknown> =>
    counted(file.write(memory, 0, 40_960, position, { dsync }));
  const results = [
    await write(0),
    await write(40_960),
    await write(65_536),
    await write(65_536, true),
    await file.write(memory, 0, 10, 65_536, { dsync: true }).catch(writeHalfOf),
    await write(40_960, true),
    await outcome(file.allocate(0, 100_000)),
    await outcome(file.truncate(100_000)),
    await counted(file.size()),
    await outcome(file.sync()),
  ];
  const lift =
    'import resource, sys\n' +
    'resource.prlimit(int(sys.argv[1]), resource.RLIMIT_FSIZE, (-1, -1))';
  execFileSync('python3', ['-c', lift, String(process.pid)]);
  results.push(await write(65_536, true), await outcome(file.allocate(0, 120_000)));
  results.push(await counted(file.size()));
  await file.close();
  return results;
};

/** Under a limit of open descriptors: refused whole, nothing leaks, and it goes on. */
const descriptorLimit: Scenario = async (driver, path) => {
  await (await driver.open(path, CREATE)).close();
  const before = readdirSync('/proc/self/fd').length;
  const files: IoFile[] = [];
  let refusal: unknown = 'none';
  while (refusal === 'none' && files.length < 1000) {
    refusal = await driver.open(path, CREATE).then(
      (file) => {
        files.push(file);
        return 'none';
      },
      (error: unknown) => outcome(Promise.reject(error as Error)),
    );
  }
  const [first] = files;
  const alike = files.every((file) => file.pastCache?.unit === first?.pastCache?.unit);
  const locked = await outcome(driver.lock(path).then((lock) => lock.release()));
  await Promise.all(files.map((file) => file.close()));
  const after = readdirSync('/proc/self/fd').length;
  const again = await outcome(driver.open(path, CREATE).then((file) => file.close()));
  return [refusal, locked, alike, after - before, again];
};

/** As another user, in a directory that only root may write to. */
const otherUser: Scenario = async (driver, directory) => {
  const early = await driver.open(`${directory}/early`, CREATE);
  process.setgid?.(65_534);
  process.setuid?.(65_534);
  const memory = driver.memory(4096);
  return [
    await outcome(driver.open(`${directory}/private`, CREATE)),
    await outcome(driver.open(`${directory}/new`, CREATE)),
    await outcome(driver.open(`${directory}/readable`, { ...CREATE, create: 'never' })),
    await outcome(
      driver.open(`${directory}/readable`, { ...CREATE, access: 'read', create: 'never' }),
    ),
    await outcome(driver.list(`${directory}/closed`)),
    await outcome(driver.makeDirectory(`${directory}/new`)),
    await outcome(driver.remove(`${directory}/readable`)),
    await outcome(driver.rename(`${directory}/readable`, `${directory}/other`)),
    await outcome(driver.syncDirectory(`${directory}/closed`)),
    await outcome(driver.lock(`${directory}/readable`)),
    await outcome(driver.lock(`${directory}/held`)),
    // What was opened with more rights goes on, though its descriptors cannot be opened again.
    await counted(early.write(memory, 0, 10, 0, { dsync: true })),
    await outcome(early.sync()),
    await outcome(early.close()),
  ];
};

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  fileSizeLimit,
  descriptorLimit,
  otherUser,
};

const [driverName, name, path] = process.argv.slice(2);
const scenario = SCENARIOS[name ?? ''];
if (scenario !== undefined && path !== undefined) {
  const { driver } = selectDriver(driverName === 'uring' ? 'uring' : 'threadpool', { ringSize: 8 });
  const results = await scenario(driver, path);
  await driver.close();
  process.stdout.write(JSON.stringify(results));
}
