import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { well } from '../cli/view/samples.fixture.ts';
import type { StatusDocument } from './document.ts';
import { metricsOf } from './metrics.ts';

const DAY = 86_400_000;
const AT = well.at_ms;

/** A box with everything there is to tell. */
const full: StatusDocument = {
  ...well,
  verdict: {
    state: 'degraded',
    since_ms: AT - 9_000,
    reasons: [
      { code: 'sensor_down', subject: 'main-door', message: 'at /dev/ttyUSB0', hint: 'plug', since_ms: AT - 9_000 },
      { code: 'disk_low', subject: '', message: 'low', hint: 'make room', since_ms: AT - 500 },
    ],
  },
  buffer: { ...well.buffer, oldest_ms: AT - 60_000, hours_left: 1.5, storage_error: null },
  uplink: {
    ...well.uplink,
    lastErrorKind: 'tls',
    certificates: [
      { what: 'broker', expires_ms: AT + 90 * DAY },
      { what: 'broker', expires_ms: AT + 30 * DAY },
      { what: 'authority', expires_ms: AT + 900 * DAY },
    ],
  },
  clock: { ...well.clock, trust: 'rtc_only' },
  settings: {
    path: '/etc/footfall/footfall.yaml',
    state: 'last_good',
    loaded_ms: AT - DAY,
    mistakes: ['footfall.yaml:3:1: at sensors: expected a list'],
    restart_keys: [],
    overrides: [],
    remote: null,
  },
  disk: { path: '/var/lib/footfall', free_bytes: 5_000_000, total_bytes: 8_000_000, wear_percent: 12 },
  box: { temperature_c: 48.5, last_end: null },
};

