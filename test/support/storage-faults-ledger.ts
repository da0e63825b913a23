/** What must hold of a box whose storage failed, and how it is told. */
import { rangesText } from './outage-account.ts';
import type { FaultLedger } from './storage-faults-run.ts';

/** Two by us: at first and once more in the end; a third where it was down while its files were changed. */
const startsOf = ({ kind }: FaultLedger): number => (kind.endsWith('down') ? 3 : 2);

/** Empty where nothing is wrong. */
export function failuresOf(ledger: FaultLedger): string[] {
  const { exits, starts, mended, missing, left, report, people, double, quarantines, told, epochs, failed } = ledger;
  const failures: string[] = [];
  const expectNone = (what: string, found: number, which = ''): void => {
    if (found !== 0) failures.push(`expected 0 ${what}, found ${found}${which === '' ? '' : ` (${which})`}`);
  };
  if (failed !== null) failures.push(failed);
  expectNone('exits', exits);
  if (failed !== null) return failures;
  if (starts !== startsOf(ledger)) failures.push(`expected ${startsOf(ledger)} starts, found ${starts}`);
  if (!mended) failures.push('storage did not work again by itself');
  expectNone('sequences neither stored nor told', missing.length, rangesText(missing));
  expectNone('double', double);
  expectNone('held in the end', left);
  expectNone('awaited by the report', report.awaited);
  expectNone('lost by the report', report.lost);
  expectNone('people lost who were committed', people.lost);
  expectNone('people counted again', people.again);
  if (quarantines > 0) {
    if (!told.includes('database_quarantined')) failures.push('a database was set aside, and no event tells it');
    if (epochs.length === 0) failures.push('a database was set aside, and no epoch began');
  }
  if (epochs.length > 0 && ledger.previousEnd === null)
    failures.push('the state message does not say why the epoch ended');
  return failures;
}

export function ledgerLine(ledger: FaultLedger): string {
  const { kind, seed, fault, delivered, starts, exits, quarantines, epochs, told, sealed, stored, gone, people } =
    ledger;
  const { came, again, open, lost } = people;
  const more = [
    ...(people.gone > 0 ? [`${people.gone} in batches told as gone`] : []),
    ...(open > 0 ? [`${open} in the window that was open`] : []),
    ...(lost > 0 ? [`${lost} LOST`] : []),
    ...(again > 0 ? [`${again} again`] : []),
  ];
  return (
    `${seed} ${kind} (${fault}; ${delivered ? 'delivered' : 'held'} before): ${starts} starts, ${exits} exits, ` +
    `${quarantines} set aside${epochs.length > 0 ? `, epoch ended: ${epochs.join(', ')}` : ''}; ` +
    `sealed ${sealed}, stored ${stored}, told as gone ${gone}, missing ${ledger.missing.length}; ` +
    `people ${people.stored} of ${came}${more.length > 0 ? ` (${more.join(', ')})` : ''}; told: ${told.join(', ') || 'nothing'}`
  );
}
