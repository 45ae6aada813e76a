// `uring-wal dump`: a log's records as JSON lines.

import type { WalEnd, WalRecord } from '../index.js';
import { WalReader } from '../index.js';
import type { ExitCode } from './exit-codes.js';
import { EXIT } from './exit-codes.js';
import { describeEnd, exitCodeOf } from './log-end.js';
import { Output } from './output.js';
import { describeFailure } from './report.js';
import type { Streams } from './streams.js';
import type { Command } from './usage.js';

type DumpCommand = Extract<Command, { kind: 'dump' }>;

/** Keys and values are turned to hex this many bytes at a time. */
const HEX_BYTES_MAX = 256 * 1024;

/** Runs the command; resolves to its exit code. */
export async function runDump(command: DumpCommand, streams: Streams): Promise<ExitCode> {
  const output = new Output(streams.stdout);
  const complain = (text: string): void => {
    streams.stderr.write(`uring-wal dump: ${text}\n`);
  };
  let end: WalEnd | undefined;
  try {
    end = await printRecords(command, output);
  } catch (error) {
    await output.finish();
    complain(describeFailure(error));
    return EXIT.IO;
  }
  const state = await output.finish();
  if (state.kind === 'failed') {
    complain(`cannot write to standard output: ${state.cause.message}`);
    return EXIT.IO;
  }
  if (end === undefined) return EXIT.OK;
  if (end.offset > end.size) {
    complain(`--from ${String(end.offset)} is beyond the end: ${String(end.size)} bytes`);
    return EXIT.USAGE;
  }
  if (end.kind !== 'clean') complain(describeEnd(end));
  return exitCodeOf(end);
}

/** Resolves to how the log ends, or to undefined when the end was not looked for. */
async function printRecords(command: DumpCommand, output: Output): Promise<WalEnd | undefined> {
  const reader = await WalReader.open(command.log, { from: command.from });
  try {
    let left = command.limit;
    if (left === 0) return undefined;
    for await (const chunk of reader.chunks()) {
      for (const record of chunk) {
        if (record.length <= HEX_BYTES_MAX) printRecord(record, output);
        else await printLongRecord(record, output);
        if (output.backlogged) await output.drained();
        left -= 1;
        if (left === 0 || output.state.kind !== 'open') return undefined;
      }
    }
    return reader.end;
  } finally {
    await reader.close();
  }
}

function printRecord(record: WalRecord, output: Output): void {
  const [key, value] = [bufferOf(record.key), bufferOf(record.value)];
  const hex = `"keyHex":"${key.toString('hex')}","valueHex":"${value.toString('hex')}"`;
  output.write(`{${describePlace(record)},${hex}}\n`);
}

/** The same, piece by piece: a string can be only so long. */
async function printLongRecord(record: WalRecord, output: Output): Promise<void> {
  output.write(`{${describePlace(record)},"keyHex":"`);
  await printHex(bufferOf(record.key), output);
  output.write('","valueHex":"');
  await printHex(bufferOf(record.value), output);
  output.write('"}\n');
}

function describePlace(record: WalRecord): string {
  const { sequence, type, offset, length } = record;
  const crc = record.crc.toString(16).padStart(8, '0');
  return (
    `"sequence":"${String(sequence)}","type":"${type}","offset":${String(offset)},` +
    `"length":${String(length)},"crc":"${crc}"`
  );
}

async function printHex(bytes: Buffer, output: Output): Promise<void> {
  for (let at = 0; at < bytes.length; at += HEX_BYTES_MAX) {
    output.write(bytes.toString('hex', at, Math.min(bytes.length, at + HEX_BYTES_MAX)));
    if (output.backlogged) await output.drained();
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
