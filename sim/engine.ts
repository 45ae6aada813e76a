// Runs one world: takes event after event, each only after everything it woke has had its turn,
// and decides when the process dies or the power goes. What the callers do is a scenario's.

import { type ChoiceGroup, LANE } from './choices.js';
import { failBackground } from './driver-sync.js';
import { SimDriver } from './driver.js';
import type { SimEnvironment } from './environment.js';
import type { Violation } from './invariants.js';
import { nextTurn } from './turns.js';

export type CrashKind = 'power-cut' | 'kill';

/** What runs in a world, life after life. */
export interface Scenario {
  /** A process starts on the disk as it is. */
  start(driver: SimDriver, life: number): void;
  /** What the process is about just now. */
  mood(): 'opening' | 'working' | 'closing' | 'over';
  /** The callers would do something now, if it were their turn. */
  canAct(): boolean;
  act(): void;
  /** Everything that the last event woke has run: look at what settled. */
  drained(): void;
  /** Nothing moves any more. Starts winding down; false when that has begun already. */
  windDown(): boolean;
  crashed(kind: CrashKind): void;
  /** Between two processes: what time and decay do to the disk. */
  between(): void;
  /** Whether a crash may strike in the life that begins now. */
  mayCrash(): boolean;
}

/** How a world is run. */
export interface EngineOptions {
  /** Processes, one after the other; the last one is not crashed, and has to come to an end. */
  readonly lives: number;
  /** How much rather callers act than that an operation in flight moves; 0: they wait for those. */
  readonly eagerness: number;
  /** Crashes are spread evenly over a life instead of mostly striking early. */
  readonly crashesLate: boolean;
}

/** What came of a world. */
export interface EngineResult {
  readonly violation: Violation | undefined;
  readonly crashes: number;
  readonly lives: number;
}

/** A life that takes longer than this is stuck. */
export const LIFE_STEPS_MAX = 20_000;
/** Once faults have stopped, everything must settle within so many steps. */
export const LIVENESS_STEPS_MAX = 5_000;
/** Crashes inside open in a row: beyond, recovery is left alone. */
const OPEN_CRASHES_MAX = 3;
const CRASH_STEPS_MAX = 255;
const OPEN_CRASH_STEPS_MAX = 24;
/** No crash, a power cut, a kill. */
const KIND_WEIGHTS = [1, 8, 4];
const FOCUS_KIND_WEIGHTS = [2, 10, 5];
const TRIGGER_WEIGHTS = [2, 8, 2, 1, 4, 3];
const FOCUS_TRIGGER_WEIGHTS = [1, 2, 1, 1, 3, 24];
const FAULTLESS_TRIGGER_WEIGHTS = [2, 8, 2, 1, 0, 0];
const OPEN_TRIGGER_WEIGHTS = [2, 12, 0, 0, 0, 0];
/** Right after a fault is where a crash hurts most … */
const FAULT_CRASH_STEPS_MAX = 63;
/** … and there above all right after something landed: the first, the second, … */
const AFTERMATH_WEIGHTS = [2, 6, 5, 4, 2, 1];

type CrashTrigger = 'idle' | 'steps' | 'truncate' | 'closing' | 'fault' | 'aftermath';
const TRIGGERS: readonly CrashTrigger[] = [
  'idle',
  'steps',
  'truncate',
  'closing',
  'fault',
  'aftermath',
];

interface CrashPlan {
  readonly kind: CrashKind;
  readonly trigger: CrashTrigger;
  readonly atStep: number;
  readonly steps: number;
}

export class Engine {
  readonly #environment: SimEnvironment;
  readonly #scenario: Scenario;
  readonly #options: EngineOptions;
  #driver: SimDriver;
  #life = 0;
  #lifeStart = 0;
  #windingSince: number | undefined;
  #plan: CrashPlan | undefined;
  #lifeMarks: ChoiceGroup | undefined;
  #openCrashes = 0;
  #crashes = 0;
  #finish: ((result: EngineResult) => void) | undefined;

  constructor(environment: SimEnvironment, scenario: Scenario, options: EngineOptions) {
    this.#environment = environment;
    this.#scenario = scenario;
    this.#options = options;
    this.#driver = new SimDriver(environment);
  }

