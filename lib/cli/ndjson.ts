// Splits a stream of bytes into lines, holding no more than one line, and no line above a bound.

/** A line, without its line feed, or the news that it is longer than allowed. Numbers from 1 on. */
export type Line =
  | { readonly kind: 'line'; readonly number: number; readonly bytes: Buffer }
  | { readonly kind: 'too-long'; readonly number: number };

/** The longest line that is accepted, in bytes: the largest record (128 MiB) fits as hex. */
export const LINE_BYTES_MAX = 257 * 1024 * 1024;

const LINE_FEED = 0x0a;

/** Takes chunks, gives lines. After a line that is too long it gives nothing more. */
export class LineSplitter {
  readonly #lineBytesMax: number;
  #parts: Buffer[] = [];
  #partBytes = 0;
  #lineCount = 0;
  #broken = false;

  constructor(lineBytesMax: number = LINE_BYTES_MAX) {
    this.#lineBytesMax = lineBytesMax;
  }

  /** The lines that this chunk completes; they may be views of it. */
  push(chunk: Buffer): Line[] {
    const lines: Line[] = [];
    let start = 0;
    while (!this.#broken) {
      const feed = chunk.indexOf(LINE_FEED, start);
      const end = feed === -1 ? chunk.length : feed;
      if (this.#partBytes + end - start > this.#lineBytesMax) {
        lines.push(this.#refuse());
        break;
      }
      if (feed === -1) {
        if (end > start) this.#keep(chunk.subarray(start, end));
        break;
      }
      lines.push(this.#complete(chunk.subarray(start, end)));
      start = feed + 1;
    }
    return lines;
  }

  /** At the end of the input: the last line, where no line feed followed it. */
  end(): Line[] {
    return this.#partBytes === 0 ? [] : [this.#complete(Buffer.alloc(0))];
  }

  #keep(part: Buffer): void {
    this.#parts.push(part);
    this.#partBytes += part.length;
  }

  #complete(rest: Buffer): Line {
    const bytes = this.#partBytes === 0 ? rest : Buffer.concat([...this.#parts, rest]);
    this.#parts = [];
    this.#partBytes = 0;
    this.#lineCount += 1;
    return { kind: 'line', number: this.#lineCount, bytes };
  }

  #refuse(): Line {
    this.#broken = true;
    this.#parts = [];
    this.#partBytes = 0;
    return { kind: 'too-long', number: this.#lineCount + 1 };
  }
}
