// `npm run bench -- --save`: what was measured becomes the figures that README.md shows: JSON and
// chart in bench/results/, and the block between two markers in README.md.

import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { chartSvg } from './chart.js';
import { environmentLine, loadWarning } from './environment.js';
import { BENCH_DIRECTORY, ROOT_DIRECTORY } from './paths.js';
import { comparedWithRecorded } from './recorded.js';
import { roundsWords, type Report } from './report.js';
import { peersWin, targetCells, targetsNote } from './table.js';

const RESULTS_DIRECTORY = `${BENCH_DIRECTORY}/results`;
const README_FILE = `${ROOT_DIRECTORY}/README.md`;
const START = '<!-- figures: written by npm run bench -- --save -->';
const END = '<!-- /figures -->';
const TARGET_HEADING = ['workload', 'ours', 'wanted', 'reached', 'verdict'];

/** Writes the three; `say` is told of each. */
export function save(report: Report, say: (line: string) => void): void {
  fs.mkdirSync(RESULTS_DIRECTORY, { recursive: true });
  const json = `${RESULTS_DIRECTORY}/latest.json`;
  const svg = `${RESULTS_DIRECTORY}/latest.svg`;
  fs.writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
  fs.writeFileSync(svg, chartSvg(report));
  const readme = fs.readFileSync(README_FILE, 'utf8');
  fs.writeFileSync(README_FILE, withFigures(readme, figuresBlock(report)));
  const run = spawnSync('npx', ['--no-install', 'prettier', '--write', README_FILE], {
    cwd: ROOT_DIRECTORY,
  });
  if (run.status !== 0) say('README.md was written, but not formatted: run npm run format');
  for (const file of [json, svg, README_FILE]) say(`wrote ${file}`);
}

/** `readme` with the block between the markers replaced. */
export function withFigures(readme: string, block: string): string {
  const start = readme.indexOf(START);
  const end = readme.indexOf(END);
  if (start < 0 || end < start) {
    throw new Error(`README.md has no '${START}' with '${END}' below it`);
  }
  return `${readme.slice(0, start)}${START}\n\n${block}\n${readme.slice(end)}`;
}

/** The figures as Markdown. */
export function figuresBlock(report: Report): string {
  const { environment, workloads } = report;
  const lines = [
    `${environmentLine(environment)} · ${environment.date} · commit ${environment.commit} · ` +
      `\`${environment.command}\`, ${roundsWords(report)}:`,
    '',
    '![Bars: uring-wal, its peers and the floor, workload by workload](bench/results/latest.svg)',
    '',
    ...loadWarning(environment).map((line) => `**${line}.**\n`),
  ];
  const rows = workloads.flatMap((workload) => {
    const cells = targetCells(workload);
    return cells === undefined ? [] : [cells];
  });
  if (rows.length > 0) {
    const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
    lines.push(row(TARGET_HEADING), row(TARGET_HEADING.map(() => '---')), ...rows.map(row), '');
    lines.push(targetsNote(workloads), '');
  }
  const wins = peersWin(workloads);
  if (wins.length > 0) {
    lines.push('Where a peer wins:', '', ...wins.map((line) => `- ${line}`), '');
  }
  const recorded = comparedWithRecorded(workloads);
  if (recorded.length > 0) {
    lines.push('Beside figures recorded on another run, not measured here:', '');
    lines.push(...recorded.map((line) => `- ${line}`), '');
  }
  return lines.join('\n');
}
