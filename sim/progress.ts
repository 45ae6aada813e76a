// A progress bar on a terminal, plain lines elsewhere.

const WIDTH = 28;
const PLAIN_MS = 2000;

export class Progress {
  readonly #stream: NodeJS.WriteStream;
  #lastPlain = 0;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  /** @param share 0 … 1 */
  show(share: number, text: string): void {
    if (this.#stream.isTTY) {
      const filled = Math.round(Math.min(Math.max(share, 0), 1) * WIDTH);
      const bar = '█'.repeat(filled) + '░'.repeat(WIDTH - filled);
      this.#stream.write(`\r\u001b[2K${bar} ${text}`);
      return;
    }
    const now = Date.now();
    if (now - this.#lastPlain < PLAIN_MS) return;
    this.#lastPlain = now;
    this.#stream.write(`${String(Math.round(share * 100)).padStart(3)} %  ${text}\n`);
  }

  /** Removes the bar. */
  clear(): void {
    if (this.#stream.isTTY) this.#stream.write('\r\u001b[2K');
  }
}
