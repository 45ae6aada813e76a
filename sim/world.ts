// One world from one stream of choices: what the file system is like, which faults exist, what the
// callers are up to, and then everything that happens.

import { type Choices, LANE } from './choices.js';
import { Engine, type EngineOptions, type EngineResult, type Scenario } from './engine.js';
import { SimEnvironment, type TraceEvent } from './environment.js';
import { FAULTS, FAULT_NAMES, type FaultName } from './faults.js';
import { drawFocus } from './focus.js';
import { PROFILES, type Profile } from './profile.js';
import { ACTIONS, type Workload } from './workload.js';
import { WriterScenario } from './writer-scenario.js';
import { drawWriterOptions } from './writer-options.js';

/** What may happen in a world; the rest is drawn. */
export interface WorldLimits {
  /** Faults that may exist; all by default. */
  readonly faults?: readonly FaultName[] | undefined;
  /** The only file system profile; drawn by default. */
  readonly profile?: Profile | undefined;
}

/** What came of a world. */
export interface WorldResult extends EngineResult {
  /** Equal choices give equal hashes. */
  readonly hash: number;
  readonly steps: number;
  /** How often each fault fired, in the order of `FAULT_NAMES`. */
  readonly fired: readonly number[];
  /** How often each invariant was checked, in the order of `INVARIANT_NAMES`. */
  readonly checked: readonly number[];
  /** How many steps its story has, about. */
  readonly told: number;
  /** How often the workload came to what it has a name for. */
  readonly reached: ReadonlyMap<string, number>;
  readonly profile: Profile;
  readonly trace: readonly TraceEvent[] | undefined;
}

/** Runs the world of a stream of choices to its end or to the first broken promise. */
export type RunWorld = (
  choices: Choices,
  limits?: WorldLimits,
  options?: { readonly traced?: boolean },
) => Promise<WorldResult>;

/** Processes in a row; two is the least in which a crash can be seen. */
const LIVES = [2, 1, 3, 5, 9];
const LIVES_WEIGHTS = [2, 1, 2, 3, 8];
const ACTIONS_MAX = [8, 1, 3, 20];
const BURST_SYNC = [100, 0, 20];
const EAGERNESS = [1, 0, 2, 6];
const WRITEBACK_EAGERNESS = [0, 128, 240];
const ACTION_WEIGHTS = [1, 8, 6, 3, 4, 2, 2, 1, 4, 1];
/** One batch behind the other, for a fault to strike in. */
const FOCUS_ACTION_WEIGHTS = [1, 6, 4, 12, 3, 2, 2, 1, 3, 1];
/** Worlds whose logs grow until space is zeroed ahead of them, where dsync writes begin. */
const HUGE_WORLDS = 24;
/** Actions that do not go with a log that is to grow, and to be caught up with. */
const ENDING_ACTIONS = ['stop', 'close', 'burst', 'append'] as const;
/** Dsync writes are few, so their faults exist in most worlds that have faults, /256. */
const DSYNC_DENSITY = 220;
const HUGE_ACTIONS_MAX = 24;
/** Faults of the medium, and the profile that lies, are drawn for few worlds: they end them early. */
const MEDIUM_WORLDS = 20;
const LYING_WORLDS = 12;

/** How many of 256 fault classes exist in a world, and in one that is about one of them. */
const DENSITIES = [0, 40, 100, 160];
const FOCUS_DENSITIES = [0, 16, 60, 120];
const EVEN = [1, 1, 1, 1];
const NOT_NONE = [0, 1, 1, 1];

/** The world that runs just now, so that stray errors find it. */
let active: SimEnvironment | undefined;

/** Makes errors that nobody hears break the world that runs, for the rest of the process. */
export function catchStrays(): void {
  process.on('unhandledRejection', (error) => active?.stray(error));
}

/** Runs one world to its end or to the first broken promise. */
export async function runWorld(
  choices: Choices,
  limits: WorldLimits = {},
  options: { readonly traced?: boolean } = {},
): Promise<WorldResult> {
  const environment = drawEnvironment(choices, limits, options);
  const workload = drawWorkload(choices, environment.focus !== undefined);
  const isPatient = workload.huge && choices.chance(LANE.config, 160);
  const scenario = new WriterScenario(environment, workload);
  return runScenario(environment, scenario, {
    ...drawEngine(choices),
    ...(isPatient ? { eagerness: 0 } : {}),
    crashesLate: workload.huge,
  });
}

