import { Arena } from './arena.js';
import { expect, test } from 'vitest';
import { SimInode } from './disk-file.js';
import { NOTHING_SURVIVES } from './disk-survival.js';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
const text = (from: Uint8Array, length: number): string =>
  Buffer.from(from.subarray(0, length)).toString('latin1');

test('what was not synced is lost with the power, size and all', () => {
  const inode = new SimInode(1, new Arena());
  inode.write(bytes('kept'), 0, false);
  inode.sync();
  inode.write(bytes('lost'), 4, false);
  inode.powerCut(NOTHING_SURVIVES);
  expect(inode.size).toBe(4);
  expect(text(inode.cache, 8)).toBe('kept\0\0\0\0');
});

test('a dsync write makes its own sectors durable, and nothing before them', () => {
  const inode = new SimInode(1, new Arena());
  inode.write(new Uint8Array(512).fill(1), 0, false);
  inode.write(new Uint8Array(512).fill(2), 512, false);
  inode.syncRange(512, 512);
  inode.powerCut(NOTHING_SURVIVES);
  expect(inode.size).toBe(1024);
  expect(inode.medium[0]).toBe(0);
  expect(inode.medium[512]).toBe(2);
});

test('a failed page is clean, claims the new content, and is never written', () => {
  const inode = new SimInode(1, new Arena());
  inode.write(bytes('new'), 0, false);
  for (const sector of inode.dirtySectors()) inode.failSector(sector);
  inode.sync();
  expect(text(inode.cache, 3)).toBe('new');
  expect(text(inode.device, 3)).toBe('\0\0\0');
  expect(inode.sectorLetters()).toBe('s');
});

test('a truncation that was not synced brings the old bytes back', () => {
  const inode = new SimInode(1, new Arena());
  inode.write(bytes('old bytes'), 0, false);
  inode.sync();
  inode.truncate(3);
  inode.powerCut(NOTHING_SURVIVES);
  expect(text(inode.cache, inode.size)).toBe('old bytes');
});

test('a plan of survival decides sector by sector, and on the size', () => {
  const inode = new SimInode(1, new Arena());
  inode.write(new Uint8Array(1024).fill(7), 0, false);
  inode.powerCut({
    changesKept: (count) => count,
    sectorKept: (sector) => (sector === 1 ? 512 : 0),
  });
  expect(inode.size).toBe(1024);
  expect(inode.medium[0]).toBe(0);
  expect(inode.medium[1023]).toBe(7);
});

test('what reached the medium before it was overwritten is what the device gives back', () => {
  const inode = new SimInode(1, new Arena());
  inode.write(bytes('first'), 0, false);
  inode.persistOverwritten(0, 5, () => true);
  inode.write(bytes('other'), 0, false);
  for (const sector of inode.dirtySectors()) inode.failSector(sector);
  inode.dropClean();
  expect(text(inode.cache, 5)).toBe('first');
  expect(text(inode.medium, 5)).toBe('first');
});
