// The lock among real processes, threads and containers that lock, are killed, and race.

import * as fs from 'node:fs';
import { basename } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { WalError } from '../errors.js';
import { acquireLock } from './lock-file.js';
import { nativeFlock } from './lock-flock.js';
import { describeSelf, parseHolder } from './lock-holder.js';
import {
  type RemoteHolder,
  startContainer,
  startProcess,
  startThread,
} from './test-lock-holder.js';
import { goneHolder } from './test-lock-files.js';
import { removeDirectory, temporaryDirectory } from './test-world.js';

const ROUNDS = 100;
const IMPATIENT = { patienceMs: { alive: 0, dying: 2000, gone: 2000, unknown: 0 } };

let directory: string;
let path: string;
let holders: RemoteHolder[];

beforeEach(async () => {
  directory = await temporaryDirectory();
  path = `${directory}/log`;
  holders = [];
});

afterEach(async () => {
  await Promise.all(holders.map((holder) => holder.kill()));
  await removeDirectory(directory);
});

function started(holder: RemoteHolder): RemoteHolder {
  holders.push(holder);
  return holder;
}

/** Each case once with flock and once without; without the addon the first is skipped aloud. */
function bothWays(name: string, run: (flock: boolean) => Promise<void>, timeoutMs = 30_000): void {
  test(`${name} (by flock and /proc)`, { timeout: timeoutMs }, async (context) => {
    if (nativeFlock() === undefined) context.skip('the native addon, and so flock, is missing');
    await run(true);
  });
  test(`${name} (by /proc alone)`, { timeout: timeoutMs }, async () => {
    await run(false);
  });
}

function lockHere(flock: boolean): ReturnType<typeof acquireLock> {
  return acquireLock(path, flock ? IMPATIENT : { ...IMPATIENT, tryFlock: undefined });
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof WalError)) throw new Error(`not refused but ${String(error)}`);
  expect(error.code).toBe('ERR_WAL_LOCKED');
  return error.message;
}

describe('another process', () => {
  bothWays('holds the lock until it releases it', async (flock) => {
    const other = started(startProcess());
    const { message: pid } = await other.ask('pid', path);
    expect(await other.ask('lock', path, { flock })).toMatchObject({ code: 'OK' });
    const message = await refusal(lockHere(flock));
    expect(message).toContain(`process ${pid}`);
    expect(message).toMatch(/since \d{4}-\d\d-\d\dT/);
    expect(message).toContain(path);
    await other.ask('release', path);
    const lock = await lockHere(flock);
    expect(await other.ask('lock', path, { flock })).toMatchObject({ code: 'ERR_WAL_LOCKED' });
    await lock.release();
    expect(fs.readdirSync(directory)).toEqual([]);
  });

  bothWays('killed, leaves a lock that the next one takes over', async (flock) => {
    for (let round = 0; round < 5; round += 1) {
      const other = started(startProcess());
      expect(await other.ask('lock', path, { flock })).toMatchObject({ code: 'OK' });
      await other.kill();
      expect(fs.readdirSync(directory)).toEqual(['log.lock']);
      const lock = await lockHere(flock);
      await lock.release();
      expect(fs.readdirSync(directory)).toEqual([]);
    }
  });

  bothWays('and this one race for a stale lock: one wins, each time', async (flock) => {
    const racers = [started(startProcess()), started(startProcess())];
    const wins = [0, 0];
    for (let round = 0; round < ROUNDS; round += 1) {
      plantStale();
      const answers = await Promise.all(racers.map((racer) => racer.ask('lock', path, { flock })));
      const codes = answers.map((answer) => answer.code);
      expect([...codes].sort(), JSON.stringify(answers)).toEqual(['ERR_WAL_LOCKED', 'OK']);
      const winner = codes.indexOf('OK');
      wins[winner] = (wins[winner] ?? 0) + 1;
      await racers[winner]?.ask('release', path);
      expect(fs.readdirSync(directory)).toEqual([]);
    }
    expect(wins.reduce((sum, each) => sum + each)).toBe(ROUNDS);
  });

  test('the log by way of a symlink is the same log', async () => {
    fs.writeFileSync(path, '');
    fs.symlinkSync(path, `${directory}/link`);
    fs.symlinkSync(directory, `${directory}/sub`);
    const other = started(startProcess());
    expect(await other.ask('lock', `${directory}/link`)).toMatchObject({ code: 'OK' });
    expect(fs.existsSync(`${path}.lock`)).toBe(true);
    await refusal(acquireLock(`${directory}/sub/log`, IMPATIENT));
  });
});

describe('another thread', () => {
  bothWays('holds the lock, and is named', async (flock) => {
    const thread = started(startThread());
    expect(await thread.ask('lock', path, { flock })).toMatchObject({ code: 'OK' });
    const message = await refusal(lockHere(flock));
    expect(message).toContain(`process ${String(process.pid)} (thread `);
    await thread.ask('release', path);
    const lock = await lockHere(flock);
    expect(await thread.ask('lock', path, { flock })).toMatchObject({ code: 'ERR_WAL_LOCKED' });
    await lock.release();
  });

  bothWays('terminated, leaves a lock that the next one takes over', async (flock) => {
    for (let round = 0; round < 5; round += 1) {
      const thread = started(startThread());
      expect(await thread.ask('lock', path, { flock })).toMatchObject({ code: 'OK' });
      await thread.kill();
      const lock = await lockHere(flock);
      await lock.release();
    }
    expect(fs.readdirSync(directory)).toEqual([]);
  });
});