interface Line {
  name: string;
  labels: [name: string, value: string][];
  value: number;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"';
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)\\})? (\\S+)$`, 'u');

/**
 * The text format by its own grammar (Prometheus, exposition formats, version 0.0.4): each family in one group, HELP and
 * TYPE once and in front, each series once, a newline at the end of each line.
 */
function parse(text: string): { families: Map<string, string>; lines: Line[] } {
  expect(text.endsWith('\n')).toBe(true);
  const families = new Map<string, string>();
  const lines: Line[] = [];
  const series = new Set<string>();
  let family = '';
  for (const line of text.slice(0, -1).split('\n')) {
    const help = /^# HELP (\S+) (.+)$/u.exec(line);
    const type = /^# TYPE (\S+) (counter|gauge)$/.exec(line);
    if (help) {
      family = help[1];
      expect(families.has(family), `a second group of ${family}`).toBe(false);
      families.set(family, '');
    } else if (type) {
      expect(type[1]).toBe(family);
      families.set(family, type[2]);
    } else {
      const sample = SAMPLE.exec(line);
      if (sample === null) throw new Error(`no sample: ${line}`);
      const [, name, labels = '', value] = sample;
      expect(name).toBe(family);
      expect(families.get(family)).not.toBe('');
      expect(series.has(`${name}{${labels}}`), `a second ${line}`).toBe(false);
      series.add(`${name}{${labels}}`);
      const pairs = [...labels.matchAll(/([a-zA-Z0-9_]+)="((?:[^"\\]|\\.)*)"/gu)];
      lines.push({ name, labels: pairs.map(([, label, text]) => [label, plainOf(text)]), value: Number(value) });
    }
  }
  return { families, lines };
}

function plainOf(text: string): string {
  return text.replace(/\\(["\\n])/g, (_, character: string) => (character === 'n' ? '\n' : character));
}

/** The one value with this name and labels. */
function seriesValue(text: string, name: string, labels: Record<string, string> = {}): number | undefined {
  const same = (line: Line): boolean =>
    line.name === name && JSON.stringify(line.labels) === JSON.stringify(Object.entries(labels));
  return parse(text).lines.find(same)?.value;
}

function expectWellFormed(text: string): void {
  const { families, lines } = parse(text);
  for (const { name, value } of lines) {
    expect(Number.isFinite(value), name).toBe(true);
    expect(name.endsWith('_total'), name).toBe(families.get(name) === 'counter');
    if (families.get(name) === 'counter') expect(value, name).toBeGreaterThanOrEqual(0);
  }
}

describe('the metrics', () => {
  it('keep to the format, for a box with everything and for one that has yet to see anything', () => {
    expectWellFormed(metricsOf(full));
    const empty: StatusDocument = {
      ...full,
      verdict: { ...full.verdict, reasons: [] },
      sensors: [],
      uplink: { ...full.uplink, certificates: [], lastErrorKind: null },
    };
    expectWellFormed(metricsOf(empty));
    expect(metricsOf(empty)).not.toContain('sensor_');
  });

  it('tell the figures in base units', () => {
    const text = metricsOf(full);
    const value = (name: string, labels: Record<string, string> = {}) => seriesValue(text, `footfall_${name}`, labels);
    expect(value('up')).toBe(1);
    expect(value('verdict', { state: 'degraded' })).toBe(1);
    expect(value('verdict', { state: 'counting' })).toBe(0);
    expect(value('reason', { code: 'sensor_down', subject: 'main-door' })).toBe(1);
    expect(value('reason_since_timestamp_seconds', { code: 'disk_low', subject: '' })).toBe((AT - 500) / 1_000);
    expect(value('sensor_frames_accepted_total', { sensor: 'front-wifi' })).toBe(98_231);
    expect(value('sensor_frames_rejected_total', { sensor: 'front-wifi', reason: 'format' })).toBe(132);
    expect(value('sensor_state', { sensor: 'main-door', state: 'up' })).toBe(1);
    expect(value('today_entries')).toBe(412);
    const busy = metricsOf({ ...full, today: { ...full.today, ble_now: { phones: 12, fixtures: 3, others: 0 } } });
    expect(seriesValue(busy, 'footfall_ble_advertisers', { advertiser: 'phone' })).toBe(12);
    expect(seriesValue(busy, 'footfall_ble_advertisers', { advertiser: 'fixture' })).toBe(3);
    expect(seriesValue(busy, 'footfall_ble_advertisers', { advertiser: 'other' })).toBe(0);
    // No sensor of Bluetooth is not a Bluetooth that hears nobody.
    expect(text).not.toContain('footfall_ble_advertisers');
    expectWellFormed(busy);
    expect(value('outbox_time_left_seconds')).toBe(5_400);
    expect(value('outbox_oldest_timestamp_seconds')).toBe((AT - 60_000) / 1_000);
    expect(value('uplink_connected')).toBe(1);
    expect(value('uplink_error', { kind: 'tls' })).toBe(1);
    expect(value('disk_wear_ratio')).toBe(0.12);
    expect(value('temperature_celsius')).toBe(48.5);
    expect(value('clock_trust', { trust: 'rtc_only' })).toBe(1);
    expect(value('settings', { state: 'last_good' })).toBe(1);
    expect(value('settings_mistakes')).toBe(1);
    expect(value('uptime_seconds')).toBe((full.at_ms - full.started_ms) / 1_000);
    // Of several certificates the one that ends first is the one to know.
    const expiry = value('uplink_certificate_expiry_timestamp_seconds', { what: 'broker' });
    expect(expiry).toBe((AT + 30 * DAY) / 1_000);
  });

  it('leave out what is not known, and the uplink where nothing is to be sent', () => {
    const unknown: StatusDocument = {
      ...full,
      today: { ...full.today, entries: null, entry_rate: null, dwell_ms: null },
      buffer: { ...full.buffer, hours_left: null, oldest_ms: null, last_commit_ms: null, oldest_sequence: null },
      uplink: { ...full.uplink, url: '', phase: 'off' },
      disk: { ...full.disk, free_bytes: null, total_bytes: null, wear_percent: null },
      box: { ...full.box, temperature_c: null },
      sensors: full.sensors.map((sensor) => ({ ...sensor, last_frame_ms: null })),
    };
    const { families } = parse(metricsOf(unknown));
    const gone = [...parse(metricsOf(full)).families.keys()].filter((name) => !families.has(name));
    expect(gone.map((name) => name.slice('footfall_'.length)).filter((name) => !name.startsWith('uplink_'))).toEqual([
      'sensor_last_frame_timestamp_seconds',
      'today_entries',
      'today_entry_ratio',
      'today_dwell_seconds',
      'outbox_oldest_sequence',
      'outbox_oldest_timestamp_seconds',
      'outbox_time_left_seconds',
      'last_commit_timestamp_seconds',
      'disk_free_bytes',
      'disk_size_bytes',
      'disk_wear_ratio',
      'temperature_celsius',
    ]);
    expect(metricsOf(unknown)).not.toContain('footfall_uplink_');
  });

  it('tell no port and no message, which can hold an address', () => {
    const port = '/dev/serial/by-id/usb-Espressif_JTAG_34:85:18:AB:CD:EF-if00';
    const text = metricsOf({
      ...full,
      sensors: full.sensors.map((sensor) => ({ ...sensor, port, detail: `cannot open ${port}` })),
      verdict: { ...full.verdict, reasons: full.verdict.reasons.map((reason) => ({ ...reason, message: port })) },
    });
    expect(text).not.toContain('34:85:18');
  });

  it('keep to the format whatever the names are, and however often they come', () => {
    const word = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('a', 'a"b', 'a\\', '\n', '\\n', '{}', ''));
    const count = fc.oneof(fc.nat(), fc.constantFrom(Number.MAX_SAFE_INTEGER, 1e21, NaN, Infinity));
    const reason = fc.record({ code: word, subject: word, since_ms: fc.nat() });
    const sensor = fc.record({ id: word, place: word, accepted: count, rejected: fc.dictionary(word, count) });
    fc.assert(
      fc.property(word, fc.array(reason), fc.array(sensor), (version, reasons, sensors) => {
        const text = metricsOf({
          ...full,
          version,
          verdict: { ...full.verdict, reasons: reasons.map((each) => ({ ...each, message: '', hint: '' })) },
          sensors: sensors.map((each) => ({ ...full.sensors[0], ...each })),
        });
        expectWellFormed(text);
        // What went in comes out of a reader that keeps to the grammar.
        const { lines } = parse(text);
        const told = lines.find(({ name }) => name === 'footfall_build_info');
        expect(told?.labels).toEqual([['version', version]]);
        for (const { code, subject } of reasons) {
          const labels = [
            ['code', code],
            ['subject', subject],
          ];
          expect(lines.filter((line) => line.name === 'footfall_reason').map((line) => line.labels)).toContainEqual(
            labels,
          );
        }
      }),
    );
  });

  it('tell what was dropped, what the collector asked for, and how long storage and memory last', () => {
    const { buffer, uplink } = well;
    const text = metricsOf({
      ...well,
      buffer: {
        ...buffer,
        dropped: 14,
        dropped_untold: { buffer_full: 9, operator: 2 },
        memory_hours_left: 3,
        epoch_origin: 'damaged',
        set_aside: [{ path: '/secret/place', bytes: 1, at_ms: 1, found: 'a torn page' }],
      },
      uplink: { ...uplink, pausedUntil: 5_000, ignoredAcks: { ...uplink.ignoredAcks, malformed: 7 } },
    });
    for (const line of [
      'footfall_outbox_bound_bytes 268435456',
      'footfall_outbox_dropped_batches_total 14',
      'footfall_outbox_dropped_untold_batches{reason="buffer_full"} 9',
      'footfall_outbox_dropped_untold_batches{reason="operator"} 2',
      'footfall_memory_time_left_seconds 10800',
      'footfall_set_aside_databases 1',
      'footfall_epoch_origin{origin="damaged"} 1',
      'footfall_epoch_origin{origin="kept"} 0',
      'footfall_uplink_paused_until_timestamp_seconds 5',
      'footfall_uplink_ignored_acknowledgements_total{reason="malformed"} 7',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    expect(text).not.toMatch(/secret|torn/);
    expect(metricsOf(well)).not.toMatch(/memory_time_left_seconds \d|paused_until\w* \d/);
  });
});
