// Where JSON stops to be JSON: the place for people, and agreement with JSON.parse about whether.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonProblem } from './json-problem.js';

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('jsonProblem', () => {
  it.each([
    ['', 1, 'expected a value, found the end of the line'],
    ['{', 2, 'expected a field name in double quotes, found the end of the line'],
    ['{"key":"a",}', 12, 'expected a field name in double quotes, found "}"'],
    ["{'key':1}", 2, 'expected a field name in double quotes, found "\'"'],
    ['{"key" "a"}', 8, 'expected \':\', found "\\""'],
    ['{"key":"a" "value":"b"}', 12, "expected ',' or '}', found \"\\\"\""],
    ['{"key":a}', 8, 'expected a value, found "a"'],
    ['{"key":"a', 8, 'this string is never closed'],
    ['{"key":"a\\x"}', 10, 'no such escape'],
    ['{"key":"a\tb"}', 10, 'a control character must be escaped in a string'],
    ['{"sequence":01}', 14, "expected ',' or '}', found \"1\""],
    ['{"key":"a"} {"key":"b"}', 13, 'expected the end of the line, found "{"'],
    ['[1 2]', 4, "expected ',' or ']', found \"2\""],
    ['\ufeff{}', 1, 'expected a value, found U+FEFF'],
    ['{"key":💥}', 8, 'expected a value, found "💥"'],
  ])('%s', (text, column, reason) => {
    expect(isJson(text)).toBe(false);
    expect(jsonProblem(text)).toEqual({ column, reason });
  });

  it('finds nothing wrong with JSON', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(jsonProblem(text)).toBeUndefined();
      }),
    );
  });

  it('agrees with JSON.parse on whether a mangled text is JSON', () => {
    const mangled = fc
      .tuple(fc.json({ maxDepth: 3 }), fc.nat(), fc.constantFrom('', ',', '"', '}', '0', '-', '\\'))
      .map(([text, at, put]) => {
        const index = at % (text.length + 1);
        return text.slice(0, index) + put + text.slice(index + 1);
      });
    fc.assert(
      fc.property(mangled, (text) => {
        expect(jsonProblem(text) === undefined).toBe(isJson(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('does not follow endless nesting', () => {
    expect(jsonProblem('['.repeat(100_000))?.reason).toBe('nested too deeply');
  });
});
