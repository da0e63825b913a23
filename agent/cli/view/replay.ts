/** What a replay counted, as a table for people. */
import type { BleRecord, SealedWindow, WindowRecord } from '../../analytics/records.ts';
import type { SensorStatus } from '../../local/document.ts';
import { formatCount, formatDate, formatDuration, formatPercent, formatTime, NONE } from './format.ts';
import { painter } from './style.ts';
import { type Cell, type Column, renderTable } from './table.ts';

export interface ReplayReport {
  file: string;
  windows: readonly SealedWindow[];
  sensors: readonly SensorStatus[];
  /** When the last bytes came, UTC milliseconds; windows after it are not shown. */
  lastMs: number;
  timeZone: string;
}

const COLUMNS: Column[] = [
  { title: 'WINDOW' },
  { title: 'PROBES', align: 'right' },
  { title: 'RANDOM', align: 'right' },
  { title: 'VISITS', align: 'right' },
  { title: 'PASSED', align: 'right' },
  { title: 'DEVICES', align: 'right' },
  { title: 'PEOPLE', align: 'right' },
  { title: 'IN', align: 'right' },
  { title: 'OUT', align: 'right' },
  { title: 'INSIDE', align: 'right' },
];

/** Only where there is Bluetooth. */
const BLE_COLUMN: Column = { title: 'BLE', align: 'right' };

export function renderReplay(report: ReplayReport, { width, colour }: { width: number; colour: boolean }): string {
  const paint = painter(colour);
  const shown = report.windows.filter((window) => window.startMs <= report.lastMs);
  const ble = shown.some((window) => bleOf(window) !== undefined);
  const rows = shown.map((window) => [...rowOf(window, report.timeZone), ...(ble ? [bleCell(window)] : [])]);
  const lines = [
    ...renderTable(ble ? [...COLUMNS, BLE_COLUMN] : COLUMNS, rows, { width, paint }),
    '',
    paint('dim', 'DEVICES and PEOPLE: mean inside. PEOPLE needs a door to learn from.'),
    ...(ble ? [paint('dim', 'BLE: mean Bluetooth phones of a minute, to be compared with itself only.')] : []),
    '',
    ...report.sensors.map((sensor) => sensorLine(sensor)),
    ...report.windows.flatMap((window) => window.records).flatMap((record) => dayLine(record)),
  ];
  return `${lines.join('\n')}\n`;
}

function rowOf(window: SealedWindow, timeZone: string): Cell[] {
  const sum = (pick: (record: WindowRecord) => number | undefined): number =>
    window.records.reduce((total, record) => total + (pick(record) ?? 0), 0);
  const traffic = window.records.filter((record) => record.kind === 'traffic');
  const occupancy = window.records.find(
    (record) => record.kind === 'occupancy' && record.rev === 1 && record.window === window.ordinal,
  );
  const sightings = traffic.reduce((total, record) => total + record.sightings, 0);
  const random = traffic.reduce((total, record) => total + record.random_sightings, 0);
  const minutes = Math.max(0, ...traffic.map((record) => record.minutes));
  const present = traffic.reduce((total, record) => total + record.present_minutes, 0);
  const people = traffic.map((record) => record.people).filter((value) => value !== null);
  const hasDoor = window.records.some((record) => record.kind === 'door');
  return [
    formatTime(window.startMs, timeZone, window.startMs),
    formatCount(sightings),
    sightings === 0 ? NONE : formatPercent(random / sightings),
    formatCount(sum((record) => (record.kind === 'traffic' ? record.visits : 0))),
    formatCount(sum((record) => (record.kind === 'traffic' ? record.passers_by : 0))),
    minutes === 0 ? NONE : (present / minutes).toFixed(1),
    people.length === 0 ? NONE : people.reduce((total, value) => total + value, 0).toFixed(1),
    hasDoor ? formatCount(sum((record) => (record.kind === 'door' ? record.entries : 0))) : NONE,
    hasDoor ? formatCount(sum((record) => (record.kind === 'door' ? record.exits : 0))) : NONE,
    occupancy?.kind === 'occupancy' ? formatCount(occupancy.at_end) : NONE,
  ];
}

/** The store's record where there are several zones, else the zone's. */
function bleOf({ records }: SealedWindow): BleRecord | undefined {
  const all = records.filter((record) => record.kind === 'ble');
  return all.find(({ place }) => place === 'store') ?? all[0];
}

function bleCell(window: SealedWindow): Cell {
  const record = bleOf(window);
  if (record === undefined || record.open_minutes === 0) return NONE;
  return (record.phone_minutes / record.open_minutes).toFixed(1);
}

function sensorLine(sensor: SensorStatus): string {
  const rejected = Object.entries(sensor.rejected).map(([reason, count]) => `${formatCount(count)} ${reason}`);
  return (
    `${sensor.id} (${sensor.driver}): ${formatCount(sensor.bytes)} bytes, ${formatCount(sensor.accepted)} frames accepted, ` +
    `${rejected.length === 0 ? 'none rejected' : `rejected: ${rejected.join(', ')}`}`
  );
}

function dayLine(record: WindowRecord): string[] {
  if (record.kind !== 'day' || (record.entries === 0 && record.visits === 0 && record.passers_by === 0)) return [];
  const dwell =
    record.dwell_ms === null
      ? 'dwell unknown'
      : `dwell ${formatDuration(record.dwell_ms)} ± ${formatDuration(record.dwell_error_ms)} (Little's law)`;
  const passing =
    record.passing_people === null
      ? 'passing people uncalibrated'
      : `${formatCount(record.passing_people)} people passed`;
  return [
    `${formatDate(record.date)}: ${formatCount(record.entries)} in, ${formatCount(record.exits)} out, ${dwell}, ${passing}, ` +
      `${formatCount(record.visits)} device visits, ${formatCount(record.passers_by)} devices passed by`,
  ];
}
