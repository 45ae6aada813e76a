// `npm run bench`: what to measure, then table, JSON and chart.

import * as fs from 'node:fs';
import { join } from 'node:path';
import { chartHtml, chartSvg } from './chart.js';
import { CATALOGUE } from './contenders/catalogue.js';
import { runCounts } from './counts.js';
import { describeEnvironment, loadWarning } from './environment.js';
import { installPeers } from './install.js';
import { runMicro } from './micro.js';
import { HELP, parseOptions, UsageError, type BenchOptions } from './options.js';
import type { Report } from './report.js';
import { chosenWorkloads, estimateSeconds } from './plan.js';
import { runPlan } from './runner.js';
import { save } from './save.js';
import { runSoak } from './soak.js';
import { TrialProcess } from './trial-process.js';
import { reportText } from './table.js';
import { runWalFigures } from './wal-figures.js';
import { WORKLOADS } from './workloads.js';

const EXIT_USAGE = 64;
const EXIT_INTERRUPTED = 130;
const PLAIN_LINES = 10;
const CLEAR_LINE = '\r\u001b[K';

/** A line that rewrites itself on a terminal; elsewhere a plain line for every tenth of the run. */
function showProgress(done: number, all: number, what: string): void {
  const text = `[${String(done + 1)}/${String(all)}] ${what}`;
  if (process.stderr.isTTY) process.stderr.write(`${CLEAR_LINE}${text}`);
  else if (done % Math.ceil(all / PLAIN_LINES) === 0) process.stderr.write(`${text}\n`);
}

async function measure(options: BenchOptions): Promise<Report> {
  const workloads = chosenWorkloads(options);
  if (workloads.length === 0) throw new UsageError('no such contender in any of these workloads');
  fs.mkdirSync(options.directory, { recursive: true });
  const directory = fs.mkdtempSync(join(options.directory, 'run-'));
  const cleanUp = (): void => {
    fs.rmSync(directory, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      void TrialProcess.killAll().then(() => {
        cleanUp();
        process.exit(EXIT_INTERRUPTED);
      });
    });
  }
  try {
    const environment = describeEnvironment(directory, process.argv.slice(2));
    if (environment.fileSystem === 'tmpfs') {
      process.stderr.write('Warning: a tmpfs; durable figures mean nothing there (see --dir)\n');
    }
    for (const line of loadWarning(environment)) process.stderr.write(`${line}\n`);
    const { rounds, recoverRounds, warmupMs, measureMs, profileDirectory } = options;
    const times = { warmupMs, measureMs };
    const progress = showProgress;
    const sizes = { rounds, recoverRounds, times };
    const plan = { workloads, ...sizes, directory, profileDirectory, progress };
    process.stderr.write(`About ${estimateSeconds(plan).toFixed(0)} s on an idle machine\n`);
    const measured = await runPlan(plan);
    return { environment, rounds, recoverRounds, measureMs, workloads: measured };
  } finally {
    if (process.stderr.isTTY) process.stderr.write(CLEAR_LINE);
    cleanUp();
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function publish(report: Report, options: BenchOptions): void {
  const colours = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
  const bold = (text: string): string => (colours ? `\u001b[1m${text}\u001b[22m` : text);
  process.stdout.write(reportText(report, bold));
  if (options.jsonFile !== undefined) {
    fs.writeFileSync(options.jsonFile, `${JSON.stringify(report, null, 2)}\n`);
  }
  if (options.chartFile !== undefined) {
    const html = options.chartFile.endsWith('.html');
    fs.writeFileSync(options.chartFile, html ? chartHtml(report) : chartSvg(report));
  }
  if (options.save) save(report, say);
}

function listText(): string {
  const workloads = WORKLOADS.map(
    ({ name, title, tier }) =>
      `  ${name.padEnd(18)}${title}${tier === 'extended' ? ' (by name, or --all)' : ''}`,
  );
  const contenders = CATALOGUE.map(({ id, title }) => `  ${id.padEnd(18)}${title}`);
  return ['Workloads', ...workloads, 'Contenders', ...contenders, ''].join('\n');
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help' || options === 'list') {
    process.stdout.write(options === 'help' ? HELP : listText());
    return;
  }
  if (options.mode === 'from') {
    publish(JSON.parse(fs.readFileSync(options.fromFile ?? '', 'utf8')) as Report, options);
    return;
  }
  if (options.mode === 'counts') {
    runCounts();
    return;
  }
  if (options.mode === 'soak') {
    await runSoak(options.minutes, options.directory, (line) => {
      process.stdout.write(`${line}\n`);
    });
    return;
  }
  if (options.mode === 'wal') {
    await runWalFigures(options.directory);
    return;
  }
  const trouble = options.install
    ? installPeers((line) => process.stderr.write(`${line}\n`))
    : undefined;
  if (trouble !== undefined) process.stderr.write(`${trouble}\n`);
  if (options.mode === 'micro') await runMicro();
  else publish(await measure(options), options);
}

try {
  await main();
} catch (error) {
  const usage = error instanceof UsageError;
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(usage ? `bench: ${message}\nTry --help.\n` : `bench: ${message}\n`);
  process.exitCode = usage ? EXIT_USAGE : 1;
}
