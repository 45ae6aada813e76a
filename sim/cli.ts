// `npm run sim`: a campaign, one world again, or every small world there is.

import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { endOnClosedPipe } from './closed-pipe.js';
import { runCampaign } from './campaign.js';
import { type CliOptions, HELP, UsageError, parseOptions } from './cli-options.js';
import { runExhaustive } from './exhaustive.js';
import { describeCase, shrinkCase } from './failure.js';
import { FAULT_NAMES } from './faults.js';
import { INVARIANT_NAMES } from './invariants.js';
import { Progress } from './progress.js';
import { campaignReport, replayCommand, worldReport } from './report/report.js';
import { runRegressions } from './regressions.js';
import { describeViolation, storyOf, traceLines } from './story.js';
import { coverageTable, grouped } from './table.js';
import { type Counts, missingOf } from './tally.js';
import { type WorldToken, choicesOf, encodeToken } from './token.js';
import { FAIR_FAULTS } from './user-world.js';
import { runWalWorld } from './wal-world.js';
import { catchStrays, runWorld } from './world.js';

const EXIT = { held: 0, broken: 1, unexercised: 2, usage: 64 } as const;

const out = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (options.help) {
    out(HELP);
    return EXIT.held;
  }
  catchStrays();
  const code = await run(options);
  if (!options.json) out(code === EXIT.held ? '1 passed, 0 failed' : '0 passed, 1 failed');
  return code;
}

function run(options: CliOptions): Promise<number> {
  if (options.replay !== undefined) return replay(options.replay, options);
  return options.exhaustive ? exhaustive(options) : campaign(options);
}

async function replay(token: WorldToken, options: CliOptions): Promise<number> {
  const runOne = options.wal ? runWalWorld : runWorld;
  const world = await runOne(choicesOf(token.source), token.limits, { traced: true });
  const trace = world.trace ?? [];
  if (options.json) {
    out(JSON.stringify({ ...world, trace }, undefined, 2));
  } else {
    out(traceLines(trace).join('\n'));
    out(`\nIn short, on ${world.profile}:`);
    storyOf(trace).forEach((step, index) => {
      out(`  ${String(index + 1).padStart(2)}. ${step}`);
    });
    const verdict =
      world.violation === undefined
        ? 'All promises held.'
        : `BROKEN  ${describeViolation(world.violation)}`;
    out(`\n${verdict}\nhistory ${world.hash.toString(16)}, ${String(world.steps)} steps`);
  }
  if (options.report !== undefined) {
    const { violation, profile } = world;
    await writeFile(
      options.report,
      worldReport({
        trace,
        violation,
        profile,
        replay: replayCommand(options.replayText, options.wal),
      }),
    );
  }
  return world.violation === undefined ? EXIT.held : EXIT.broken;
}

async function exhaustive(options: CliOptions): Promise<number> {
  const progress = new Progress(process.stderr);
  const { seconds, jobs } = options;
  const result = await runExhaustive({
    seconds,
    jobs,
    onProgress: (sofar) => {
      const share = Math.max(
        sofar.scripts / sofar.scriptsInAll,
        sofar.seconds / (seconds ?? Infinity),
      );
      progress.show(
        share,
        `${grouped(sofar.images)} distinct images, ${grouped(sofar.recoveries)} recoveries`,
      );
    },
  });
  progress.clear();
  if (options.json) {
    out(JSON.stringify(result, undefined, 2));
  } else {
    out(
      `${grouped(result.scripts)} of ${grouped(result.scriptsInAll)} workloads, ` +
        `${grouped(result.crashPoints)} crash points, ${grouped(result.images)} distinct images, ` +
        `${grouped(result.recoveries)} recoveries in ${result.seconds.toFixed(1)} s` +
        (result.skipped === 0
          ? ''
          : `; ${grouped(result.skipped)} crash points had more unsynced sectors than are exhausted`),
    );
    const { failure } = result;
    if (failure !== undefined) {
      out(`\nBROKEN  ${describeViolation(failure.violation)}`);
      out(`  workload: ${failure.script}\n  left by the power cut: ${failure.crash}`);
    }
  }
  return result.failure === undefined ? EXIT.held : EXIT.broken;
}

