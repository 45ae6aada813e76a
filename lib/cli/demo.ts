// `npm start`: kills a writer again and again, and shows that nothing it acknowledged is lost.
// Optional argument: a file whose lines are the records.

import { existsSync } from 'node:fs';
import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AckLedger } from './demo-acks.js';
import { dissect, readBytes } from './demo-anatomy.js';
import type { DemoCheck } from './demo-check.js';
import { checkLog, passes } from './demo-check.js';
import { DemoInput, DemoInputError } from './demo-input.js';
import type { RoundPlan, RoundResult } from './demo-round.js';
import { runRound } from './demo-round.js';
import { count, DemoView } from './demo-view.js';
import type { ExitCode } from './exit-codes.js';
import { EXIT } from './exit-codes.js';
import { LatencyHistogram } from './latency.js';
import { describeError } from './report.js';

const KILLS = 5;
const CALLERS = 64;
/** A child lives at least, and at most, this long after its first acknowledgement. */
const LIFE_MS = { min: 600, max: 1100 } as const;
const LAST_ROUND_MS = 800;
/** Each round may grow the log by this much, in bytes: fast disks and long lines. */
const ROUND_BYTES_MAX = 64 * 1024 * 1024;
/** The record that is shown has a value of this many bytes at least, if there is one. */
const SHOWN_VALUE_BYTES_MIN = 20;
/** The default input: the first of the project's own texts that is there. */
const DEFAULT_INPUTS = ['README.md', 'CONTRIBUTING.md', 'package.json'];

const FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0xef53, 'ext4'],
  [0x58465342, 'XFS'],
  [0x9123683e, 'Btrfs'],
  [0x01021994, 'tmpfs'],
  [0x794c7630, 'overlayfs'],
]);

/** Everything one run of the demo works with. */
interface Stage {
  readonly view: DemoView;
  readonly input: DemoInput;
  readonly inputPath: string;
  readonly log: string;
  readonly ledger: AckLedger;
  readonly signal: AbortSignal;
}

async function main(args: readonly string[]): Promise<ExitCode> {
  const view = new DemoView(process.stdout, process.env);
  const abort = new AbortController();
  const onSignal = (): void => {
    abort.abort();
  };
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  // Nobody watches any more: stop, and leave nothing behind.
  process.stdout.on('error', onSignal);
  let folder: string | undefined;
  let isKept = false;
  try {
    const input = DemoInput.read(args[0] ?? defaultInput());
    folder = await makeFolder();
    const inputPath = join(folder, 'input');
    await writeFile(inputPath, input.bytes);
    const log = join(folder, 'demo.wal');
    const stage = { view, input, inputPath, log, ledger: new AckLedger(), signal: abort.signal };
    if (await play(stage, folder)) return EXIT.OK;
    if (abort.signal.aborted) return stopped(view);
    isKept = true;
    view.line(`The log is kept: ${log}`);
    return EXIT.FAILED;
  } catch (error) {
    if (abort.signal.aborted) return stopped(view);
    view.clearProgress();
    process.stderr.write(`uring-wal demo: ${describeError(error)}\n`);
    return error instanceof DemoInputError ? EXIT.NO_INPUT : EXIT.IO;
  } finally {
    if (folder !== undefined && !isKept) await rm(folder, { recursive: true, force: true });
  }
}

function stopped(view: DemoView): ExitCode {
  view.clearProgress();
  view.line('Stopped.');
  return EXIT.INTERRUPT;
}

function defaultInput(): string {
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const paths = DEFAULT_INPUTS.map((name) => join(root, name));
  return paths.find((path) => existsSync(path)) ?? join(root, 'package.json');
}

async function makeFolder(): Promise<string> {
  try {
    return await mkdtemp(join(tmpdir(), 'uring-wal-demo-'));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`no temporary folder (set TMPDIR to a writable one): ${why}`, { cause });
  }
}

/** Runs all rounds; resolves to whether every check passed. */
async function play(stage: Stage, folder: string): Promise<boolean> {
  const { view, signal } = stage;
  const total = new Total();
  await introduce(stage, folder);
  for (let kill = 1; kill <= KILLS; kill += 1) {
    const lifeMs = LIFE_MS.min + Math.random() * (LIFE_MS.max - LIFE_MS.min);
    const plan = { lifeMs, callers: CALLERS, ending: 'kill' } as const;
    const round = await runRoundInView(stage, `kill ${String(kill)}`, plan);
    if (signal.aborted) return false;
    if (kill === 1) {
      tellDriver(view, round);
      view.tableHead();
    }
    const check = await judge(stage, `kill ${String(kill)}`, plan.ending, round, total);
    if (!passes(check)) return conclude(view, total);
  }
  const { latency, elapsedMs, bytes } = total;
  const plan = { lifeMs: LAST_ROUND_MS, callers: 1, ending: 'close' } as const;
  const last = await runRoundInView(stage, 'close', plan);
  if (signal.aborted) return false;
  await judge(stage, 'close', plan.ending, last, total);
  view.line(
    '* appends that a kill found on their way, and that had landed: whole and unchanged too',
  );
  showRecord(stage);
  view.line();
  view.line('Durable appends, in the children, while they lived:');
  view.figures(`${String(CALLERS)} callers`, latency, elapsedMs, bytes);
  view.figures('1 caller  ', last.latency, last.elapsedMs, last.bytes);
  return conclude(view, total);
}

