import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { TrialSpec } from './protocol.js';
import { slicesOf } from './slices.js';
import { TrialProcess, type ProcessOptions } from './trial-process.js';

const TASK = {
  kind: 'append',
  durability: 'written',
  callers: 2,
  keyBytes: 16,
  valueBytes: 9,
} as const;
const SLICES = slicesOf(
  { task: TASK, zeroedBytesPerSecond: 1e6 },
  { warmupMs: 1, measureMs: 5 },
  2,
);
let directory: string;

beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), 'bench-process-'));
});
afterEach(async () => {
  await TrialProcess.killAll();
  fs.rmSync(directory, { recursive: true, force: true });
});

function specOf(contender: string): TrialSpec {
  return { contender, task: TASK, directory, slices: SLICES };
}

/** A process that does `script` instead of what a contender does. */
function pretender(script: string, options: ProcessOptions = {}): TrialProcess {
  const path = join(directory, 'pretender.mjs');
  fs.writeFileSync(path, script);
  return new TrialProcess(specOf('nobody'), { script: path, ...options });
}

/** Whether a process of that id runs; one that nobody has waited for yet does not. */
function exists(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(fs.readFileSync(`/proc/${String(pid)}/status`, 'utf8'));
  } catch {
    return false;
  }
}

it('has a reply for every command, slice after slice in one process', async () => {
  const trial = new TrialProcess(specOf('group-commit-sync'));
  expect(await trial.ask('open')).toEqual({ ok: true });
  for (let round = 0; round < 2; round++) {
    const reply = await trial.ask('measure');
    if (!reply.ok) throw new Error(reply.reason);
    expect(reply.result?.operations).toBeGreaterThan(1);
  }
  expect(await trial.close()).toEqual({ ok: true });
  expect(trial.isLive).toBe(false);
});

it('says why a contender cannot run, and lives on', async () => {
  const trial = new TrialProcess(specOf('ours-nobody'));
  expect(await trial.ask('open')).toEqual({
    ok: false,
    reason: 'no contender is called ours-nobody',
  });
  expect(trial.isLive).toBe(true);
});

it('tells how a process died, with the error it left', async () => {
  const trial = pretender(`process.on('message', () => { throw new RangeError('all is lost') })`);
  expect(await trial.ask('open')).toEqual({
    ok: false,
    reason: expect.stringMatching(/exited with 1: .*RangeError: all is lost/) as string,
  });
  expect(trial.isLive).toBe(false);
});

it('tells of a process that died while it was idle', async () => {
  const trial = pretender(`process.kill(process.pid, 'SIGKILL')`);
  await expect.poll(() => trial.isLive).toBe(false);
  expect(await trial.ask('measure')).toEqual({
    ok: false,
    reason: 'the process was ended by SIGKILL',
  });
});

it('ends a process that hangs', async () => {
  const pidFile = join(directory, 'pid');
  const trial = pretender(
    `import { writeFileSync } from 'node:fs';
     process.on('message', () => { writeFileSync(${JSON.stringify(pidFile)}, String(process.pid)); for (;;); })`,
    { commandMsMax: 2000 },
  );
  expect(await trial.ask('measure')).toEqual({
    ok: false,
    reason: 'took longer than 2 s to measure, and was ended',
  });
  const pid = Number(fs.readFileSync(pidFile, 'utf8'));
  await expect.poll(() => exists(pid)).toBe(false);
  expect((await trial.close()).ok).toBe(false);
});

it('leaves no process behind when the bench is interrupted', async () => {
  const hanging = `process.on('message', () => process.send({ ok: true, result: process.pid }));`;
  const trials = [pretender(hanging), pretender(hanging)];
  const pids: number[] = [];
  for (const trial of trials) {
    const reply = await trial.ask('open');
    pids.push((reply as unknown as { result: number }).result);
  }
  expect(pids.every(exists)).toBe(true);
  await TrialProcess.killAll();
  expect(pids.some(exists)).toBe(false);
});

it('ends with the bench: a contender whose channel is gone exits, in the midst of a slice', async () => {
  const parent = join(directory, 'parent.mjs');
  const script = new URL('trial.js', import.meta.url).pathname;
  const endless = { ...SLICES, measured: { ms: 60_000, records: 1e9 } };
  const spec = JSON.stringify({ ...specOf('group-commit-sync'), slices: endless });
  fs.writeFileSync(
    parent,
    `import { spawn } from 'node:child_process';
     const child = spawn(process.execPath, [${JSON.stringify(script)}, ${JSON.stringify(spec)}],
       { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
     child.once('message', () => {
       child.send('measure');
       setTimeout(() => process.send({ ok: true, result: child.pid }), 100);
     });
     process.on('message', (command) => child.send(command));`,
  );
  const trial = new TrialProcess(specOf('nobody'), { script: parent });
  const reply = await trial.ask('open');
  const pid = (reply as unknown as { result: number }).result;
  expect(exists(pid)).toBe(true);
  await trial.kill();
  await expect.poll(() => exists(pid)).toBe(false);
});
