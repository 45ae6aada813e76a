// "Did you mean …": the nearest of a few known words.

/** How many edits away a word may be to be worth a guess. */
const EDITS_MAX = 2;
/** A word that was cut short must have as many characters. */
const STEM_LENGTH_MIN = 3;

/**
 * ` (did you mean X?)` for the nearest of `known`, or the one that begins so, or nothing when there
 * is none.
 */
export function didYouMean(word: string, known: readonly string[]): string {
  let best: string | undefined;
  let bestEdits = EDITS_MAX + 1;
  for (const candidate of known) {
    const edits = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (edits < bestEdits && edits < candidate.length) {
      best = candidate;
      bestEdits = edits;
    }
  }
  best ??= word.length < STEM_LENGTH_MIN ? undefined : onlyOneThatBegins(word, known);
  return best === undefined ? '' : ` (did you mean ${best}?)`;
}

function onlyOneThatBegins(word: string, known: readonly string[]): string | undefined {
  const [first, ...others] = known.filter((candidate) => candidate.startsWith(word.toLowerCase()));
  return others.length === 0 ? first : undefined;
}

/** Insertions, removals, replacements and swaps of neighbours that turn `from` into `to`. */
function editDistance(from: string, to: string): number {
  if (Math.abs(from.length - to.length) > EDITS_MAX) return EDITS_MAX + 1;
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const same = from[row - 1] === to[column - 1];
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current.push(
        Math.min(
          at(last, column) + 1,
          at(current, column - 1) + 1,
          at(last, column - 1) + (same ? 0 : 1),
          swapped ? at(beforeLast, column - 2) + 1 : Infinity,
        ),
      );
    }
    beforeLast = last;
    last = current;
  }
  return at(last, to.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity;
}
