// What is drawn on a terminal, and what is kept from everything else.

import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { DemoView } from './demo-view.js';
import { drawBar, ProgressBar } from './progress.js';

class Screen extends Writable {
  readonly isTTY: boolean;
  text = '';

  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }

  override _write(chunk: Buffer, _: string, callback: () => void): void {
    this.text += chunk.toString();
    callback();
  }
}

describe('drawBar', () => {
  it.each([
    [0, '░░░░   0 %'],
    [0.5, '██░░  50 %'],
    [0.999, '███░  99 %'],
    [1, '████ 100 %'],
    [7, '████ 100 %'],
    [-1, '░░░░   0 %'],
  ])('%d', (part, bar) => {
    expect(drawBar(part, 4)).toBe(bar);
  });
});

describe('ProgressBar', () => {
  it('draws at once, not at every update, and clears its line', () => {
    const screen = new Screen(true);
    const bar = new ProgressBar(screen, 200);
    for (let done = 100; done < 150; done += 1) bar.update(done, 'note');
    expect(screen.text).toContain(' 50 % note');
    expect(screen.text.split('note').length).toBeLessThan(10);
    bar.clear();
    expect(screen.text).toMatch(/\r\u001b\[K$/);
  });

  it('is silent when nobody watches', () => {
    const screen = new Screen(false);
    const bar = new ProgressBar(screen, 200);
    bar.update(100, 'note');
    bar.clear();
    expect(screen.text).toBe('');
  });
});

describe('DemoView', () => {
  it.each([
    [true, {}, '\u001b[32mgood\u001b[0m'],
    [true, { NO_COLOR: '' }, '\u001b[32mgood\u001b[0m'],
    [true, { NO_COLOR: '1' }, 'good'],
    [true, { TERM: 'dumb' }, 'good'],
    [false, {}, 'good'],
  ])('terminal %s, environment %j', (isTTY, environment, painted) => {
    expect(new DemoView(new Screen(isTTY), environment).paint('green', 'good')).toBe(painted);
  });

  it('shows a moving line on a terminal only', () => {
    const [terminal, file] = [new Screen(true), new Screen(false)];
    for (const screen of [terminal, file]) {
      const view = new DemoView(screen, {});
      view.progress('kill 1', 0.5, 1234, 500);
      view.clearProgress();
    }
    expect(terminal.text).toContain('50 %  1,234 durable, 2,468/s');
    expect(file.text).toBe('');
  });

  it('shows long fields by their first bytes, and empty ones as empty', () => {
    const screen = new Screen(false);
    new DemoView(screen, {}).anatomy([
      { name: 'key', bytes: Buffer.alloc(0), meaning: '""' },
      { name: 'value', bytes: Buffer.alloc(1000, 0xab), meaning: 'x'.repeat(100) },
    ]);
    expect(screen.text).toContain('key       (empty)');
    expect(screen.text).toContain('… 936 more bytes');
    expect(Math.max(...screen.text.split('\n').map((line) => line.length))).toBeLessThan(110);
  });
});
