// The process of one contender in one workload: `node trial.js SPEC`, where SPEC is the JSON of a
// TrialSpec. It obeys the commands that come over its IPC channel, one after the other, and is idle
// between them. It ends when the channel does.

import { AppendTrial } from './append-trial.js';
import { entryOf } from './contenders/catalogue.js';
import type { Contender, RecoverTask, ReplayTask, TrialResult } from './contender.js';
import { FioTrial } from './fio.js';
import type { Command, Reply, TrialSpec } from './protocol.js';
import { measureRecover, measureReplay, replayOnce, warmPageCache } from './read-trial.js';
import { comeToRest } from './rest.js';

/** What is measured slice by slice. */
interface Trial {
  open(): Promise<void>;
  measure(): Promise<TrialResult>;
  close(): Promise<void>;
}

async function trialOf(spec: TrialSpec): Promise<Trial> {
  const { task, directory, slices } = spec;
  const { load } = entryOf(spec.contender);
  if (load === undefined) {
    if (task.kind !== 'append') throw new Error('fio only writes');
    return new FioTrial(task, directory, slices.measured.ms);
  }
  const contender = await load();
  switch (task.kind) {
    case 'append':
      return new AppendTrial(contender, task, directory, slices);
    case 'replay':
      return replayTrial(contender, task, spec);
    case 'recover':
      return recoverTrial(contender, task, directory);
  }
}

function replayTrial(contender: Contender, task: ReplayTask, spec: TrialSpec): Trial {
  const { directory, slices } = spec;
  return {
    open: async () => {
      await replayOnce(contender, task, directory);
      await comeToRest(directory);
    },
    measure: () => measureReplay(contender, task, directory, slices.measured.ms),
    close: () => Promise.resolve(),
  };
}

function recoverTrial(contender: Contender, task: RecoverTask, directory: string): Trial {
  return {
    open: () => {
      warmPageCache(directory);
      return Promise.resolve();
    },
    measure: () => measureRecover(contender, task, directory),
    close: () => Promise.resolve(),
  };
}

/** Obeys one command after the other. */
export class Obedient {
  private readonly spec: TrialSpec;
  private trial: Trial | undefined;

  constructor(spec: TrialSpec) {
    this.spec = spec;
  }

  async obey(command: Command): Promise<Reply> {
    try {
      const result = await this.run(command);
      return result === undefined ? { ok: true } : { ok: true, result };
    } catch (error) {
      return { ok: false, reason: reasonOf(error) };
    }
  }

  private async run(command: Command): Promise<TrialResult | undefined> {
    const { spec } = this;
    switch (command) {
      case 'prepare':
        if (spec.task.kind !== 'replay') throw new Error('only replays are prepared');
        await (await entryOf(spec.contender).load?.())?.prepareReplay?.(spec.task, spec.directory);
        return undefined;
      case 'open':
        this.trial = await trialOf(spec);
        await this.trial.open();
        return undefined;
      case 'measure':
        if (this.trial === undefined) throw new Error('measured before it was opened');
        return await this.trial.measure();
      case 'close':
        await this.trial?.close();
        return undefined;
    }
  }
}

function reasonOf(error: unknown): string {
  const missing = (error as { code?: unknown }).code === 'MODULE_NOT_FOUND';
  if (missing) return 'not installed in bench/node_modules';
  return error instanceof Error ? (error.message.split('\n')[0] ?? 'failed') : String(error);
}

function serve(spec: TrialSpec, send: (reply: Reply, sent: () => void) => void): void {
  const obedient = new Obedient(spec);
  process.on('message', (command: Command) => {
    void obedient.obey(command).then((reply) => {
      send(reply, () => {
        if (command === 'close') process.exit();
      });
    });
  });
  process.once('disconnect', () => process.exit());
}

if (process.argv[1]?.endsWith('trial.js') === true && process.send !== undefined) {
  const send = process.send.bind(process);
  serve(JSON.parse(process.argv[2] ?? '') as TrialSpec, (reply, sent) => {
    send(reply, undefined, {}, sent);
  });
}
