/** Status documents for the tests of the view: a well box, a degraded one, one that does not count. */
import type { SensorStatus, StatusDocument } from '../../local/document.ts';

/** 2026-03-02 13:12:07 in Prague, a Monday. */
const AT = Date.UTC(2026, 2, 2, 12, 12, 7);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const wifi: SensorStatus = {
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
const door: SensorStatus = {
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
const till: SensorStatus = {
  ...door,
  id: 'till',
  place: 'till',
  role: 'transactions',
  last_frame_ms: AT - 3 * MINUTE,
  per_minute: 0,
};

const entries = [0, 0, 0, 0, 0, 0, 0, 0, 0, 61, 74, 88, 142, 47, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

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
    hours: entries.map((count) => ({ entries: count, visits: Math.round(count * 0.6), passers_by: count * 7 })),
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
    last_commit_ms: AT - 2_100,
    storage_error: null,
  },
  uplink: {
    phase: 'connected',
    since: AT - 2 * HOUR - 5 * MINUTE,
    protocol: 5,
    lastError: null,
    lastAcknowledgedAt: AT - 12 * MINUTE,
    lastPublishedAt: AT - 12 * MINUTE,
    inFlight: 0,
    published: 16,
    acknowledged: 15,
    rejected: 0,
    resent: 0,
    url: 'mqtts://broker.example:8883',
  },
  clock: { virtual: false, key: 'kept' },
  process: { pid: 812, rss_bytes: 88_080_384, heap_bytes: 21_000_000, ordinal: 99_701, longest_stall_ms: 12 },
};

export const degraded: StatusDocument = {
  ...well,
  verdict: {
    state: 'degraded',
    since_ms: AT - 26 * HOUR,
    reasons: [
      {
        code: 'sensor_down',
        message: 'main-door: expected a port at /dev/serial/by-id/usb-door, found no such file.',
        hint: 'Check the plug and the cable of /dev/serial/by-id/usb-door; it is tried again by itself.',
        since_ms: AT - 12 * MINUTE,
      },
      {
        code: 'uplink_unacknowledged',
        message: 'Connected, but the collector acknowledges nothing.',
        hint: 'Batches are kept. Check that the collector runs, and that the broker lets this gateway publish and subscribe.',
        since_ms: AT - 26 * HOUR,
      },
    ],
  },
  sensors: [
    { ...wifi, state: 'silent', since_ms: AT - 22 * MINUTE, last_frame_ms: AT - 22 * MINUTE, per_minute: 0 },
    { ...door, state: 'down', since_ms: AT - 12 * MINUTE, detail: 'no such file', last_frame_ms: null, per_minute: 0 },
    {
      ...till,
      id: '收银台-second-floor-left-hand-side-by-the-window',
      rejected: { checksum: 41_233, truncated: 9, noise: 3 },
    },
  ],
  today: {
    ...well.today,
    entries: null,
    exits: null,
    occupancy: null,
    people: 11,
    passing_people: null,
    passing_state: 'uncalibrated',
    entry_rate: null,
    dwell_ms: null,
    dwell_p50_ms: null,
    dwell_visits: 0,
    transactions: null,
  },
  buffer: {
    ...well.buffer,
    held: 104,
    held_bytes: 1_312_000,
    oldest_sequence: 3,
    sealed_through: 106,
    dead_letters: 2,
  },
  uplink: {
    ...well.uplink,
    since: AT - 26 * HOUR,
    protocol: 4,
    lastAcknowledgedAt: null,
    inFlight: 16,
    acknowledged: 0,
  },
  clock: { virtual: true, key: 'not_tmpfs' },
};

export const notCounting: StatusDocument = {
  ...well,
  verdict: {
    state: 'not_counting',
    since_ms: AT - 3 * MINUTE,
    reasons: ['front-wifi', 'main-door', 'till', 'back-door', 'side-door'].map((id) => ({
      code: 'sensor_down',
      message: `${id}: the line was hung up\u001b[2J.`,
      hint: 'Check the plug and the cable; it is tried again by itself.',
      since_ms: AT - 3 * MINUTE,
    })),
  },
  sensors: [wifi, door, till].map((sensor) => ({
    ...sensor,
    state: 'down',
    since_ms: AT - 3 * MINUTE,
    last_frame_ms: AT - 3 * MINUTE,
    per_minute: 0,
  })),
  buffer: { ...well.buffer, storage_error: 'database or disk is full', last_commit_ms: null },
  uplink: {
    ...well.uplink,
    phase: 'waiting',
    since: AT - 40_000,
    protocol: null,
    lastError: 'connection refused by broker.example:8883',
    lastAcknowledgedAt: AT - 2 * HOUR,
  },
  clock: { virtual: false, key: 'made' },
};
