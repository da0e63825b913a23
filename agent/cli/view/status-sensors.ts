/** The sensors' part of the status screen. */
import type { SensorStatus, StatusDocument } from '../../local/document.ts';
import { formatAgo, formatCount, formatPercent, formatShortDuration } from './format.ts';
import type { Paint, Tone } from './style.ts';
import { type Cell, type Column, renderTable } from './table.ts';
import { clean } from './width.ts';

const COLUMNS: readonly Column[] = [
  { title: 'SENSOR', shrinkTo: 12 },
  { title: 'FEEDS', shrinkTo: 10 },
  { title: 'STATE' },
  { title: 'HEARD', align: 'right' },
  { title: 'PER MIN', align: 'right' },
  { title: 'REJECTED', shrinkTo: 8 },
];
const TONES: Record<SensorStatus['state'], Tone> = { up: 'good', silent: 'warn', down: 'bad' };
const ROLES: Record<SensorStatus['role'], string> = { zone: 'zone', door: 'door', transactions: 'till' };
/** From this share of rejected frames on, the line or its speed is worth a look. */
const POOR_LINE = 0.1;
/** Reasons named for each sensor; the rest is in --json. */
const MOST_REASONS = 2;

export function renderSensors(document: StatusDocument, width: number, paint: Paint): string[] {
  if (document.sensors.length === 0) return [paint('dim', 'no sensors')];
  const rows = document.sensors.map((sensor): Cell[] => [
    clean(sensor.id),
    sensor.role === 'transactions' ? ROLES.transactions : `${ROLES[sensor.role]} ${clean(sensor.place)}`,
    stateCell(sensor, document.at_ms),
    formatAgo(sensor.last_frame_ms, document.at_ms),
    formatCount(sensor.per_minute),
    rejectedCell(sensor),
  ]);
  return renderTable(COLUMNS, rows, { width, paint });
}

function stateCell(sensor: SensorStatus, at: number): Cell {
  const age = sensor.state === 'up' ? '' : ` ${formatShortDuration(at - sensor.since_ms)}`;
  return { text: `${sensor.state}${age}`, tone: TONES[sensor.state] };
}

/** The share of all frames, then the commonest reasons. */
function rejectedCell({ accepted, rejected }: SensorStatus): Cell {
  const reasons = Object.entries(rejected).filter(([, count]) => count > 0);
  const total = reasons.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return { text: '0', tone: 'dim' };
  reasons.sort((a, b) => b[1] - a[1]);
  const named = reasons.slice(0, MOST_REASONS).map(([reason, count]) => `${formatCount(count)} ${clean(reason)}`);
  const more = reasons.length > MOST_REASONS ? ', ...' : '';
  const share = total / (total + accepted);
  const tone = share >= POOR_LINE ? 'warn' : 'plain';
  return { text: `${formatPercent(share)}: ${named.join(', ')}${more}`, tone };
}
