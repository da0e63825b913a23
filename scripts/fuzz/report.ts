import { REJECTIONS } from '../../agent/readings.ts';
import type { FuzzReport } from './fuzz.ts';

const MIB = 2 ** 20;

/** The run as a table, one line a driver. */
export function reportText({ rows, cases, mutated, seconds, files, memory }: FuzzReport): string {
  const table = [['driver', 'cases', 'damaged', 'intact', 'MB', 'accepted', 'readings', 'phantoms', 'rejected']];
  for (const [driver, row] of rows) {
    const rejected = REJECTIONS.filter((reason) => row.rejected[reason] > 0).map(
      (reason) => `${reason} ${row.rejected[reason]}`,
    );
    const { cases, mutated, intact, accepted, readings, phantoms } = row;
    const numbers = [cases, mutated, intact, (row.bytes / 1e6).toFixed(1), accepted, readings, phantoms];
    table.push([driver, ...numbers.map(String), rejected.join(', ')]);
  }
  const widths = table[0].map((_, column) => Math.max(...table.map((line) => line[column].length)));
  const lines = table.map((line) =>
    line
      .map((cell, column) =>
        column === 0 || column === line.length - 1 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
      )
      .join('  ')
      .trimEnd(),
  );
  const mib = (bytes: number) => (bytes / MIB).toFixed(1);
  return [
    ...lines,
    '',
    `${cases} cases, ${mutated} damaged frames in ${seconds.toFixed(1)} s; ${files} files of real samples`,
    `peak resident ${mib(memory.residentEarly)} MiB in the first fifth of the time, ${mib(memory.residentLate)} MiB after; ` +
      `alive ${mib(memory.aliveEarly)} MiB then, ${mib(memory.aliveLate)} MiB at the end`,
  ].join('\n');
}
