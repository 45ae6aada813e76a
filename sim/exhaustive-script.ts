// The tiny workloads that are exhausted: every sequence of up to four operations over a small
// alphabet, buffered and past the page cache, one after the other and all at once.

/** One operation of a script: an append of so many value bytes, or a flush. */
export interface ScriptOperation {
  readonly name: string;
  readonly valueBytes: number;
  readonly sync: boolean;
  readonly isFlush: boolean;
}

export interface Script {
  readonly operations: readonly ScriptOperation[];
  readonly directIo: boolean;
  /** All operations are issued in one turn, instead of each when nothing moves any more. */
  readonly atOnce: boolean;
}

const ALPHABET: readonly ScriptOperation[] = [
  append('tiny', 3, false),
  append('tiny, sync', 5, true),
  append('over a sector', 700, false),
  append('over a sector, sync', 900, true),
  append('over two sectors', 1400, false),
  append('over six sectors', 3000, false),
  { name: 'flush', valueBytes: 0, sync: false, isFlush: true },
];

const OPERATIONS_MAX = 4;

/** Every script, short ones first. */
export function* allScripts(): Generator<Script> {
  for (let length = 1; length <= OPERATIONS_MAX; length++) {
    for (const operations of sequences(length)) {
      for (const directIo of [false, true]) {
        yield { operations, directIo, atOnce: false };
        if (length > 1) yield { operations, directIo, atOnce: true };
      }
    }
  }
}

export function describeScript(script: Script): string {
  const names = script.operations.map(({ name }) => name).join('; ');
  const how = script.atOnce ? 'at once' : 'one by one';
  return `${names} (${how}, ${script.directIo ? 'O_DIRECT' : 'buffered'})`;
}

function* sequences(length: number): Generator<ScriptOperation[]> {
  if (length === 0) {
    yield [];
    return;
  }
  for (const rest of sequences(length - 1)) {
    for (const operation of ALPHABET) yield [...rest, operation];
  }
}

function append(name: string, valueBytes: number, sync: boolean): ScriptOperation {
  return { name: `append ${name}`, valueBytes, sync, isFlush: false };
}
