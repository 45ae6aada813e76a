// A planted bug: a named change of the text of one or more sources, and how it gets into a built
// copy. The text must be there exactly once, so that a list that no longer fits is noticed.

import { cp, mkdir, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export interface Edit {
  /** Source file, from the root of the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface Mutation {
  readonly name: string;
  /** Hunted in worlds of the segmented log, not of the single-file writer. */
  readonly wal?: boolean;
  /** What it breaks, in a few words. */
  readonly breaks: string;
  readonly edits: readonly Edit[];
}

/** One edit of one file of lib/, which most mutations are. */
export function planted(
  name: string,
  breaks: string,
  file: string,
  find: string,
  replace: string,
): Mutation {
  return { name, breaks, edits: [{ file, find, replace }] };
}

// The built file stands in dist/sim/planted.
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Makes a copy of the built library and simulator with the mutations in it; returns its root. */
export async function plant(mutations: readonly Mutation[], parent = tmpdir()): Promise<string> {
  const root = await mkdtemp(join(parent, 'uring-wal-planted-'));
  await mkdir(join(root, 'dist'));
  await writeFile(join(root, 'package.json'), '{"type":"module"}');
  await symlink(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  for (const part of ['lib', 'sim']) {
    await cp(join(ROOT, 'dist', part), join(root, 'dist', part), {
      recursive: true,
      filter: (path) => !/\.(d\.ts|map)$|\.test\.js$|planted/.test(path.slice(ROOT.length)),
    });
  }
  await cp(join(ROOT, 'dist/sim/planted'), join(root, 'dist/sim/planted'), { recursive: true });
  const texts = new Map<string, string>();
  for (const { file, find, replace } of mutations.flatMap(({ edits }) => edits)) {
    const text = texts.get(file) ?? (await readFile(join(ROOT, file), 'utf8'));
    texts.set(file, edited(text, file, find, replace));
  }
  for (const [file, text] of texts) {
    await writeFile(builtFile(root, file), transpile(text));
  }
  return root;
}

/** @throws Error when the text is not there exactly once. */
export function edited(text: string, file: string, find: string, replace: string): string {
  const at = text.indexOf(find);
  if (at < 0) throw new Error(`the text to mutate is gone from ${file}: ${find}`);
  if (text.includes(find, at + 1)) {
    throw new Error(`the text to mutate is there more than once in ${file}: ${find}`);
  }
  return text.slice(0, at) + replace + text.slice(at + find.length);
}

/** Where the build of a source file stands. */
export function builtFile(root: string, file: string): string {
  return join(root, 'dist', file.replace(/\.ts$/, '.js'));
}

/** JavaScript, with no look at types: a planted bug need not have any. */
export function transpile(text: string): string {
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext },
  });
  return outputText;
}