describe('another container', () => {
  const privileged = process.platform === 'linux' && process.getuid?.() === 0;

  test('holds the lock though its pid means nothing here', async (context) => {
    if (!privileged) context.skip('a pid namespace needs privileges');
    if (nativeFlock() === undefined) context.skip('the native addon, and so flock, is missing');
    const container = started(startContainer());
    expect(await container.ask('pid', path)).toMatchObject({ message: '1' });
    expect(await container.ask('lock', path)).toMatchObject({ code: 'OK' });
    const message = await refusal(lockHere(true));
    expect(message).toContain('another container');
    expect(message).toContain(`delete '${path}.lock'`);
    // What is killed is the parent of the container; its end reaches the holder a moment later.
    await container.kill();
    const patienceMs = { ...IMPATIENT.patienceMs, unknown: 10_000 };
    const lock = await acquireLock(path, { patienceMs });
    await lock.release();
  });

  test('without flock it is never taken over, and the file to delete is named', async (context) => {
    if (!privileged) context.skip('a pid namespace needs privileges');
    const container = started(startContainer());
    expect(await container.ask('lock', path, { flock: false })).toMatchObject({ code: 'OK' });
    await container.kill();
    expect(await refusal(lockHere(false))).toContain(`delete '${path}.lock'`);
  });
});

describe('this thread', () => {
  test('is refused by any name of a log that it holds', async () => {
    fs.writeFileSync(path, '');
    fs.symlinkSync('log', `${directory}/symlink`);
    fs.linkSync(path, `${directory}/hard-link`);
    const lock = await acquireLock(path, IMPATIENT);
    for (const name of ['log', './log', 'symlink', 'hard-link', `../${basename(directory)}/log`]) {
      expect(await refusal(acquireLock(`${directory}/${name}`, IMPATIENT))).toContain('this very');
    }
    await lock.release();
    const other = await acquireLock(`${directory}/hard-link`, IMPATIENT);
    await other.release();
  });

  test('a failed lock leaves nothing behind and can be tried again', async () => {
    fs.writeFileSync(`${path}.lock`, 'no lock of ours');
    const message = await refusal(acquireLock(path, IMPATIENT));
    expect(message).toContain(`delete '${path}.lock'`);
    expect(fs.readdirSync(directory)).toEqual(['log.lock']);
    fs.unlinkSync(`${path}.lock`);
    await (await acquireLock(path, IMPATIENT)).release();
  });

  test('a release leaves alone what is not its own', async () => {
    const lock = await acquireLock(path, IMPATIENT);
    const other = JSON.stringify(describeSelf(false));
    fs.writeFileSync(`${path}.lock`, other);
    await lock.release();
    await lock.release();
    expect(fs.readFileSync(`${path}.lock`, 'utf8')).toBe(other);
  });

  test('the record is whole', async () => {
    const lock = await acquireLock(path, IMPATIENT);
    const holder = parseHolder(fs.readFileSync(`${path}.lock`, 'utf8'));
    expect(holder).toMatchObject({ pid: process.pid, flock: nativeFlock() !== undefined });
    expect(fs.statSync(`${path}.lock`).nlink).toBe(1);
    await lock.release();
  });

  test.each([
    ['private', undefined, 0o600],
    ['as asked for', 0o640, 0o640],
  ])('its mode is %s', async (_name, mode, expected) => {
    const lock = await acquireLock(path, mode === undefined ? {} : { mode });
    expect(fs.statSync(`${path}.lock`).mode & 0o777).toBe(expected);
    await lock.release();
    const link = (): never => {
      throw Object.assign(new Error('no links'), { code: 'EPERM' });
    };
    const other = await acquireLock(path, mode === undefined ? { link } : { link, mode });
    expect(fs.statSync(`${path}.lock`).mode & 0o777).toBe(expected);
    await other.release();
  });

  test('a holder that died before it had the lock leaves no litter either', async () => {
    const record = JSON.stringify(goneHolder());
    fs.writeFileSync(`${path}.lock.${describeSelf(false).nonce}.new`, record);
    const lock = await acquireLock(path, IMPATIENT);
    expect(fs.readdirSync(directory)).toEqual(['log.lock']);
    await lock.release();
  });

  test('takers that died leave no litter beside the next lock', async () => {
    const gone = plantStale();
    fs.writeFileSync(`${path}.lock.${describeSelf(false).nonce}.new`, JSON.stringify(gone));
    const lock = await acquireLock(path, IMPATIENT);
    expect(fs.readdirSync(directory)).toEqual(['log.lock']);
    await lock.release();
  });

  test('a release whose lock file is gone lets go all the same', async () => {
    const lock = await acquireLock(path, IMPATIENT);
    const descriptors = fs.readdirSync('/proc/self/fd').length;
    fs.renameSync(directory, `${directory}-away`);
    await lock.release();
    fs.renameSync(`${directory}-away`, directory);
    expect(fs.readdirSync('/proc/self/fd').length).toBe(descriptors - 1);
    fs.unlinkSync(`${path}.lock`);
    await (await acquireLock(path, IMPATIENT)).release();
  });
});

/** A lock of a process that is gone. */
function plantStale(): ReturnType<typeof describeSelf> {
  const holder = { ...describeSelf(false), started: '1' };
  fs.writeFileSync(`${path}.lock`, JSON.stringify(holder));
  return holder;
}