  /** Runs the world to its end, or to the first broken promise. */
  run(): Promise<EngineResult> {
    return new Promise((resolve) => {
      this.#finish = resolve;
      this.#startLife();
      nextTurn(this.#turn);
    });
  }

  /** One turn of the event loop: the microtask queue was empty right before it. */
  readonly #turn = (): void => {
    try {
      this.#takeTurn();
    } catch (error) {
      this.#environment.stray(error);
      this.#end();
    }
  };

  #takeTurn(): void {
    const environment = this.#environment;
    if (this.#driver.runDeferred()) {
      nextTurn(this.#turn);
      return;
    }
    this.#scenario.drained();
    let goOn = true;
    let isQuiet = true;
    while (goOn && isQuiet) {
      environment.step += 1;
      environment.clock += 0.01;
      if (this.#isOver()) return;
      const outcome = this.#takeEvent();
      goOn = outcome !== 'done';
      isQuiet = outcome === 'quiet';
    }
    if (goOn) nextTurn(this.#turn);
    else this.#end();
  }

  #isOver(): boolean {
    const { checks, step } = this.#environment;
    const winding = this.#windingSince !== undefined && step - this.#windingSince;
    const stuck =
      step - this.#lifeStart > LIFE_STEPS_MAX ||
      (winding !== false && winding > LIVENESS_STEPS_MAX);
    if (stuck) {
      checks.that(false, 'everything-settles', () => {
        return `promises are still open ${String(LIVENESS_STEPS_MAX)} steps after the faults stopped`;
      });
    }
    if (checks.violation === undefined) return false;
    this.#end();
    return true;
  }

  /** `quiet`: nothing can have been woken, the next event may follow at once. */
  #takeEvent(): 'quiet' | 'woken' | 'done' {
    const scenario = this.#scenario;
    if (scenario.mood() === 'over') return this.#nextLife() ? 'woken' : 'done';
    if (this.#isCrashDue()) {
      this.#crash();
      return 'woken';
    }
    const { choices } = this.#environment;
    const { operations } = this.#driver;
    const ready = operations.eligible();
    const eagerness = ready === 0 ? 1 : this.#options.eagerness;
    const acts = scenario.canAct() ? eagerness : 0;
    const isFaulty = this.#environment.faultsOn && this.#environment.has('writeback-error');
    const background = isFaulty ? 1 : 0;
    const total = ready + acts;
    if (total === 0) return this.#idle();
    const index = ready === 0 ? 0 : choices.below(LANE.order, total + background);
    if (index < ready) return operations.advance(index) ? 'woken' : 'quiet';
    if (index >= total) {
      this.#background();
      return 'quiet';
    }
    scenario.act();
    return 'woken';
  }