/** Draws what the file system is like, and which faults exist. */
export function drawEnvironment(
  choices: Choices,
  limits: WorldLimits,
  options: { readonly traced?: boolean },
): SimEnvironment {
  const focus = drawFocus(choices, limits.faults);
  const profile = limits.profile ?? drawProfile(choices, focus);
  const enabled = drawFaults(choices, profile, limits.faults, focus);
  const fileSystem = {
    profile,
    direct: !(enabled.has('direct-refused') && choices.chance(LANE.config, 100)),
    honoursDsync: !choices.chance(LANE.config, 64),
  };
  const environment = new SimEnvironment(choices, fileSystem, enabled, options);
  environment.focus = focus;
  environment.writebackEagerness = pick(choices, WRITEBACK_EAGERNESS);
  return environment;
}

/** Draws how many processes there are, and how they are scheduled. */
export function drawEngine(choices: Choices): EngineOptions {
  const lives = LIVES[choices.weighted(LANE.config, LIVES_WEIGHTS)] ?? 2;
  return { lives, eagerness: pick(choices, EAGERNESS), crashesLate: false };
}

/** Runs a scenario in an environment to its end. */
export async function runScenario(
  environment: SimEnvironment,
  scenario: Scenario,
  options: EngineOptions,
): Promise<WorldResult> {
  active = environment;
  const result = await new Engine(environment, scenario, options).run();
  active = undefined;
  // What a world that broke a promise still does is anybody's guess: its memory stays its own.
  if (result.violation === undefined) environment.arena.release();
  return {
    ...result,
    hash: environment.hash >>> 0,
    steps: environment.step,
    fired: environment.fired,
    checked: environment.checks.counts,
    told: environment.told,
    reached: environment.reached,
    profile: environment.fileSystem.profile,
    trace: environment.trace,
  };
}

function pick(choices: Choices, list: readonly number[]): number {
  return list[choices.below(LANE.config, list.length)] ?? 0;
}

function drawWorkload(choices: Choices, focused: boolean): Workload {
  const huge = choices.chance(LANE.config, HUGE_WORLDS);
  const options = drawWriterOptions(choices, { huge, focused });
  const drawn = ACTIONS_MAX[choices.below(LANE.config, ACTIONS_MAX.length)] ?? 8;
  const actionsMax = huge ? HUGE_ACTIONS_MAX : drawn;
  // Swarm: a world in which some actions never come meets states that a balanced one does not.
  const usual = focused ? FOCUS_ACTION_WEIGHTS : ACTION_WEIGHTS;
  const weights = ACTIONS.map((_name, index) =>
    index > 1 && choices.chance(LANE.config, 90) ? 0 : (usual[index] ?? 1),
  );
  if (huge) ENDING_ACTIONS.forEach((name) => (weights[ACTIONS.indexOf(name)] = 0));
  const burstSync = pick(choices, BURST_SYNC);
  return { options, weights, actionsMax, burstSync, huge };
}

function drawProfile(choices: Choices, focus: FaultName | undefined): Profile {
  if (choices.chance(LANE.config, LYING_WORLDS)) return 'lying';
  // The one that takes back what it could not sync: the hardest to tell from damage.
  const isHard = focus === 'sync-error' && choices.bias([1, 1]) === 1;
  const from = isHard ? PROFILES.indexOf('btrfs') : 0;
  return PROFILES[choices.below(LANE.config, PROFILES.length - 1, from)] ?? 'ext4';
}

/** Draws which faults exist; in some worlds none do, in some only a few. */
function drawFaults(
  choices: Choices,
  profile: Profile,
  allowed: readonly FaultName[] | undefined,
  focus: FaultName | undefined,
): ReadonlySet<FaultName> {
  const densities = focus === undefined ? DENSITIES : FOCUS_DENSITIES;
  const drawn = choices.weighted(LANE.config, focus === undefined ? EVEN : NOT_NONE);
  const density = densities[drawn] ?? 0;
  const medium = choices.chance(LANE.config, MEDIUM_WORLDS);
  const enabled = new Set<FaultName>();
  for (const name of FAULT_NAMES) {
    const { site } = FAULTS[name];
    if (site === 'event') continue;
    const isLie = name === 'torn-sector' || name === 'lying-sync';
    const exists = isLie
      ? profile === 'lying'
      : site === 'medium'
        ? medium
        : choices.chance(LANE.config, oddsOf(name, density, focus));
    if (exists && (allowed === undefined || allowed.includes(name))) enabled.add(name);
  }
  return enabled;
}

function oddsOf(name: FaultName, density: number, focus: FaultName | undefined): number {
  if (name === focus) return 256;
  return FAULTS[name].site === 'dsync' && density > 0 ? DSYNC_DENSITY : density;
}
