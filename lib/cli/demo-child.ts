// The demo's victim: appends as fast as it can until it is killed, or until its standard input
// closes. Arguments: log, input file, input name, number of callers. Says hello with a line of JSON on
// standard output, and reports each acknowledgement on descriptor 3.

import { UringWalWriter, WalEntry } from '../index.js';
import { AckReporter } from './demo-acks.js';
import { DemoInput } from './demo-input.js';
import { EXIT } from './exit-codes.js';
import { describeError } from './report.js';

/** The child's first line. */
export interface DemoHello {
  readonly driver: string;
  readonly fallbackReason: string | null;
  /** Bytes that opening cut off the end of the log. */
  readonly trimmedBytes: number;
}

const ACK_DESCRIPTOR = 3;

async function run(log: string, inputPath: string, name: string, callers: number): Promise<void> {
  const input = DemoInput.read(inputPath, name);
  const reporter = new AckReporter(ACK_DESCRIPTOR);
  const writer = await UringWalWriter.open(log, { sync: true });
  const hello: DemoHello = {
    driver: writer.driver.name,
    fallbackReason: writer.driver.fallbackReason ?? null,
    trimmedBytes: writer.recovery.trimmedBytes,
  };
  process.stdout.write(`${JSON.stringify(hello)}\n`);
  let nextSequence = Number(writer.recovery.lastSequence ?? 0n) + 1;
  let stopping = false;
  process.stdin.on('end', () => {
    stopping = true;
  });
  process.stdin.resume();

  const call = async (): Promise<void> => {
    while (!stopping) {
      const sequence = nextSequence;
      nextSequence += 1;
      const { key, value } = input.record(sequence);
      const startMs = performance.now();
      const { offset, length } = await writer.append(WalEntry.put(sequence, key, value));
      reporter.add({ sequence, offset, length, latencyMs: performance.now() - startMs });
    }
  };
  try {
    await Promise.all(Array.from({ length: callers }, call));
  } finally {
    await writer.close();
  }
  reporter.flush();
}

// Ctrl-C reaches the whole process group; what becomes of this process is the parent's affair.
process.on('SIGINT', () => undefined);

const [log = '', inputPath = '', name = '', callers = '1'] = process.argv.slice(2);
try {
  await run(log, inputPath, name, Number(callers));
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = EXIT.IO;
}
// Standard input may still be open after a failure; nothing else is worth waiting for.
process.stdin.destroy();