  /** Nothing is ready: wait for what is slow, let time pass, wind down, or crash as planned. */
  #idle(): 'quiet' | 'woken' | 'done' {
    const { operations } = this.#driver;
    if (operations.list.length > 0) return operations.advance(0) ? 'woken' : 'quiet';
    if (this.#driver.timers > 0) {
      this.#driver.fireTimer();
      return 'woken';
    }
    if (this.#plan !== undefined && this.#plan.trigger !== 'closing') {
      this.#crash();
      return 'woken';
    }
    if (this.#life === this.#options.lives - 1) {
      this.#environment.faultsOn = false;
      this.#windingSince ??= this.#environment.step;
    }
    if (this.#scenario.windDown()) return 'woken';
    this.#environment.checks.that(false, 'everything-settles', () => {
      return 'a promise is open, but nothing is in flight and no timer is set: it never settles';
    });
    return 'done';
  }

  #startLife(): void {
    const environment = this.#environment;
    this.#lifeStart = environment.step;
    this.#lifeMarks ??= environment.choices.group(LANE.action);
    this.#lifeMarks.items.push(environment.choices.mark());
    this.#plan = this.#drawCrash();
    environment.note('world', 0, () => `process ${String(this.#life + 1)} starts`);
    this.#scenario.start(this.#driver, this.#life);
  }

  #drawCrash(): CrashPlan | undefined {
    const { choices, step } = this.#environment;
    if (this.#life >= this.#options.lives - 1 || !this.#scenario.mayCrash()) return undefined;
    const { focus, hasFaults } = this.#environment;
    const isFocused = focus !== undefined;
    const kind = choices.weighted(LANE.crash, isFocused ? FOCUS_KIND_WEIGHTS : KIND_WEIGHTS);
    if (kind === 0) return undefined;
    // Once a crash has struck inside open, the next ones would like to as well.
    const again = this.#openCrashes > 0;
    const odds = isFocused ? FOCUS_TRIGGER_WEIGHTS : TRIGGER_WEIGHTS;
    const usual = hasFaults ? odds : FAULTLESS_TRIGGER_WEIGHTS;
    const weights = again ? OPEN_TRIGGER_WEIGHTS : usual;
    const trigger = TRIGGERS[choices.weighted(LANE.crash, weights)] ?? 'idle';
    const drawn = this.#drawSteps(trigger, again);
    const steps = trigger === 'idle' ? 0 : drawn;
    return { kind: kind === 1 ? 'power-cut' : 'kill', trigger, atStep: step + steps, steps };
  }

  /** How much is still to happen when a crash is due by its trigger. */
  #drawSteps(trigger: CrashTrigger, again: boolean): number {
    const { choices } = this.#environment;
    if (again) return choices.small(LANE.crash, OPEN_CRASH_STEPS_MAX);
    if (trigger === 'aftermath') return choices.weighted(LANE.crash, AFTERMATH_WEIGHTS);
    const range = trigger === 'fault' ? FAULT_CRASH_STEPS_MAX : CRASH_STEPS_MAX;
    if (this.#options.crashesLate) return choices.below(LANE.crash, 2 * range);
    return choices.small(LANE.crash, range);
  }

  #isCrashDue(): boolean {
    const plan = this.#plan;
    if (plan === undefined) return false;
    switch (plan.trigger) {
      case 'idle':
        return false;
      case 'steps':
        return this.#environment.step >= plan.atStep;
      case 'truncate':
        return this.#environment.step >= plan.atStep && this.#isTruncating();
      case 'fault': {
        const { lastFaultStep, step } = this.#environment;
        return lastFaultStep > this.#lifeStart && step >= lastFaultStep + plan.steps;
      }
      case 'aftermath': {
        const { lastFaultStep, landedSinceFault } = this.#environment;
        return lastFaultStep > this.#lifeStart && landedSinceFault > plan.steps;
      }
      case 'closing':
        return this.#scenario.mood() === 'closing' && this.#environment.step >= plan.atStep;
    }
  }

  #isTruncating(): boolean {
    return this.#driver.operations.list.some(({ name }) => name.startsWith('truncate'));
  }

  #crash(): void {
    const environment = this.#environment;
    const kind = this.#plan?.kind ?? 'power-cut';
    const mood = this.#scenario.mood();
    if (mood === 'opening') this.#openCrashes += 1;
    else this.#openCrashes = 0;
    environment.fire(kind);
    if (mood === 'opening') environment.fire('crash-in-open');
    if (this.#openCrashes >= OPEN_CRASHES_MAX) environment.fire('crash-in-recovery-again');
    if (mood === 'closing') environment.fire('crash-in-close');
    if (this.#isTruncating()) environment.fire('crash-in-trim');
    environment.mix(kind === 'kill' ? 3 : 5);
    if (kind === 'kill') this.#driver.kill();
    else this.#driver.powerCut();
    this.#crashes += 1;
    this.#scenario.crashed(kind);
    this.#nextLife();
  }

  #nextLife(): boolean {
    this.#life += 1;
    if (this.#life >= this.#options.lives) return false;
    // A process that ended by itself lets go of what it held, as one that was killed does.
    if (!this.#driver.dead) this.#driver.kill();
    const { fileSystem, disk } = this.#environment;
    this.#driver = new SimDriver(this.#environment);
    // Without a way past the cache nobody could tell a stale clean page; recovery says so, and the
    // simulator does not hold it against the library.
    if (!fileSystem.direct) disk.dropCleanPages();
    this.#scenario.between();
    this.#startLife();
    if (this.#openCrashes >= OPEN_CRASHES_MAX) this.#plan = undefined;
    return true;
  }

  #background(): void {
    for (const file of this.#environment.disk.files()) failBackground(this.#environment, file);
  }

  #end(): void {
    const { checks } = this.#environment;
    const lives = Math.min(this.#life + 1, this.#options.lives);
    const finish = this.#finish;
    this.#finish = undefined;
    finish?.({ violation: checks.violation, crashes: this.#crashes, lives });
  }
}
