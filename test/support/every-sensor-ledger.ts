/** What a day's ledger must show, and the table that people read. */
import { renderTable } from '../../agent/cli/view/table.ts';
import type { DayLedger, LedgerRow } from './every-sensor.ts';

/** In a day without a fault there is none; each names its sensor. */
export function failuresOf({ rows, missing, unusual }: DayLedger): string[] {
  const failures = rows.flatMap((row) => rowFailures(row).map((failure) => `${row.id}: ${failure}`));
  for (const { place, window } of unusual) failures.push(`${place}: window ${window} holds people that are not plain`);
  const { sequences, windows, double, held } = missing;
  if (sequences.length + windows.length + double.length + held > 0) {
    failures.push(`delivery: ${JSON.stringify(missing)}`);
  }
  return failures;
}

function rowFailures(row: LedgerRow): string[] {
  const { sent, accepted, acceptedTold, rejected, rejectedAtBoot, rejectedTold, air, door, windows, uncovered } = row;
  const failures: string[] = [];
  const expectSame = (what: string, expected: number, found: number): void => {
    if (expected !== found) failures.push(`${what}: expected ${expected}, found ${found}`);
  };
  if (sent === 0) failures.push('it sent nothing');
  expectSame('frames accepted', sent, accepted);
  expectSame('frames in the records', sent, acceptedTold);
  for (const reason of Object.keys({ ...rejected, ...rejectedTold })) {
    // Text that a module prints at power-on is no frame, and nothing else is.
    const expected = reason === 'noise' ? (rejectedAtBoot[reason] ?? 0) : 0;
    expectSame(`rejected as ${reason}`, expected, rejected[reason] ?? 0);
    expectSame(`rejected as ${reason} in the records`, expected, rejectedTold[reason] ?? 0);
  }
  if (windows === 0) failures.push('no window tells of its coverage');
  if (uncovered.length > 0) failures.push(`windows not covered: ${JSON.stringify(uncovered)}`);
  if (air !== null) {
    if (air.heard === 0) failures.push('it heard nobody');
    expectSame('heard, in the records', air.heard, air.counted);
  }
  if (door === null) return failures;
  const { trueIn, trueOut, entries, exits, adds } = door;
  if (trueIn === 0 || trueOut === 0) failures.push('nobody came through');
  if (adds === 'sum') expectSame('people either way', trueIn + trueOut, entries + exits);
  else expectSame('entries', trueIn, entries);
  if (adds === 'both') expectSame('exits', trueOut, exits);
  return failures;
}

export function tableOf({ rows }: DayLedger): string[] {
  const number = (title: string) => ({ title, align: 'right' as const });
  const columns = [
    { title: 'sensor' },
    { title: 'driver' },
    ...[
      'sent',
      'accepted',
      'recorded',
      'rejected',
      'of it boot',
      'heard',
      'recorded',
      'in',
      'recorded',
      'out',
      'recorded',
    ].map(number),
  ];
  const options = { width: 140, paint: (_tone: string, text: string) => text };
  const table = rows.map(({ id, driver, sent, accepted, acceptedTold, rejected, rejectedAtBoot, air, door }) => {
    const { trueIn, entries, trueOut, exits, adds } = door ?? { adds: 'none' as const };
    const people = [trueIn, entries, ...(adds === 'in' ? [undefined, undefined] : [trueOut, exits])];
    const counts = [
      sent,
      accepted,
      acceptedTold,
      total(rejected),
      total(rejectedAtBoot),
      air?.heard,
      air?.counted,
      ...people,
    ];
    return [id, adds === 'sum' ? `${driver} (sum)` : driver, ...counts.map((count) => count?.toString() ?? '')];
  });
  return renderTable(columns, table, options);
}

function total(rejected: Readonly<Record<string, number>>): number {
  return Object.values(rejected).reduce((sum, count) => sum + count, 0);
}
