// The line splitter: however the bytes are cut, the same lines come out, and memory is bounded.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Line } from './ndjson.js';
import { LineSplitter } from './ndjson.js';

function split(chunks: readonly (string | Uint8Array)[], lineBytesMax?: number): string[] {
  const splitter = new LineSplitter(lineBytesMax);
  const lines: Line[] = [];
  for (const chunk of chunks) lines.push(...splitter.push(Buffer.from(chunk)));
  lines.push(...splitter.end());
  return lines.map((line) =>
    line.kind === 'line' ? `${String(line.number)}:${line.bytes.toString()}` : 'too long',
  );
}

describe('LineSplitter', () => {
  it('numbers lines from 1, blank ones included', () => {
    expect(split(['a\n\nb\n'])).toEqual(['1:a', '2:', '3:b']);
  });

  it('takes a last line without a line feed', () => {
    expect(split(['a\nb'])).toEqual(['1:a', '2:b']);
  });

  it('joins lines across chunks', () => {
    expect(split(['a', '', 'b', 'c\nd', '\n'])).toEqual(['1:abc', '2:d']);
  });

  it('gives the same lines however the input is cut', () => {
    const text = fc.array(fc.constantFrom('a', 'bc', '\n', '\r\n', ''), { maxLength: 40 });
    fc.assert(
      fc.property(text, (chunks) => {
        expect(split(chunks)).toEqual(split([chunks.join('')]));
      }),
    );
  });

  it('takes a line of exactly the bound, and refuses one byte more', () => {
    expect(split(['aaaa\nbbbb'], 4)).toEqual(['1:aaaa', '2:bbbb']);
    expect(split(['aaaa\nbbbbb\ncc\n'], 4)).toEqual(['1:aaaa', 'too long']);
  });

  it('refuses a long line before it has all of it, and gives nothing more', () => {
    const splitter = new LineSplitter(1000);
    const chunk = Buffer.alloc(400, 'x');
    expect(splitter.push(chunk)).toEqual([]);
    expect(splitter.push(chunk)).toEqual([]);
    expect(splitter.push(chunk)).toEqual([{ kind: 'too-long', number: 1 }]);
    expect(splitter.push(Buffer.from('\nshort\n'))).toEqual([]);
    expect(splitter.end()).toEqual([]);
  });
});
