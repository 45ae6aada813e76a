// npm run docs:errors: writes the table of error codes into README.md, from lib/errors.ts. A test
// fails while the two differ.

import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const README = join(ROOT, 'README.md');
const MARKED = /(<!-- error codes -->\n)[^]*?(\n<!-- \/error codes -->)/;

/** The table in Markdown, its columns aligned; `codes` maps each code to what it means. */
export function errorTable(codes) {
  const rows = Object.entries(codes).map(([code, words]) => [`\`${code}\``, words]);
  const cells = [['code', 'what it means'], ...rows];
  const widths = [0, 1].map((column) => Math.max(...cells.map((row) => row[column].length)));
  const line = (row, fill) =>
    `| ${row.map((cell, i) => cell.padEnd(widths[i], fill)).join(' | ')} |`;
  return [line(cells[0], ' '), line(['', ''], '-'), ...rows.map((row) => line(row, ' '))].join(
    '\n',
  );
}

/** A README with the table of `codes` in its place. */
export function withErrorTable(readme, codes) {
  if (!MARKED.test(readme)) throw new Error('README.md has no place for the error codes');
  return readme.replace(MARKED, (_, before, after) => `${before}\n${errorTable(codes)}\n${after}`);
}

if (process.argv[1] === import.meta.filename) {
  const { WAL_ERROR_CODES } = await import(join(ROOT, 'dist', 'lib', 'errors.js'));
  writeFileSync(README, withErrorTable(readFileSync(README, 'utf8'), WAL_ERROR_CODES));
}
