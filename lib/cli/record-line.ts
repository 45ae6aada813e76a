// A record as a line: JSON with all of its bytes, or text for people.

import { isUtf8 } from 'node:buffer';
import type { WalRecord } from '../index.js';
import type { Output } from './output.js';

/** Keys and values are turned to hex this many bytes at a time. */
const HEX_BYTES_MAX = 256 * 1024;
/** So much of a key or value is shown to people, in bytes. */
const SHOWN_BYTES_MAX = 64;

/**
 * Prints a record as JSON; `segment` is told where the log has several. Returns a promise only where
 * it takes its time.
 */
export function printJson(
  record: WalRecord,
  segment: number | undefined,
  output: Output,
): Promise<void> | undefined {
  const [key, value] = [bufferOf(record.key), bufferOf(record.value)];
  const place = describePlace(record, segment);
  if (record.length <= HEX_BYTES_MAX) {
    const hex = `"keyHex":"${key.toString('hex')}","valueHex":"${value.toString('hex')}"`;
    output.write(`{${place},${hex}}\n`);
    return undefined;
  }
  return printLong(place, key, value, output);
}

/** The same, piece by piece: a string can be only so long. */
async function printLong(place: string, key: Buffer, value: Buffer, output: Output): Promise<void> {
  output.write(`{${place},"keyHex":"`);
  await printHex(key, output);
  output.write('","valueHex":"');
  await printHex(value, output);
  output.write('"}\n');
}

/** A record for people: `7  put  "user:7"  "Ada"`. */
export function describeRecord(record: WalRecord): string {
  const { sequence, type, key, value } = record;
  const shown = type === 'put' ? `  ${show(bufferOf(value))}` : '';
  return `${String(sequence)}  ${type.padEnd(6)}  ${show(bufferOf(key))}${shown}\n`;
}

function show(bytes: Buffer): string {
  const part = bytes.subarray(0, SHOWN_BYTES_MAX);
  const more = part.length < bytes.length ? `… (${String(bytes.length)} bytes)` : '';
  // JSON escapes what a terminal would take for a command, but for DEL and C1.
  const escape = (text: string): string =>
    JSON.stringify(text).replace(
      /[\u007f-\u009f]/g,
      (control) => `\\u00${control.charCodeAt(0).toString(16)}`,
    );
  // A cut may go through the middle of a character: such a tail is left out.
  for (let length = part.length; length >= Math.max(0, part.length - 3); length--) {
    const whole = part.subarray(0, length);
    if (isUtf8(whole)) return `${escape(whole.toString('utf8'))}${more}`;
    if (more === '') break;
  }
  return `0x${part.toString('hex')}${more}`;
}

function describePlace(record: WalRecord, segment: number | undefined): string {
  const { sequence, type, offset, length } = record;
  const crc = record.crc.toString(16).padStart(8, '0');
  const file = segment === undefined ? '' : `"segment":${String(segment)},`;
  return (
    `"sequence":"${String(sequence)}","type":"${type}",${file}"offset":${String(offset)},` +
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
