/** The list of what is in a bundle, for whoever is about to send it. */
import { formatBytes } from '../view/format.ts';
import { painter } from '../view/style.ts';
import { renderTable } from '../view/table.ts';
import { fold } from '../view/width.ts';
import type { Bundle } from './collect.ts';

const INDENT = 2;

/** Ends in a newline. */
export function renderList(bundle: Bundle, { width, colour }: { width: number; colour: boolean }): string {
  const paint = painter(colour);
  const total = bundle.files.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  const table = renderTable(
    [{ title: 'FILE' }, { title: 'SIZE', align: 'right' }, { title: 'WHAT FOR', shrinkTo: 20 }],
    bundle.files.map(({ name, text, why }) => [name, formatBytes(Buffer.byteLength(text)), why]),
    { width, paint, indent: INDENT },
  );
  const missing = bundle.missing.flatMap(({ name, reason }) =>
    fold(`${name}: ${reason.split('\n', 1)[0]}`, width - INDENT).map((line) => `  ${line}`),
  );
  return [
    ...table,
    '',
    `${bundle.files.length} files, ${formatBytes(total)} before packing.`,
    ...(missing.length === 0 ? [] : ['', paint('warn', 'Left out, as it could not be had:'), ...missing]),
    '',
    ...fold('Not in it: the database, keys, hashes of devices, hardware addresses, passwords.', width),
    '',
  ].join('\n');
}
