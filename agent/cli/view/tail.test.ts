import { describe, expect, it } from 'vitest';
import type { TailEvent } from '../../local/tail.ts';
import { painter } from './style.ts';
import { TailView } from './tail.ts';

/** 13:12:07.042 in Prague. */
const AT = Date.UTC(2026, 2, 2, 12, 12, 7, 42);
const MINUTE = 60_000;

const EVENTS: TailEvent[] = [
  {
    kind: 'sighting',
    at_ms: AT,
    sensor: 'front-wifi',
    device: '0f3a9c11',
    random: true,
    fingerprint: 'aa00bb11',
    rssi: -67,
    channel: 6,
  },
  {
    kind: 'sighting',
    at_ms: AT + 9,
    sensor: 'front-wifi',
    device: '7d00e2f4',
    random: false,
    fingerprint: null,
    rssi: -101,
    channel: null,
  },
  {
    kind: 'ble',
    at_ms: AT + 10,
    sensor: 'front-ble',
    device: '51c0ffee',
    random: true,
    advertiser: 'phone',
    rssi: -58,
    channel: 37,
  },
  {
    kind: 'ble',
    at_ms: AT + 11,
    sensor: 'front-ble',
    device: '00beac04',
    random: false,
    advertiser: 'fixture',
    rssi: null,
    channel: null,
  },
  { kind: 'door', at_ms: AT + 1_000, sensor: 'main-door', in: 1, out: 0, total: false },
  { kind: 'door', at_ms: AT + 2_000, sensor: 'main-door', in: 10_412, out: 10_398, total: true },
  { kind: 'till', at_ms: AT + 3_000, sensor: 'till', transactions: 1 },
  {
    kind: 'window',
    at_ms: AT + 4_000,
    ordinal: 17,
    start_ms: AT - 42 - 7_000 - 12 * MINUTE,
    end_ms: AT - 42 - 7_000 + 3 * MINUTE,
    entries: 34,
    exits: null,
    visits: 12,
    passers_by: 1_088,
    sequences: [16, 17],
  },
  { kind: 'message', at_ms: AT + 4_100, direction: 'out', what: 'batch', sequences: [17], bytes: 9_812 },
  { kind: 'message', at_ms: AT + 4_200, direction: 'in', what: 'acknowledgement', sequences: [12, 17], bytes: 61 },
  { kind: 'message', at_ms: AT + 4_300, direction: 'out', what: 'state', sequences: [], bytes: 410 },
  {
    kind: 'health',
    at_ms: AT + 5_000,
    code: 'sensor_down',
    subject: 'main-door',
    change: 'began',
    message: 'unplugged',
  },
  { kind: 'health', at_ms: AT + 6_000, code: 'disk_low', subject: '', change: 'ended', message: 'there is room' },
  { kind: 'health', at_ms: AT + 7_000, code: 'daemon_stopped', subject: '', change: 'event', message: 'as asked' },
  { kind: 'dropped', at_ms: AT + 8_000, count: 12_345 },
];

function render(colour: boolean, sensors = ['front-wifi', 'main-door', 'till']): string[] {
  const view = new TailView({ timeZone: 'Europe/Prague', sensors, paint: painter(colour) });
  return EVENTS.map((event) => view.line(event));
}

describe('the lines of a tail', () => {
  it('stand in columns, in the time of the store', () => {
    expect(render(false)).toEqual([
      '13:12:07.042  sighting  front-wifi  0f3a9c11  random   -67 dBm  ch   6  aa00bb11',
      '13:12:07.051  sighting  front-wifi  7d00e2f4  global  -101 dBm  ch   –  –',
      '13:12:07.052  ble       front-ble   51c0ffee  random   -58 dBm  ch  37  phone',
      '13:12:07.053  ble       front-ble   00beac04  public     – dBm  ch   –  fixture',
      '13:12:08.042  door      main-door   in 1  out 0',
      '13:12:09.042  door      main-door   in 10,412  out 10,398  (totals)',
      '13:12:10.042  till      till        1 transaction',
      '13:12:11.042  window    13:00-13:15  in 34  out –  visits 12  passers-by 1,088  batches 16 to 17',
      '13:12:11.142  message   sent  batch 17  9.6 KiB',
      '13:12:11.242  message   received  acknowledgement of batches 12, 17  61 B',
      '13:12:11.342  message   sent  state  410 B',
      '13:12:12.042  health    main-door   began  sensor_down: unplugged',
      '13:12:13.042  health    ended  disk_low: there is room',
      '13:12:14.042  health    daemon_stopped: as asked',
      '13:12:15.042  dropped   12,345 events left out: this end was too slow to take them',
    ]);
  });

  it('say the same in colour, and each kind has its own', () => {
    const lines = render(true);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the terminal's colours
    expect(lines.map((line) => line.replace(/\u001b\[\d+m/g, ''))).toEqual(render(false));
    // The second colour of each line, behind the time's.
    const tones = lines.map((line) => line.split('\u001b[')[3]?.split('m', 1)[0]);
    expect(tones).toEqual([
      ...new Array(4).fill(undefined),
      '32',
      '32',
      '32',
      '1',
      '2',
      '2',
      '2',
      '31',
      '32',
      '1',
      '31',
    ]);
  });

  it('cut a name that is long, and let no text steer the terminal', () => {
    const name = 'a-sensor-with-a-name-beyond-any-column';
    const view = new TailView({ timeZone: 'UTC', sensors: [name], paint: painter(false) });
    const door = view.line({ kind: 'door', at_ms: AT, sensor: name, in: 1, out: 0, total: false });
    expect(door).toBe('12:12:07.042  door      a-sensor-with-a-nam…  in 1  out 0');
    const health = { kind: 'health', at_ms: AT, code: 'x', subject: '', change: 'event' } as const;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none may get through
    expect(view.line({ ...health, message: 'a\u001b[2Jb\nc' })).not.toMatch(/[\u0000-\u001f]/);
  });
});
