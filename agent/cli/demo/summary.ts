/** What the collector holds against what was simulated. */
import Database from 'better-sqlite3';
import type { Truth } from '../../../drivers/simulator/store.ts';
import type { WindowRecord } from '../../analytics/records.ts';
import type { StatusDocument } from '../../local/document.ts';
import { formatCount, formatDuration, formatPercent, NONE } from '../view/format.ts';
import { type Paint, painter } from '../view/style.ts';
import { type Cell, renderTable } from '../view/table.ts';

export interface Summary {
  passing: { simulated: number; counted: number | null };
  /** Through the door inwards; the door cannot tell staff from customers. */
  entering: { simulated: number; counted: number };
  entry_rate: { simulated: number | null; counted: number | null };
  /** Mean time inside by Little's law, staff included. */
  dwell_ms: { simulated: number | null; counted: number | null; error: number | null };
  /** Mean stay of customers alone, which no door can measure. */
  customers_dwell_ms: number | null;
  batches: { sealed: number; sent: number; acknowledged: number; stored: number; lost: number };
}

export function summarise(truth: Truth, status: StatusDocument, collectorDatabase: string): Summary {
  const { records, stored } = readCollector(collectorDatabase);
  const day = records.find((record) => record.kind === 'day' && record.entries > 0);
  const entries = records.reduce((sum, record) => sum + (record.kind === 'door' ? record.entries : 0), 0);
  const counted = day?.kind === 'day' ? day.passing_people : null;
  const everyone = truth.entered + truth.staffEntered;
  const sealed = status.buffer.sealed_through;
  return {
    passing: { simulated: truth.passers, counted },
    entering: { simulated: everyone, counted: entries },
    entry_rate: {
      simulated: truth.passers === 0 ? null : everyone / truth.passers,
      counted: counted === null || counted === 0 ? null : entries / counted,
    },
    dwell_ms: {
      simulated: everyone === 0 ? null : Math.round((truth.insideMs + truth.staffMs) / everyone),
      counted: day?.kind === 'day' ? day.dwell_ms : null,
      error: day?.kind === 'day' ? day.dwell_error_ms : null,
    },
    customers_dwell_ms: truth.stays === 0 ? null : Math.round(truth.staySumMs / truth.stays),
    batches: {
      sealed,
      sent: status.uplink.published,
      acknowledged: status.uplink.acknowledged,
      stored,
      lost: sealed - stored,
    },
  };
}

/** The highest revision of every record, and how many batches are stored. */
function readCollector(path: string): { records: WindowRecord[]; stored: number } {
  const database = new Database(path, { readonly: true });
  try {
    const rows = database.prepare('SELECT body FROM latest').all() as { body: string }[];
    const { stored } = database.prepare('SELECT count(*) AS stored FROM batches').get() as { stored: number };
    return { records: rows.map((row) => JSON.parse(row.body) as WindowRecord), stored };
  } finally {
    database.close();
  }
}

export function renderSummary(summary: Summary, { width, colour }: { width: number; colour: boolean }): string {
  const paint = painter(colour);
  const { passing, entering, entry_rate: rate, dwell_ms: dwell, batches } = summary;
  const rows: Cell[][] = [
    [
      'people passing',
      formatCount(passing.simulated),
      formatCount(passing.counted),
      difference(passing.simulated, passing.counted),
    ],
    [
      'entering, staff included',
      formatCount(entering.simulated),
      formatCount(entering.counted),
      difference(entering.simulated, entering.counted),
    ],
    [
      'entry rate 入店率',
      formatPercent(rate.simulated),
      formatPercent(rate.counted),
      difference(rate.simulated, rate.counted),
    ],
    [
      'dwell 驻店时长, with staff',
      formatDuration(dwell.simulated),
      dwell.counted === null ? NONE : `${formatDuration(dwell.counted)} ± ${formatDuration(dwell.error)}`,
      difference(dwell.simulated, dwell.counted),
    ],
  ];
  const columns = [
    { title: 'THE DAY' },
    { title: 'SIMULATED', align: 'right' as const },
    { title: 'COUNTED', align: 'right' as const },
    { title: 'DIFFERENCE', align: 'right' as const },
  ];
  return [
    ...renderTable(columns, rows, { width, paint, gap: 2 }),
    '',
    `Customers alone stayed ${formatDuration(summary.customers_dwell_ms)} in the mean; a door counts staff too.`,
    '',
    delivery(batches, paint),
    '',
  ].join('\n');
}

function delivery({ sealed, sent, acknowledged, stored, lost }: Summary['batches'], paint: Paint): string {
  const count = (value: number): string => formatCount(value);
  return (
    `batches: ${count(sealed)} sealed, ${count(sent)} sent, ${count(acknowledged)} acknowledged, ` +
    `${count(stored)} stored by the collector, ${paint(lost === 0 ? 'good' : 'bad', `${count(lost)} lost`)}`
  );
}

function difference(simulated: number | null, counted: number | null): string {
  if (simulated === null || counted === null || simulated === 0) return NONE;
  const share = (counted - simulated) / simulated;
  return `${share < 0 ? '−' : '+'}${formatPercent(Math.abs(share))}`;
}
