// The process of a contender, as the bench sees it: commands go in, each with a reply, and whatever
// becomes of the process, there is one: it died, and why, or it was ended since it took too long.

import { spawn, type ChildProcess } from 'node:child_process';
import { TRIAL_SCRIPT } from './paths.js';
import type { Command, Reply, TrialSpec } from './protocol.js';

/** A command that takes longer ends the process, and its row says so. */
const COMMAND_MS_MAX = 120_000;
/** What is kept of what it says on stderr, in characters. */
const ERRORS_MAX = 1 << 16;

export interface ProcessOptions {
  readonly nodeArguments?: readonly string[];
  readonly script?: string;
  readonly commandMsMax?: number;
}

export class TrialProcess {
  private static readonly live = new Set<TrialProcess>();
  private readonly child: ChildProcess;
  private readonly commandMsMax: number;
  private readonly closed: Promise<void>;
  private settle: ((reply: Reply) => void) | undefined;
  private errors = '';
  /** Why there will be no more replies. */
  private end: string | undefined;

  constructor(spec: TrialSpec, options: ProcessOptions = {}) {
    const { nodeArguments = [], script = TRIAL_SCRIPT } = options;
    this.commandMsMax = options.commandMsMax ?? COMMAND_MS_MAX;
    this.child = spawn(process.execPath, [...nodeArguments, script, JSON.stringify(spec)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    TrialProcess.live.add(this);
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (this.errors.length < ERRORS_MAX) this.errors += text;
    });
    this.child.on('message', (reply) => {
      this.settle?.(reply as Reply);
    });
    this.child.on('error', (error) => {
      this.finish(error.message);
    });
    this.closed = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        TrialProcess.live.delete(this);
        this.finish(deathReason(code, signal, this.errors));
        resolve();
      });
    });
  }

  /** Whether it can still be asked. */
  get isLive(): boolean {
    return this.end === undefined;
  }

  /** One command at a time. Never rejects, and never hangs. */
  async ask(command: Command): Promise<Reply> {
    if (this.end !== undefined) return { ok: false, reason: this.end };
    const timer = setTimeout(() => {
      const seconds = String(this.commandMsMax / 1000);
      this.finish(`took longer than ${seconds} s to ${command}, and was ended`);
      void this.kill();
    }, this.commandMsMax);
    const reply = await new Promise<Reply>((resolve) => {
      this.settle = resolve;
      // A process that is gone is told by its end.
      this.child.send(command, () => undefined);
    });
    this.settle = undefined;
    clearTimeout(timer);
    return reply;
  }

  /** Lets it close what is open and exit. */
  async close(): Promise<Reply> {
    const reply = await this.ask('close');
    if (!reply.ok) await this.kill();
    await this.closed;
    return reply;
  }

  /** Resolves when it is gone. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.closed;
  }

  /** Ends all that still run, for when the bench is interrupted. */
  static async killAll(): Promise<void> {
    await Promise.all([...TrialProcess.live].map((one) => one.kill()));
  }

  private finish(reason: string): void {
    this.end ??= reason;
    this.settle?.({ ok: false, reason: this.end });
  }
}

function deathReason(code: number | null, signal: string | null, errors: string): string {
  const how = signal === null ? `exited with ${String(code)}` : `was ended by ${signal}`;
  const lines = errors.trim().split('\n');
  const why = lines.find((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1) ?? '';
  return `the process ${how}${why === '' ? '' : `: ${why.trim()}`}`;
}
