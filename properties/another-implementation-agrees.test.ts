// A decoder and an encoder in another language, by another route (properties/tools/decode.py, from
// the byte table alone): they read what the library wrote, and the library reads what they wrote.
// So they do with the golden logs of the format's origin.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { goldenLogs, projectFolder } from '../lib/fixtures/golden.js';
import { independentLine, independentLog } from '../lib/fixtures/independent.js';
import { UringWalWriter } from '../lib/index.js';
import { logs } from './arbitraries.js';
import { entryOf, readBytes } from './harness/bytes.js';
import { inDirectory } from './harness/kernel.js';
import { property } from './harness/property.js';

const TOOL = join(projectFolder(), 'properties', 'tools', 'decode.py');

/** Python takes long to start: many logs a case. */
const manyLogs = fc.array(logs, { minLength: 1, maxLength: 20 });

property({
  name: 'another-implementation-reads-ours',
  says: 'an implementation from the byte table alone reads what the writer wrote',
  level: 'kernel',
  cases: manyLogs,
  runs: 12,
  reach: ['records'],
  skip: cannotRun,
  check: (cases, mark) =>
    inDirectory(async (directory) => {
      const expected: string[] = [];
      const paths: string[] = [];
      for (const [index, records] of cases.entries()) {
        const path = join(directory, String(index));
        const writer = await UringWalWriter.open(path, { batchSize: 1 + index * 100 });
        await Promise.all(records.map((record) => writer.append(entryOf(record))));
        await writer.close();
        const { bytes, placed } = independentLog(records);
        if (records.length > 0) mark('records');
        paths.push(path);
        expected.push(JSON.stringify({ file: path, end: bytes.length }));
        expected.push(...placed.map(independentLine));
      }
      expect(run('decode', paths)).toEqual(expected);
    }),
});

property({
  name: 'another-implementation-is-read',
  says: 'a log that an implementation from the byte table alone wrote is read to its records',
  level: 'kernel',
  cases: manyLogs,
  runs: 12,
  reach: ['records'],
  skip: cannotRun,
  check: (cases, mark) =>
    inDirectory(async (directory) => {
      const paths = cases.map((records, index) => {
        const path = join(directory, String(index));
        const lines = independentLog(records).placed.map(independentLine);
        writeFileSync(path, lines.map((line) => `${line}\n`).join(''));
        return path;
      });
      run('encode', paths);
      for (const [index, records] of cases.entries()) {
        const bytes = readFileSync(`${paths[index] ?? ''}.wal`);
        const { bytes: expected, placed } = independentLog(records);
        expect(bytes.equals(expected)).toBe(true);
        const { records: found, end } = await readBytes(bytes);
        expect(found.map(independentLine)).toEqual(placed.map(independentLine));
        expect(end.kind).toBe('clean');
        if (records.length > 0) mark('records');
      }
    }),
});

for (const { name, wal, lines } of goldenLogs()) {
  test(`the golden log ${name} is read and written by both`, async (context) => {
    const reason = cannotRun();
    if (reason !== undefined) context.skip(reason);
    const bytes = readFileSync(wal);
    expect(run('decode', [wal]).slice(1)).toEqual(lines);
    const { records } = await readBytes(bytes);
    expect(records.map(independentLine)).toEqual(lines);
    await inDirectory(async (directory) => {
      const path = join(directory, name);
      writeFileSync(path, lines.map((line) => `${line}\n`).join(''));
      run('encode', [path]);
      expect(readFileSync(`${path}.wal`).equals(bytes)).toBe(true);
      const writer = await UringWalWriter.open(`${path}.ours`);
      await Promise.all(records.map((record) => writer.append(entryOf(record))));
      await writer.close();
      expect(readFileSync(`${path}.ours`).equals(bytes)).toBe(true);
    });
  });
}

/** The lines that the tool prints, with the spaces of another language taken out. */
function run(command: 'decode' | 'encode', paths: readonly string[]): string[] {
  const output = execFileSync('python3', [TOOL, command, ...paths], { maxBuffer: 1 << 28 });
  const lines = output.toString().split('\n').slice(0, -1);
  return lines.map((line) => JSON.stringify(JSON.parse(line)));
}

function cannotRun(): string | undefined {
  try {
    execFileSync('python3', ['--version'], { stdio: 'pipe' });
    return undefined;
  } catch {
    return 'python3 is not here';
  }
}
