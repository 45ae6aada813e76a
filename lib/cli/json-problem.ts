// Says where and why a text is no JSON. The engine's own messages often leave the place out, so
// this walks the text once more, after JSON.parse has refused it.

/** Where JSON ends to be JSON: `column` counts characters from 1. */
export interface JsonProblem {
  readonly column: number;
  readonly reason: string;
}

/** Deeper nesting is not followed: nothing the command reads nests at all. */
const DEPTH_MAX = 64;

const LITERAL = /true|false|null/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const SPACE = /[ \t\r\n]*/y;
const PLAIN_CHARACTERS = /[^"\\\u0000-\u001f]*/y;
const INVISIBLE = /[\p{C}\p{Z}]/u;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

class Found extends Error {
  readonly at: number;
  constructor(at: number, reason: string) {
    super(reason);
    this.at = at;
  }
}

/** The first problem of `text`, or undefined when it is JSON after all. */
export function jsonProblem(text: string): JsonProblem | undefined {
  try {
    const end = skip(SPACE, text, value(text, skip(SPACE, text, 0), 0));
    if (end < text.length) throw unexpected(text, end, 'the end of the line');
    return undefined;
  } catch (error) {
    if (!(error instanceof Found)) throw error;
    return { column: error.at + 1, reason: error.message };
  }
}

function value(text: string, at: number, depth: number): number {
  if (depth > DEPTH_MAX) throw new Found(at, 'nested too deeply');
  const first = text.charAt(at);
  if (first === '"') return string(text, at);
  if (first === '{') return list(text, at, '}', (from) => member(text, from, depth));
  if (first === '[') return list(text, at, ']', (from) => value(text, from, depth + 1));
  const end = Math.max(skip(LITERAL, text, at), skip(NUMBER, text, at));
  if (end > at) return end;
  throw unexpected(text, at, 'a value');
}

/** What stands between the opening at `at` and `close`: nothing, or items parted by commas. */
function list(text: string, at: number, close: string, item: (from: number) => number): number {
  let next = skip(SPACE, text, at + 1);
  if (text.charAt(next) === close) return next + 1;
  for (;;) {
    next = skip(SPACE, text, item(next));
    const mark = text.charAt(next);
    if (mark === close) return next + 1;
    if (mark !== ',') throw unexpected(text, next, `',' or '${close}'`);
    next = skip(SPACE, text, next + 1);
  }
}

function member(text: string, at: number, depth: number): number {
  if (text.charAt(at) !== '"') throw unexpected(text, at, 'a field name in double quotes');
  const colon = skip(SPACE, text, string(text, at));
  if (text.charAt(colon) !== ':') throw unexpected(text, colon, "':'");
  return value(text, skip(SPACE, text, colon + 1), depth + 1);
}

function string(text: string, at: number): number {
  let next = at + 1;
  for (;;) {
    next = skip(PLAIN_CHARACTERS, text, next);
    const mark = text.charAt(next);
    if (mark === '"') return next + 1;
    if (mark === '') throw new Found(at, 'this string is never closed');
    if (mark !== '\\') throw new Found(next, 'a control character must be escaped in a string');
    const end = skip(ESCAPE, text, next);
    if (end === next) throw new Found(next, 'no such escape');
    next = end;
  }
}

/** Where `pattern`, tried at `at`, stops matching; `at` itself when it does not match. */
function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

function unexpected(text: string, at: number, wanted: string): Found {
  return new Found(at, `expected ${wanted}, found ${nameOf(text.codePointAt(at))}`);
}

/** A character so that it can be seen. */
function nameOf(codePoint: number | undefined): string {
  if (codePoint === undefined) return 'the end of the line';
  const character = String.fromCodePoint(codePoint);
  if (!INVISIBLE.test(character)) return JSON.stringify(character);
  return `U+${codePoint.toString(16).toUpperCase().padStart(4, '0')}`;
}