async function introduce(stage: Stage, folder: string): Promise<void> {
  const { view, input, log } = stage;
  const { type } = await statfs(folder);
  const system = FILE_SYSTEMS.get(type) ?? `file system 0x${type.toString(16)}`;
  const part = input.isWhole ? '' : `the first ${count(input.bytes.length)} bytes of `;
  view.line(view.paint('bold', 'uring-wal: is what was acknowledged still there after kill -9?'));
  view.line();
  view.line(
    `A child process appends ${part}${input.name}, a record a line (${count(input.count)} of them,`,
  );
  view.line(
    `over and over): ${String(CALLERS)} callers, each waiting until its record is durable. It is killed`,
  );
  view.line('in the middle; its log is replayed and compared with all that was ever acknowledged;');
  view.line('the next child goes on with the same log.');
  view.line();
  view.line(`log     ${log} (${system})`);
  if (system === 'tmpfs') {
    view.line('        tmpfs is memory: the figures below say nothing about a disk (set TMPDIR)');
  }
}

function tellDriver(view: DemoView, round: RoundResult): void {
  const { driver, fallbackReason } = round.hello;
  const name = driver === 'uring' ? 'io_uring' : driver === 'threadpool' ? 'thread pool' : driver;
  view.line(`driver  ${name}${fallbackReason === null ? '' : `, because ${fallbackReason}`}`);
  view.line();
}

async function runRoundInView(
  stage: Stage,
  name: string,
  plan: Pick<RoundPlan, 'lifeMs' | 'callers' | 'ending'>,
): Promise<RoundResult> {
  const { view, log, inputPath, input, signal, ledger } = stage;
  const logBytesMax = ledger.end + ROUND_BYTES_MAX;
  const onProgress = (acknowledged: number, elapsedMs: number): void => {
    view.progress(name, elapsedMs / plan.lifeMs, acknowledged, elapsedMs);
  };
  const whole: RoundPlan = { ...plan, log, inputPath, input, signal, logBytesMax, onProgress };
  const round = await runRound(whole, ledger);
  view.clearProgress();
  return round;
}

/** The bytes of the last acknowledged record with something to see in it. */
function showRecord(stage: Stage): void {
  const { view, ledger, log, input } = stage;
  let sequence = ledger.last;
  const first = Math.max(1, sequence - input.count + 1);
  const isPlain = (): boolean => input.record(sequence).value.length < SHOWN_VALUE_BYTES_MIN;
  while (sequence > first && (isPlain() || !ledger.has(sequence))) sequence -= 1;
  const place = ledger.place(sequence);
  if (place === undefined) return;
  const { offset, length } = place;
  view.line();
  view.line(
    `The bytes of record ${count(sequence)}, ${String(length)} at offset ${count(offset)}:`,
  );
  view.anatomy(dissect(readBytes(log, offset, length)));
}

/** Checks the log after a round, and shows what was found. */
async function judge(
  stage: Stage,
  name: string,
  ending: 'kill' | 'close',
  round: RoundResult,
  total: Total,
): Promise<DemoCheck> {
  const check = await checkLog(stage.log, stage.ledger, stage.input, ending);
  stage.view.roundRow(name, round, check, check.unacknowledged - total.unacknowledged);
  total.add(round, check, ending);
  return check;
}

/** All rounds together; the figures are those of the killed ones. */
class Total {
  readonly latency = new LatencyHistogram();
  elapsedMs = 0;
  bytes = 0;
  acknowledged = 0;
  unacknowledged = 0;
  check: DemoCheck | undefined;

  add(round: RoundResult, check: DemoCheck, ending: 'kill' | 'close'): void {
    this.acknowledged += round.acknowledged;
    this.unacknowledged = check.unacknowledged;
    this.check = check;
    if (ending === 'close') return;
    this.latency.addAll(round.latency);
    this.elapsedMs += round.elapsedMs;
    this.bytes += round.bytes;
  }
}

/** Prints the verdict; returns whether it is a good one. */
function conclude(view: DemoView, total: Total): boolean {
  const { acknowledged, check } = total;
  view.line();
  if (check === undefined || !passes(check)) {
    view.line(view.paint('red', `FAILED: ${check?.firstProblem ?? 'nothing was checked'}`));
    return false;
  }
  const verdict = `${count(acknowledged)} acknowledged records: none missing, none different.`;
  view.line(view.paint('green', `PASSED. ${verdict}`));
  view.line('A kill spares the page cache. What a power cut takes is tried by the simulator.');
  return true;
}

process.exitCode = await main(process.argv.slice(2));
