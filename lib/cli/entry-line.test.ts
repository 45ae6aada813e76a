// Input lines of append: what is taken for which entry, and what is refused with which reason.

import { describe, expect, it } from 'vitest';
import { parseEntryLine } from './entry-line.js';

const NEXT = 42n;

function parse(line: string | Uint8Array): unknown {
  const parsed = parseEntryLine(Buffer.from(line), NEXT);
  if (parsed.kind !== 'entry') return parsed;
  const { sequence, type, key, value } = parsed.entry;
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
  return [sequence, type, text(key), text(value)];
}

describe('parseEntryLine takes', () => {
  it.each([
    ['{"key":"a","value":"b"}', [NEXT, 'put', 'a', 'b']],
    ['{"type":"put","key":"a","value":"b","sequence":7}', [7n, 'put', 'a', 'b']],
    ['{"type":"delete","key":"a","sequence":"7"}', [7n, 'delete', 'a', '']],
    ['{"key":"","value":""}', [NEXT, 'put', '', '']],
    ['{"keyHex":"00fF","valueHex":""}', [NEXT, 'put', '\x00\xff', '']],
    ['{"key":"ä","value":"\\u0000"}', [NEXT, 'put', '\xc3\xa4', '\x00']],
    ['{"key":"a","value":"b","sequence":0}', [0n, 'put', 'a', 'b']],
    ['{"key":"a","value":"b","sequence":"0007"}', [7n, 'put', 'a', 'b']],
    ['{"key":"a","value":"b","sequence":9007199254740991}', [2n ** 53n - 1n, 'put', 'a', 'b']],
    ['{"key":"a","value":"","sequence":"18446744073709551615"}', [2n ** 64n - 1n, 'put', 'a', '']],
    ['  {"key":"a","value":"b"}\r', [NEXT, 'put', 'a', 'b']],
    ['\ufeff{"key":"a","value":"b"}', { kind: 'bad', reason: expect.stringContaining('column 1') }],
  ])('%s', (line, expected) => {
    expect(parse(line)).toEqual(expected);
  });

  it("a line of dump's, deletes with their empty valueHex included", () => {
    const line =
      '{"sequence":"2","type":"delete","offset":84,"length":53,"crc":"3748dff4",' +
      '"keyHex":"63","valueHex":""}';
    expect(parse(line)).toEqual([2n, 'delete', 'c', '']);
  });

  it.each(['', ' ', '\r', ' \t\r'])('blank line %j as nothing', (line) => {
    expect(parse(line)).toEqual({ kind: 'blank' });
  });
});

describe('parseEntryLine refuses', () => {
  it.each([
    ['{"key":"a",}', 'not JSON: column 12: expected a field name in double quotes, found "}"'],
    ['[]', 'an object is expected, not an array'],
    ['null', 'an object is expected, not null'],
    ['"a"', 'an object is expected, not a string'],
    ['{}', 'key or keyHex is missing'],
    ['{"key":"a"}', 'value or valueHex is missing (a put needs one)'],
    ['{"key":"a","valeu":"b"}', 'unknown field "valeu" (did you mean value?)'],
    ['{"key":"a","value":"b","zzzzzz":1}', 'unknown field "zzzzzz"'],
    ['{"key":"a","value":"b","__proto__":1}', 'unknown field "__proto__"'],
    ['{"key":1,"value":"b"}', 'key must be a string, not a number'],
    ['{"key":null,"value":"b"}', 'key must be a string, not null'],
    ['{"key":"a","value":{}}', 'value must be a string, not an object'],
    ['{"key":"a","value":[]}', 'value must be a string, not an array'],
    ['{"key":"a","valueHex":12}', 'valueHex must be a string, not a number'],
    [
      '{"key":"a","keyHex":"61","value":"b"}',
      'key and keyHex are both given: one of them is enough',
    ],
    [
      '{"key":"a","value":"b","valueHex":"62"}',
      'value and valueHex are both given: one of them is enough',
    ],
    ['{"keyHex":"616","value":"b"}', 'keyHex has an odd number of digits (3)'],
    ['{"keyHex":"61g1","value":"b"}', 'keyHex holds "g", which is no hex digit'],
    ['{"type":"get","key":"a"}', 'type must be "put" or "delete", not "get"'],
    ['{"type":1,"key":"a"}', 'type must be "put" or "delete", not 1'],
    ['{"type":"delete","key":"a","value":"b"}', 'a delete carries no value'],
    ['{"key":"a","value":"b","sequence":-1}', 'sequence -1 is negative'],
    ['{"key":"a","value":"b","sequence":1.5}', 'sequence 1.5 is no integer'],
    ['{"key":"a","value":"b","sequence":1e400}', 'sequence Infinity is no integer'],
    [
      '{"key":"a","value":"b","sequence":9007199254740992}',
      'a sequence above 2^53 - 1 must be written as a string, to be exact',
    ],
    ['{"key":"a","value":"b","sequence":"-1"}', 'sequence must be a decimal number, not "-1"'],
    ['{"key":"a","value":"b","sequence":"0x10"}', 'sequence must be a decimal number, not "0x10"'],
    ['{"key":"a","value":"b","sequence":""}', 'sequence must be a decimal number, not ""'],
    [
      '{"key":"a","value":"b","sequence":"18446744073709551616"}',
      'sequence "18446744073709551616" is above 2^64 - 1',
    ],
    [
      '{"key":"a","value":"b","sequence":true}',
      'sequence must be a decimal string or a number, not a boolean',
    ],
    ['{"key":"\\ud800","value":"b"}', 'key holds half a surrogate pair, which has no UTF-8 form'],
  ])('%s', (line, reason) => {
    expect(parse(line)).toEqual({ kind: 'bad', reason });
  });

  it('bytes that are no UTF-8', () => {
    const line = Buffer.concat([Buffer.from('{"key":"'), Buffer.from([0xff]), Buffer.from('"}')]);
    expect(parse(line)).toEqual({
      kind: 'bad',
      reason: 'not UTF-8 (use keyHex and valueHex for other bytes)',
    });
  });

  it('a line without a sequence when none is left', () => {
    const line = Buffer.from('{"key":"a","value":"b"}');
    expect(parseEntryLine(line, 2n ** 64n)).toEqual({
      kind: 'bad',
      reason: 'no sequence follows 2^64 - 1: name one in the line (any will do)',
    });
  });

  it('a monstrous sequence without computing it, quoting only its start', () => {
    const parsed = parse(`{"key":"a","value":"b","sequence":"${'9'.repeat(1_000_000)}"}`);
    expect(parsed).toEqual({
      kind: 'bad',
      reason: `sequence "${'9'.repeat(39)}… is above 2^64 - 1`,
    });
  });
});
