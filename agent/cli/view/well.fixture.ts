/** The status document of a well box, and its sensors, for tests. */
import type { SensorStatus, StatusDocument } from '../../local/document.ts';

/** 2026-03-02 13:12:07 in Prague, a Monday. */
export const AT = Date.UTC(2026, 2, 2, 12, 12, 7);
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const MIB = 1024 * 1024;

export const wifi: SensorStatus = {
  id: 'front-wifi',
  driver: 'wifi-pcap',
  port: '/dev/serial/by-id/usb-front',
  place: 'shop',
  role: 'zone',
  state: 'up',
  since_ms: AT - 4 * HOUR,
  detail: null,
  last_frame_ms: AT - 1_200,
  per_minute: 412,
  bytes: 31_203_112,
  accepted: 98_231,
  rejected: { noise: 12, format: 132, range: 0, oversize: 0, truncated: 1, checksum: 0, unsupported: 0, missing: 0 },
};
export const door: SensorStatus = {
  ...wifi,
  id: 'main-door',
  driver: 'door-lines',
  port: '/dev/serial/by-id/usb-door',
  place: 'main',
  role: 'door',
  last_frame_ms: AT - 4_000,
  per_minute: 6,
  bytes: 90_112,
  accepted: 1_402,
  rejected: {},
};
export const till: SensorStatus = {
  ...door,
  id: 'till',
  place: 'till',
  role: 'transactions',
  last_frame_ms: AT - 3 * MINUTE,
  per_minute: 0,
};

const entries = [0, 0, 0, 0, 0, 0, 0, 0, 0, 61, 74, 88, 142, 47, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const inside = [null, null, null, null, null, null, null, null, 0, 6.4, 11.2, 12.9, 21.6, 14.3];

export const well: StatusDocument = {
  v: 1,
  version: '0.1.0',
  tenant: 'acme',
  gateway: 'gw-12',
  store: 'shop-12',
  time_zone: 'Europe/Prague',
  at_ms: AT,
  started_ms: AT - 4 * HOUR - 14 * MINUTE,
  verdict: { state: 'counting', since_ms: AT - 4 * HOUR - 14 * MINUTE, reasons: [] },
  sensors: [wifi, door, till],
  today: {
    date: '2026-03-02',
    entries: 412,
    exits: 398,
    occupancy: 14,
    people: 13,
    visits: 263,
    passers_by: 2_941,
    passing_people: 5_213,
    passing_state: 'calibrated',
    entry_rate: 412 / 5_213,
    device_entry_rate: 263 / 3_204,
    dwell_ms: 12 * MINUTE + 30_000,
    dwell_p50_ms: 9 * MINUTE + 4_000,
    dwell_visits: 23,
    transactions: 31,
    ble_now: null,
    hours: entries.map((count, hour) => ({
      entries: count,
      visits: Math.round(count * 0.6),
      passers_by: count * 7,
      inside: inside[hour] ?? null,
    })),
  },
  window: { ordinal: 17, start_ms: AT - 12 * MINUTE - 7_000, end_ms: AT + 3 * MINUTE - 7_000 },
  buffer: {
    epoch: '0123456789abcdef',
    held: 1,
    held_bytes: 9_812,
    oldest_sequence: 16,
    sealed_through: 16,
    dead_letters: 0,
    database_bytes: 12_713_984,
    uncommitted: 37,
    oldest_ms: AT - 12 * MINUTE,
    bound_bytes: 256 * MIB,
    hours_left: 76.4,
    dropped: 0,
    dropped_untold: {},
    last_commit_ms: AT - 2_100,
    storage_error: null,
    memory_hours_left: null,
    epoch_origin: 'kept',
    set_aside: [],
  },
  uplink: {
    phase: 'connected',
    since: AT - 2 * HOUR - 5 * MINUTE,
    protocol: 5,
    lastError: null,
    lastErrorKind: null,
    certificates: [
      { what: 'broker', expires_ms: AT + 84 * DAY + HOUR },
      { what: 'authority', expires_ms: AT + 3_000 * DAY },
    ],
    lastAcknowledgedAt: AT - 12 * MINUTE,
    lastPublishedAt: AT - 12 * MINUTE,
    inFlight: 0,
    published: 16,
    acknowledged: 15,
    rejected: 0,
    resent: 0,
    pausedUntil: null,
    ignoredAcks: { retained: 0, empty: 0, oversized: 0, malformed: 0, other_epoch: 0, not_sent: 0 },
    url: 'mqtts://broker.example:8883',
  },
  clock: { virtual: false, key: 'kept', trust: 'synchronised' },
  settings: {
    path: '/etc/footfall/footfall.yaml',
    state: 'current',
    loaded_ms: AT - 4 * HOUR - 14 * MINUTE,
    mistakes: [],
    restart_keys: [],
    overrides: [],
    remote: null,
  },
  disk: { path: '/var/lib/footfall', free_bytes: 12_300 * MIB, total_bytes: 29_000 * MIB, wear_percent: 10 },
  box: {
    temperature_c: 54.3,
    last_end: { how: 'stopped', at_ms: AT - 4 * HOUR - 15 * MINUTE, message: 'Stopped by SIGTERM.', hint: '' },
  },
  process: { pid: 812, rss_bytes: 88_080_384, heap_bytes: 21_000_000, ordinal: 99_701, longest_stall_ms: 12 },
};
