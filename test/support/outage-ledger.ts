/** What must hold of an outage, and how it is told. */
import { rangesText, settle } from './outage-account.ts';
import type { OutageRun } from './outage-run.ts';

const MIB = 1_048_576;
/** What the database takes for a byte of a batch: pages that are partly used, and free ones that the next window fills. */
const BYTES_A_BYTE = 1.6;
/** State, journal and health. */
const BESIDE_BYTES = 2 * MIB;
/** SQLite begins its log anew from 4 MiB on; a close may be under way then. */
const LOG_BYTES = 6 * MIB;

/** Empty where every sequence is accounted for and the files kept their bounds. */
export function failuresOf(run: OutageRun): string[] {
  const { account, report, held, samples, sealed, dropped, options } = run;
  const failures: string[] = [];
  const expectNone = (what: string, found: number, which = ''): void => {
    if (found !== 0) failures.push(`expected 0 ${what}, found ${found}${which === '' ? '' : ` (${which})`}`);
  };
  const { missing, both } = settle(account, sealed);
  expectNone('sequences neither stored nor told', missing.length, rangesText(missing));
  expectNone('sequences stored and told as gone', both.length, rangesText(both));
  expectNone('double', account.double);
  expectNone('still held', run.left);
  expectNone('dead letters', run.deadLetters);
  expectNone('awaited by the report', report.awaited);
  expectNone('lost by the report', report.lost);
  if (report.told !== account.told.size) {
    failures.push(`expected the report to say ${account.told.size} told, found ${report.told}`);
  }
  const other = [...held].filter(([sequence, digest]) => account.stored.get(sequence)?.digest !== digest);
  const sequences = other.map(([sequence]) => sequence);
  expectNone('held at the end of the outage and not stored with the same bytes', other.length, rangesText(sequences));
  const beyond = Math.max(0, ...account.stored.keys(), ...account.told.keys()) - sealed;
  expectNone('sequences beyond the last sealed', Math.max(0, beyond));
  if (account.epochs !== 1) failures.push(`expected one epoch, found ${account.epochs}`);
  if (dropped === 0) failures.push('nothing was dropped: the outage was too short for the buffer');
  if (account.told.size < dropped) failures.push(`expected ${dropped} told at least, found ${account.told.size}`);
  const bound = options.bufferMib * MIB;
  for (const [index, { heldBytes, databaseBytes, logBytes, historyBytes }] of samples.entries()) {
    const most = bound * BYTES_A_BYTE + BESIDE_BYTES;
    const own = databaseBytes - historyBytes;
    if (heldBytes <= bound && own <= most && logBytes <= LOG_BYTES) continue;
    failures.push(
      `sample ${index + 1}: expected at most ${bound} bytes held, ${most} in the database beside the history and ` +
        `${LOG_BYTES} in its log, found ${heldBytes}, ${own} and ${logBytes}`,
    );
    break;
  }
  return failures;
}

export function ledgerLines(run: OutageRun): string[] {
  const { account, report, held, sealed, dropped, samples, options, seconds } = run;
  const { missing, both } = settle(account, sealed);
  const reasons = Map.groupBy(account.told, ([, reason]) => reason);
  const told = [...reasons].map(([reason, { length }]) => `${length} ${reason}`).join(', ');
  const most = (of: (sample: (typeof samples)[number]) => number): string =>
    `${(Math.max(...samples.map(of)) / MIB).toFixed(2)} MiB`;
  return [
    `${options.days} days without a broker, windows of ${options.windowMinutes} min, buffer ${options.bufferMib} MiB, ` +
      `${options.kills} kills; ${seconds.outage.toFixed(0)} s, delivered in ${seconds.delivery.toFixed(1)} s`,
    `sealed ${sealed}; at the end of the outage held ${held.size}, dropped ${dropped}`,
    `stored once ${account.stored.size}, told as gone ${account.told.size} (${told || 'none'}) in ${account.gapRecords} gap records; ` +
      `missing ${missing.length}, double ${account.double}, stored and told ${both.length}`,
    `by the collector's report: awaited ${report.awaited}, lost ${report.lost}, told ${report.told}`,
    `most at any time: held ${most(({ heldBytes }) => heldBytes)}, database ${most(({ databaseBytes }) => databaseBytes)} ` +
      `(history ${most(({ historyBytes }) => historyBytes)}), log ${most(({ logBytes }) => logBytes)}, ` +
      `all files ${most(({ allBytes }) => allBytes)}`,
  ];
}
