// Worlds of an application's workload.

import type { Choices } from './choices.js';
import { FAULT_NAMES, type FaultName } from './faults.js';
import type { Profile } from './profile.js';
import { UserScenario, type WatchedWorkload } from './user-scenario.js';
import {
  type WorldLimits,
  type WorldResult,
  drawEngine,
  drawEnvironment,
  runScenario,
} from './world.js';

/** Profiles that keep what they promise. */
const HONEST: readonly Profile[] = ['ext4', 'ext4-journal', 'btrfs'];
/** No application can be asked to survive damage to the medium, or a disk that lies. */
const UNFAIR: ReadonlySet<FaultName> = new Set([
  'bit-rot',
  'zeroed-sector',
  'misdirected',
  'torn-sector',
  'lying-sync',
]);

/** The faults that applications must survive. */
export const FAIR_FAULTS: readonly FaultName[] = FAULT_NAMES.filter((name) => !UNFAIR.has(name));

/** Runs one world of a workload. */
export function runUserWorld<State>(
  workload: WatchedWorkload<State>,
  choices: Choices,
  limits: WorldLimits,
  options: { readonly traced?: boolean } = {},
): Promise<WorldResult> {
  const profile = limits.profile ?? HONEST[choices.below(0, HONEST.length)] ?? 'ext4';
  const environment = drawEnvironment(choices, { ...limits, profile }, options);
  const engine = drawEngine(choices);
  const scenario = new UserScenario(environment, workload, engine.lives);
  return runScenario(environment, scenario, engine);
}
