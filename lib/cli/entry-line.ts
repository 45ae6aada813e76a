// One input line of `uring-wal append`: JSON to an entry, or the reason why not. What is not
// exactly right is refused: a misspelt field must not become a record that nobody wanted.

import { isUtf8 } from 'node:buffer';
import { WalEntry } from '../index.js';
import { jsonProblem } from './json-problem.js';
import { didYouMean } from './suggest.js';

/** What a line turned out to be. */
export type ParsedLine =
  | { readonly kind: 'entry'; readonly entry: WalEntry }
  | { readonly kind: 'blank' }
  | { readonly kind: 'bad'; readonly reason: string };

const SEQUENCE_MAX = 0xffff_ffff_ffff_ffffn;
/** Reasons quote input; this many characters of it are enough. */
const QUOTE_CHARACTERS_MAX = 40;

const ENTRY_FIELDS = ['type', 'key', 'keyHex', 'value', 'valueHex', 'sequence'];
/** `dump` prints these; they are let through unread, so that its output can be appended elsewhere. */
const PLACE_FIELDS = ['segment', 'offset', 'length', 'crc'];
const KNOWN_FIELDS: ReadonlySet<string> = new Set([...ENTRY_FIELDS, ...PLACE_FIELDS]);
const BLANK = /^[ \t\r]*$/;
const LONE_SURROGATE = /\p{Surrogate}/u;

class Refused extends Error {}

/** Parses a line; `nextSequence` is taken when it names none. */
export function parseEntryLine(bytes: Buffer, nextSequence: bigint): ParsedLine {
  try {
    if (!isUtf8(bytes)) throw new Refused('not UTF-8 (use keyHex and valueHex for other bytes)');
    const text = bytes.toString('utf8');
    if (BLANK.test(text)) return { kind: 'blank' };
    return { kind: 'entry', entry: toEntry(toFields(text), nextSequence) };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { kind: 'bad', reason: error.message };
  }
}

type Fields = Readonly<Record<string, unknown>>;

function toFields(text: string): Fields {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    const problem = jsonProblem(text);
    if (problem === undefined) throw new Refused(`not JSON: ${String(error)}`);
    throw new Refused(`not JSON: column ${String(problem.column)}: ${problem.reason}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new Refused(`an object is expected, not ${nameOf(parsed)}`);
  }
  for (const field of Object.keys(parsed)) {
    if (KNOWN_FIELDS.has(field)) continue;
    throw new Refused(`unknown field ${quote(field)}${didYouMean(field, ENTRY_FIELDS)}`);
  }
  return parsed as Fields;
}

function toEntry(fields: Fields, nextSequence: bigint): WalEntry {
  const { type = 'put' } = fields;
  if (type !== 'put' && type !== 'delete') {
    throw new Refused(`type must be "put" or "delete", not ${quote(type)}`);
  }
  const sequence = toSequence(fields['sequence'], nextSequence);
  const key = toBytes(fields, 'key', 'keyHex');
  if (key === undefined) throw new Refused('key or keyHex is missing');
  const value = toBytes(fields, 'value', 'valueHex');
  if (type === 'delete') {
    if (value !== undefined && value.length > 0) throw new Refused('a delete carries no value');
    return WalEntry.delete(sequence, key);
  }
  if (value === undefined) throw new Refused('value or valueHex is missing (a put needs one)');
  return WalEntry.put(sequence, key, value);
}

function toSequence(given: unknown, nextSequence: bigint): bigint {
  if (given === undefined) {
    if (nextSequence <= SEQUENCE_MAX) return nextSequence;
    throw new Refused('no sequence follows 2^64 - 1: name one in the line (any will do)');
  }
  if (typeof given === 'string') {
    if (!/^[0-9]+$/.test(given)) {
      throw new Refused(`sequence must be a decimal number, not ${quote(given)}`);
    }
    const digits = given.replace(/^0+(?=.)/, '');
    const sequence = digits.length <= 20 ? BigInt(digits) : SEQUENCE_MAX + 1n;
    if (sequence <= SEQUENCE_MAX) return sequence;
    throw new Refused(`sequence ${quote(given)} is above 2^64 - 1`);
  }
  if (typeof given !== 'number') {
    throw new Refused(`sequence must be a decimal string or a number, not ${nameOf(given)}`);
  }
  if (given < 0) throw new Refused(`sequence ${String(given)} is negative`);
  if (!Number.isInteger(given)) throw new Refused(`sequence ${String(given)} is no integer`);
  if (Number.isSafeInteger(given)) return BigInt(given);
  throw new Refused('a sequence above 2^53 - 1 must be written as a string, to be exact');
}

/** The bytes of a field that comes as text or as hex; undefined when neither is there. */
function toBytes(fields: Fields, textName: string, hexName: string): Uint8Array | undefined {
  const { [textName]: text, [hexName]: hex } = fields;
  if (text !== undefined && hex !== undefined) {
    throw new Refused(`${textName} and ${hexName} are both given: one of them is enough`);
  }
  if (hex !== undefined) return fromHex(hex, hexName);
  if (text === undefined) return undefined;
  if (typeof text !== 'string') {
    throw new Refused(`${textName} must be a string, not ${nameOf(text)}`);
  }
  if (LONE_SURROGATE.test(text)) {
    throw new Refused(`${textName} holds half a surrogate pair, which has no UTF-8 form`);
  }
  return Buffer.from(text, 'utf8');
}

function fromHex(hex: unknown, name: string): Uint8Array {
  if (typeof hex !== 'string') throw new Refused(`${name} must be a string, not ${nameOf(hex)}`);
  if (hex.length % 2 !== 0) {
    throw new Refused(`${name} has an odd number of digits (${String(hex.length)})`);
  }
  const bytes = Buffer.from(hex, 'hex');
  if (bytes.length * 2 === hex.length) return bytes;
  const at = hex.search(/[^0-9a-fA-F]/);
  throw new Refused(`${name} holds ${quote(hex.charAt(at))}, which is no hex digit`);
}

function nameOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function quote(value: unknown): string {
  const text = JSON.stringify(value);
  const cut = text.length > QUOTE_CHARACTERS_MAX;
  return cut ? `${text.slice(0, QUOTE_CHARACTERS_MAX)}…` : text;
}
