// Tables for a terminal: columns as wide as their widest cell.

/** Which side the cells of a column keep to. */
export type Alignment = 'left' | 'right';

/** Rows of cells as lines, the first row being the head; two spaces between columns. */
export function textTable(
  rows: readonly (readonly string[])[],
  sides: readonly Alignment[],
): string {
  const widths = sides.map((_, column) =>
    Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const lines = rows.map((row) =>
    sides
      .map((side, column) => {
        const cell = row[column] ?? '';
        const width = widths[column] ?? 0;
        return side === 'left' ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}

/** A number with separators, as people read it. */
export function countText(count: number | bigint): string {
  return count.toLocaleString('en');
}
