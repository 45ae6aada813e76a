// The HTML reports: one self-contained file each, for one world or for a campaign.

import type { TraceEvent } from '../environment.js';
import type { ShrunkCase } from '../failure.js';
import { FAULTS, FAULT_NAMES } from '../faults.js';
import { INVARIANTS, INVARIANT_NAMES, type Violation, promiseOf } from '../invariants.js';
import { storyOf } from '../story.js';
import { grouped } from '../table.js';
import { type Counts, isExpected, isPromised } from '../tally.js';
import { WAL_ACTIVITIES, WAL_ACTIVITY_NAMES } from '../activities.js';
import type { WorldLimits } from '../world.js';
import { STYLE } from './style.js';
import { escapeHtml, timelineSvg } from './timeline.js';

export interface WorldView {
  readonly trace: readonly TraceEvent[];
  readonly violation: Violation | undefined;
  readonly profile: string;
  /** What to type to see it again. */
  readonly replay: string;
}

export interface CampaignView {
  readonly seed: number;
  readonly seconds: number;
  readonly counts: Counts;
  readonly limits: WorldLimits;
  /** Of worlds of the segmented log. */
  readonly wal: boolean;
  /** Why a world failed, if one did … */
  readonly failure: string | undefined;
  /** … and its shrunk case. */
  readonly found: ShrunkCase | undefined;
}

/** One world: what broke, the steps to it, the timeline. */
export function worldReport(view: WorldView): string {
  return page('One simulated world', world(view));
}

/** A campaign: rates, the coverage table, and the shrunk case when there is one. */
export function campaignReport(view: CampaignView): string {
  const { counts, seconds } = view;
  const rate = (count: number): string => grouped(count / Math.max(seconds, 0.001));
  const summary =
    `<p class="rates"><b>${grouped(counts.worlds)}</b> worlds (${rate(counts.worlds)}/s) · ` +
    `<b>${grouped(counts.crashes)}</b> crashes (${rate(counts.crashes)}/s) · ` +
    `${grouped(counts.twice)} worlds run twice · seed ${String(view.seed)}</p>`;
  return page('Simulation campaign', summary + outcome(view) + coverage(view));
}

function outcome({ failure, found, wal }: CampaignView): string {
  if (found !== undefined) return world({ ...found, replay: replayCommand(found.token, wal) });
  if (failure === undefined) return '<p class="held">All promises held.</p>';
  return `<div class="broken"><h2>Broken</h2><p class="what">${escapeHtml(failure)}</p></div>`;
}

/** The command that runs a world again. */
export function replayCommand(token: string, wal: boolean): string {
  return `npm run sim -- ${wal ? '--wal ' : ''}--replay ${token}`;
}

function world(view: WorldView): string {
  const { violation } = view;
  const verdict =
    violation === undefined
      ? '<p class="held">All promises held.</p>'
      : `<div class="broken"><h2>Broken: ${violation.invariant}</h2>` +
        `<p class="what">${escapeHtml(violation.message)}</p>` +
        `<p>The promise: ${escapeHtml(promiseOf(violation.invariant))}.</p></div>`;
  const steps = storyOf(view.trace).map((step) => `<li>${escapeHtml(step)}</li>`);
  const recovery = view.trace
    .filter(({ kind }) => kind === 'verdict')
    .map(({ step, text }) => `<li>step ${String(step)}: ${escapeHtml(text)}</li>`);
  const replay = `<h3>Replay</h3><pre>${escapeHtml(view.replay)}</pre>`;
  return (
    `${verdict}<div class="columns"><div><h3>What happened (file system: ${view.profile})</h3>` +
    `<ol>${steps.join('')}</ol></div><div><h3>What recovery decided</h3>` +
    `<ul>${recovery.join('')}</ul>${legend()}</div></div>` +
    `<h3>Timeline <small>(from left to right, one column a step; point at anything)</small></h3>` +
    `<div class="timeline">${timelineSvg(view.trace)}</div>${replay}`
  );
}

function legend(): string {
  const items = [
    ['issued', 'issued, not applied yet'],
    ['applied', 'in the page cache'],
    ['durable', 'durable (dsync)'],
    ['lost', 'never completed: its process died'],
    ['sector-d', 'sector dirty: only in the page cache'],
    ['sector-u', 'sector on the device, lost in a power cut'],
    ['sector-s', 'sector stale: the cache claims what the disk lacks'],
    ['sector-o', 'sector durable'],
    ['asked', 'a caller asks'],
    ['told-written', 'told: written'],
    ['told-durable', 'told: durable'],
    ['fault', 'a fault, a rejection'],
  ].map(([kind, words]) => `<span><i class="${kind ?? ''}"></i>${words ?? ''}</span>`);
  return `<div class="legend">${items.join('')}</div>`;
}

function coverage({ counts, limits, wal }: CampaignView): string {
  const isShown = INVARIANT_NAMES.map((name) => isPromised(name, wal));
  const shown = (list: readonly number[]): number[] => list.filter((_count, at) => isShown[at]);
  const head = INVARIANT_NAMES.filter((_name, at) => isShown[at]).map(
    (name) => `<th class="turned"><div><span title="${INVARIANTS[name]}">${name}</span></div></th>`,
  );
  const rows = FAULT_NAMES.flatMap((name, fault) => {
    if (!isExpected(name, limits, wal)) return [];
    const cells = shown(counts.checkedWith[fault] ?? []).map((count) => {
      const depth = count === 0 ? 0 : Math.min(1, 0.15 + Math.log10(count) / 8);
      return `<td style="background:rgba(86,150,104,${depth.toFixed(2)})">${short(count)}</td>`;
    });
    const fired = counts.fired[fault] ?? 0;
    return [
      `<tr${fired === 0 ? ' class="never"' : ''}><th title="${FAULTS[name].says}">${name}</th>` +
        `<td><b>${grouped(fired)}</b></td>${cells.join('')}</tr>`,
    ];
  });
  const totals = shown(counts.checked).map((count) => `<td><b>${short(count)}</b></td>`);
  return (
    '<h3>Coverage <small>(how often each fault fired, and how often each invariant was checked ' +
    'in the worlds where it did)</small></h3><table class="coverage"><tr><th>fault</th>' +
    `<th>fired</th>${head.join('')}</tr>${rows.join('')}` +
    `<tr><th>all worlds</th><td></td>${totals.join('')}</tr></table>` +
    (wal ? activities(counts) : '')
  );
}

/** What the workload of the segmented log did and came to. */
function activities({ reached }: Counts): string {
  const rows = WAL_ACTIVITY_NAMES.map((name) => {
    const times = reached[name] ?? 0;
    return (
      `<tr${times === 0 ? ' class="never"' : ''}><th>${name}</th>` +
      `<td><b>${grouped(times)}</b></td><td>${WAL_ACTIVITIES[name]}</td></tr>`
    );
  });
  return `<h3>Activities</h3><table class="activities">${rows.join('')}</table>`;
}

function short(count: number): string {
  if (count >= 1e6) return `${(count / 1e6).toFixed(1)}M`;
  if (count >= 1e4) return `${String(Math.round(count / 1e3))}k`;
  return String(count);
}

function page(title: string, body: string): string {
  return (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">' +
    `<title>uring-wal: ${title}</title><style>${STYLE}</style></head>` +
    `<body><h1>uring-wal <small>${title}</small></h1>${body}</body></html>\n`
  );
}