async function campaign(options: CliOptions): Promise<number> {
  const seed = options.seed ?? randomInt(2 ** 40);
  const { wal } = options;
  const runOne = wal ? runWalWorld : runWorld;
  const faults = options.faults ?? (wal ? FAIR_FAULTS : undefined);
  const limits = { faults, profile: options.profile };
  const failed = await runRegressions();
  if (failed !== undefined) {
    out(`a regression is back: ${failed.file}\n${describeViolation(failed.violation)}`);
    out(`Replay:  ${replayCommand(failed.token, failed.wal)}`);
    return EXIT.broken;
  }
  const progress = new Progress(process.stderr);
  const started = Date.now();
  const result = await runCampaign({
    seed,
    limits,
    wal,
    worlds: options.worlds,
    seconds: options.seconds,
    jobs: options.jobs,
    twicePercent: options.twice,
    onProgress: (counts) => {
      const seconds = (Date.now() - started) / 1000;
      const byTime = seconds / (options.seconds ?? (options.worlds === undefined ? 10 : Infinity));
      progress.show(
        Math.max(byTime, counts.worlds / (options.worlds ?? Infinity)),
        rates(counts, seconds),
      );
    },
  });
  progress.clear();
  const { counts, failure, seconds } = result;
  const found =
    failure === undefined
      ? undefined
      : await shrinkCase(
          { source: { kind: 'seed', seed: failure.seed }, limits },
          undefined,
          runOne,
        );
  const missing = missingOf(counts, limits, wal);
  const option = wal ? '--wal ' : '';
  if (options.json) {
    out(JSON.stringify({ seed, seconds, ...named(counts), failure, found, missing }, undefined, 2));
  } else {
    out(coverageTable(counts, limits, wal));
    out(
      `\nseed ${String(seed)}: ${rates(counts, seconds)}; ${grouped(counts.twice)} worlds run twice`,
    );
  }
  if (options.report !== undefined) {
    await writeFile(
      options.report,
      campaignReport({ seed, seconds, counts, limits, wal, failure: failure?.why, found }),
    );
  }
  if (failure !== undefined) {
    const token = encodeToken({ source: { kind: 'seed', seed: failure.seed }, limits });
    if (!options.json) out(`\n${found === undefined ? failure.why : describeCase(found, option)}`);
    if (found === undefined) out(`Replay:  npm run sim -- ${option}--replay ${token}`);
    return EXIT.broken;
  }
  const unexercised = [...missing.faults, ...missing.invariants, ...missing.activities];
  if (unexercised.length === 0) return EXIT.held;
  if (!options.json) out(`\nnever exercised, so nothing is shown: ${unexercised.join(', ')}`);
  return EXIT.unexercised;
}

function rates(counts: Counts, seconds: number): string {
  const perSecond = (count: number): string => `${grouped(count / Math.max(seconds, 0.001))}/s`;
  return (
    `${grouped(counts.worlds)} worlds (${perSecond(counts.worlds)}), ` +
    `${grouped(counts.crashes)} crashes (${perSecond(counts.crashes)}) in ${seconds.toFixed(1)} s`
  );
}

function named(counts: Counts): object {
  const byInvariant = (list: readonly number[]): object =>
    Object.fromEntries(INVARIANT_NAMES.map((name, index) => [name, list[index] ?? 0]));
  return {
    worlds: counts.worlds,
    crashes: counts.crashes,
    steps: counts.steps,
    twice: counts.twice,
    invariants: byInvariant(counts.checked),
    activities: counts.reached,
    faults: Object.fromEntries(
      FAULT_NAMES.map((name, fault) => [
        name,
        {
          fired: counts.fired[fault],
          worlds: counts.worldsWith[fault],
          checked: byInvariant(counts.checkedWith[fault] ?? []),
        },
      ]),
    ),
  };
}

endOnClosedPipe();
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\nnpm run sim -- --help tells what there is\n`);
  process.exitCode = EXIT.usage;
}
