// One round of the demo: a child that appends, and its end, by SIGKILL or in order.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { AckLedger } from './demo-acks.js';
import { AckParser } from './demo-acks.js';
import type { DemoHello } from './demo-child.js';
import type { DemoInput } from './demo-input.js';
import { LatencyHistogram } from './latency.js';

/** What one round is to do. */
export interface RoundPlan {
  readonly log: string;
  readonly inputPath: string;
  readonly input: DemoInput;
  readonly callers: number;
  /** The child is ended this long after its first acknowledgement. */
  readonly lifeMs: number;
  /** It is ended earlier when the log reaches this size, in bytes. */
  readonly logBytesMax: number;
  readonly ending: 'kill' | 'close';
  readonly signal: AbortSignal;
  /** Hears, now and then, how many were acknowledged in this round. */
  readonly onProgress: (acknowledged: number, elapsedMs: number) => void;
}

/** What one round gave. */
export interface RoundResult {
  readonly hello: DemoHello;
  readonly acknowledged: number;
  readonly bytes: number;
  /** From the first acknowledgement to the last, in milliseconds. */
  readonly elapsedMs: number;
  readonly latency: LatencyHistogram;
}

const CHILD_PATH = fileURLToPath(new URL('./demo-child.js', import.meta.url));
/** A child that acknowledges nothing for this long is given up. */
const SILENCE_MS_MAX = 30_000;

/** Runs a child to its end; every acknowledgement it got is in `ledger` when this resolves. */
export async function runRound(plan: RoundPlan, ledger: AckLedger): Promise<RoundResult> {
  const { log, inputPath, input, callers } = plan;
  const child = spawn(process.execPath, [CHILD_PATH, log, inputPath, input.name, String(callers)], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  const round = new Round(plan, ledger, child);
  return round.finish();
}

class Round {
  readonly #plan: RoundPlan;
  readonly #ledger: AckLedger;
  readonly #child: ChildProcess;
  readonly #parser = new AckParser();
  readonly #latency = new LatencyHistogram();
  readonly #onAbort = (): void => {
    this.#child.kill('SIGKILL');
  };
  #stdout = '';
  #stderr = '';
  #bytes = 0;
  #firstMs: number | undefined;
  #lastMs = 0;
  #endTimer: NodeJS.Timeout | undefined;
  #silenceTimer: NodeJS.Timeout;
  #ended = false;
  #silent = false;

  constructor(plan: RoundPlan, ledger: AckLedger, child: ChildProcess) {
    this.#plan = plan;
    this.#ledger = ledger;
    this.#child = child;
    this.#silenceTimer = setTimeout(() => {
      this.#silent = true;
      this.#child.kill('SIGKILL');
    }, SILENCE_MS_MAX);
    plan.signal.addEventListener('abort', this.#onAbort);
    // A killed child breaks the pipe that we hold; that is no news.
    child.stdin?.on('error', () => undefined);
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.#stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    const acks = child.stdio[3] as Readable;
    acks.on('data', (chunk: Buffer) => {
      this.#take(chunk);
    });
  }

  #take(chunk: Buffer): void {
    this.#lastMs = performance.now();
    this.#silenceTimer.refresh();
    if (this.#firstMs === undefined) {
      this.#firstMs = this.#lastMs;
      this.#endTimer = setTimeout(() => {
        this.#endChild();
      }, this.#plan.lifeMs);
    }
    for (const ack of this.#parser.push(chunk)) {
      this.#ledger.add(ack);
      this.#latency.add(ack.latencyMs);
      this.#bytes += ack.length;
      if (ack.offset >= this.#plan.logBytesMax) this.#endChild();
    }
    this.#plan.onProgress(this.#latency.count, this.#lastMs - this.#firstMs);
  }

  #endChild(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#plan.ending === 'kill') this.#child.kill('SIGKILL');
    else this.#child.stdin?.end();
  }

  async finish(): Promise<RoundResult> {
    const status = await new Promise<string>((resolve) => {
      this.#child.once('error', (error) => {
        resolve(error.message);
      });
      this.#child.once('close', (code, signal) => {
        resolve(signal ?? `exit code ${String(code)}`);
      });
    });
    clearTimeout(this.#endTimer);
    clearTimeout(this.#silenceTimer);
    this.#plan.signal.removeEventListener('abort', this.#onAbort);
    const wanted = this.#plan.ending === 'kill' ? 'SIGKILL' : 'exit code 0';
    const { signal } = this.#plan;
    if (!signal.aborted && (!this.#ended || status !== wanted)) {
      throw new Error(`the child failed: ${this.#complaint(status)}`);
    }
    return {
      hello: JSON.parse(this.#stdout === '' ? '{}' : this.#stdout) as DemoHello,
      acknowledged: this.#latency.count,
      bytes: this.#bytes,
      elapsedMs: this.#lastMs - (this.#firstMs ?? this.#lastMs),
      latency: this.#latency,
    };
  }

  #complaint(status: string): string {
    if (this.#silent) return `the child acknowledged nothing for ${String(SILENCE_MS_MAX)} ms`;
    const said = this.#stderr.trim();
    return said === '' ? `the child ended with ${status}` : said;
  }
}
