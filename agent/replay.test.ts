import { describe, expect, it } from 'vitest';
import type { Parameters } from './analytics/parameters.ts';
import type { SealedWindow } from './analytics/records.ts';
import { Replay } from './replay.ts';

const START = Date.UTC(2026, 2, 2, 9, 0, 0);
const MINUTE = 60_000;

const PARAMETERS: Parameters = {
  id: 'p',
  store: 'shop',
  timeZone: 'UTC',
  hours: { week: Array.from({ length: 7 }, (): [number, number][] => [[540, 1200]]), exceptions: {} },
  windowMinutes: 15,
  graceMs: 10_000,
  visitGapMs: 300_000,
  passingSeconds: 20,
  sensors: [
    { index: 0, id: 'door', driver: 'door-lines', role: 'door', place: 'main', gateDbm: -70, swap: false },
    { index: 1, id: 'wifi', driver: 'wifi-lines', role: 'zone', place: 'floor', gateDbm: -70, swap: false },
  ],
};

async function replay(chunks: [number, string, string][]) {
  const windows: SealedWindow[] = [];
  const run = new Replay({ parameters: PARAMETERS, startMs: START, sealed: (window) => void windows.push(window) });
  for (const [after, sensor, text] of chunks) {
    await run.advanceTo(START + after);
    run.deliver(sensor, Buffer.from(text));
  }
  const during = windows.length;
  await run.finish();
  return { windows, during, run };
}

const coverageOfDoor = ({ records }: SealedWindow) =>
  records.filter((record) => record.kind === 'coverage').find(({ place }) => place === 'door');

describe('a replay', () => {
  it('counts each chunk at its own time, and seals every window once', async () => {
    const { windows, during } = await replay([
      [1_000, 'door', '++\n'],
      [16 * MINUTE, 'door', '+'],
      [17 * MINUTE, 'door', '\n-\n'],
    ]);
    expect(during).toBe(1);
    expect(windows.map(({ ordinal }) => ordinal)).toEqual(windows.map((_, index) => index + 1));
    const doors = windows.slice(0, 3).map(({ records }) => records.find((record) => record.kind === 'door'));
    expect(doors).toMatchObject([
      { start_ms: START, entries: 2, exits: 0 },
      { start_ms: START + 15 * MINUTE, entries: 1, exits: 1 },
      { entries: 0, exits: 0 },
    ]);
  });

  it('settles the day at its end', async () => {
    const { windows } = await replay([
      [1_000, 'door', '++\n'],
      [20 * MINUTE, 'door', '--\n'],
    ]);
    const days = windows.flatMap(({ records }) => records).filter((record) => record.kind === 'day');
    expect(days[0]).toMatchObject({
      date: '2026-03-02',
      entries: 2,
      exits: 2,
      drift: 0,
      dwell_ms: 20 * MINUTE - 1_000,
    });
  });

  it('tells bytes, frames and rejections in the window they came in', async () => {
    const { windows } = await replay([[MINUTE, 'door', '+\nnoise\n']]);
    const [first, second] = windows.map(coverageOfDoor);
    expect(first).toMatchObject({ covered_ms: 15 * MINUTE, bytes: 8, accepted: 1, rejected: { noise: 1 } });
    expect(second).toMatchObject({ bytes: 0, accepted: 0, rejected: {} });
  });

  it('covers a window up to the moment the sensor fell silent, no second less', async () => {
    const { windows } = await replay([[MINUTE, 'door', '+\n']]);
    // Silent a quarter of an hour after its one frame: one minute into the second window.
    expect(windows.slice(0, 3).map((window) => coverageOfDoor(window)?.covered_ms)).toEqual([15 * MINUTE, MINUTE, 0]);
  });

  it('ignores bytes of a sensor that it does not have', async () => {
    const { run } = await replay([[MINUTE, 'nobody', '+\n']]);
    expect(run.station.sensors.map((sensor) => sensor.status().bytes)).toEqual([0, 0]);
  });

  it('gives the same windows each time, though its key is another', async () => {
    const chunks: [number, string, string][] = [
      [1_000, 'door', '+\n'],
      [40 * MINUTE, 'door', '-\n'],
    ];
    expect((await replay(chunks)).windows).toEqual((await replay(chunks)).windows);
  });
});
