/** The sensors of the settings, and how each of them is. */
import type { SensorStatus } from '../../local/document.ts';
import { formatCount, formatPercent, formatShortDuration } from './format.ts';
import { painter, type Tone } from './style.ts';
import { type Cell, type Column, renderTable } from './table.ts';
import { clean } from './width.ts';

/** What is known of it without a daemon, and with one how it is. */
export type ListedSensor = Pick<SensorStatus, 'id' | 'driver' | 'port' | 'role' | 'place'> & {
  /** Null while no daemon runs. */
  status: {
    state: SensorStatus['state'];
    since_ms: number;
    detail: string | null;
    last_frame_ms: number | null;
    per_minute: number;
    accepted: number;
    rejected: number;
    /** 0 to 1; null before the first frame. */
    rejected_share: number | null;
  } | null;
};

export interface SensorList {
  running: boolean;
  at_ms: number;
  sensors: ListedSensor[];
}

/** What the settings say, and what only a daemon that runs can tell. */
const SETTING_COLUMNS: readonly Column[] = [
  { title: 'SENSOR' },
  { title: 'DRIVER' },
  { title: 'PORT', shrinkTo: 8 },
  { title: 'FEEDS', shrinkTo: 8 },
];
const LIVE_COLUMNS: readonly Column[] = [
  { title: 'STATE' },
  { title: 'SINCE', align: 'right' },
  { title: 'PER MIN', align: 'right' },
  { title: 'REJECTED', align: 'right' },
];
const TONES: Record<SensorStatus['state'], Tone> = { up: 'good', silent: 'warn', down: 'bad' };
const ROLES: Record<SensorStatus['role'], string> = { zone: 'zone', door: 'door', transactions: 'till' };
/** From this share of rejected frames on, the line or its speed is worth a look. */
const POOR_LINE = 0.1;

/** Ends in a newline. */
export function renderSensorList(list: SensorList, { width, colour }: { width: number; colour: boolean }): string {
  const paint = painter(colour);
  if (list.sensors.length === 0) return 'The settings have no sensors. What is plugged in: footfall sensors detect\n';
  const rows = list.sensors.map((sensor): Cell[] => {
    const { id, driver, role, place, status } = sensor;
    const feeds = role === 'transactions' ? ROLES[role] : `${ROLES[role]} ${clean(place)}`;
    return [clean(id), driver, shortPort(sensor.port), feeds, ...statusCells(status, list.at_ms)];
  });
  const columns = list.running ? [...SETTING_COLUMNS, ...LIVE_COLUMNS] : SETTING_COLUMNS;
  const lines = renderTable(columns, rows, { width, paint });
  const down = list.sensors.filter(({ status }) => status?.state === 'down' && status.detail !== null);
  const reasons = down.map(({ id, status }) => `${clean(id)}: ${clean(status?.detail ?? '')}`);
  if (!list.running) reasons.push(paint('dim', 'daemon not running: the sensors are those of the settings'));
  return `${[...lines, ...(reasons.length > 0 ? ['', ...reasons] : [])].join('\n')}\n`;
}

function statusCells(status: ListedSensor['status'], at: number): Cell[] {
  if (status === null) return [];
  const { state, since_ms, per_minute, rejected, rejected_share: share } = status;
  const poor = share !== null && share >= POOR_LINE;
  return [
    { text: state, tone: TONES[state] },
    formatShortDuration(Math.max(0, at - since_ms)),
    formatCount(per_minute),
    { text: rejected === 0 ? '0' : `${formatCount(rejected)}, ${formatPercent(share)}`, tone: poor ? 'warn' : 'plain' },
  ];
}

/** Without the folder, which is the same for all. */
function shortPort(port: string): string {
  return clean(port.replace(/^\/dev\/(?:serial\/by-(?:id|path)\/)?/, ''));
}
