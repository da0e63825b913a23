/** Plain columns, aware of how wide characters are. */
import type { Paint, Tone } from './style.ts';
import { cut, displayWidth, pad } from './width.ts';

export interface Column {
  title: string;
  align?: 'left' | 'right';
  /** Cut first, down to this many columns, when the table is too wide. */
  shrinkTo?: number;
}

export type Cell = string | { text: string; tone: Tone };

export interface TableOptions {
  width: number;
  paint: Paint;
  /** Spaces between columns; 2 by default. */
  gap?: number;
  /** Spaces in front of each line. */
  indent?: number;
}

/** The table's lines, its titles first, none wider than `width` as far as the shrinkable columns allow. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  options: TableOptions,
): string[] {
  const { width, paint, gap = 2, indent = 0 } = options;
  const cells = rows.map((row) =>
    row.map((cell) => (typeof cell === 'string' ? { text: cell, tone: 'plain' as const } : cell)),
  );
  const widths = columns.map(({ title }, index) =>
    Math.max(displayWidth(title), ...cells.map((row) => displayWidth(row[index].text))),
  );
  let excess = indent + widths.reduce((sum, each) => sum + each, 0) + gap * (columns.length - 1) - width;
  for (const [index, { title, shrinkTo }] of columns.entries()) {
    if (shrinkTo === undefined || excess <= 0) continue;
    const smaller = Math.max(shrinkTo, displayWidth(title), widths[index] - excess);
    excess -= widths[index] - Math.min(smaller, widths[index]);
    widths[index] = Math.min(smaller, widths[index]);
  }
  const line = (row: readonly { text: string; tone: Tone }[]): string => {
    const parts = row.map(({ text, tone }, index) => {
      const fitted = cut(text, widths[index]);
      const last = index === row.length - 1 && columns[index].align !== 'right';
      // The last column's padding would only be spaces at the end of the line.
      const padded = last ? fitted : pad(fitted, widths[index], columns[index].align);
      return padded.replace(fitted, () => paint(tone, fitted));
    });
    return `${' '.repeat(indent)}${parts.join(' '.repeat(gap))}`.trimEnd();
  };
  return [line(columns.map(({ title }) => ({ text: title, tone: 'dim' }))), ...cells.map(line)];
}
