import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCounts } from '../../../drivers/counts.ts';
import type { SensorSettings } from '../../settings/settings.ts';
import { renderTest, testLine } from '../view/sensor-test.ts';
import type { LiveCounts } from './live.ts';
import { adviceOfSilence, meaningOf } from './test-meaning.ts';
import { TestTally } from './test-tally.ts';

const START = Date.UTC(2026, 2, 2, 9);

function sensorOf(more: Partial<SensorSettings> = {}): SensorSettings {
  return {
    ...{ id: 'front', driver: 'wifi-lines', line: 'serial', port: '/dev/ttyUSB0', baud: 115_200, role: 'zone' },
    ...{ place: 'shop', gateDbm: -70, swap: false, silentMinutes: 15, options: {} },
    ...more,
  } as SensorSettings;
}

function countsOf(more: Partial<LiveCounts> = {}): LiveCounts {
  return { state: 'up', detail: null, bytes: 500, accepted: 20, rejected: {}, dropped: 0, ...more };
}

function sighting(rssi: number, device = 'a') {
  return {
    ...({ kind: 'sighting', at_ms: START, sensor: 'front', random: true, fingerprint: null } as const),
    ...{ device, rssi, channel: 6 },
  };
}

describe('the test of a sensor', () => {
  it('tells rates, the age of the last reading and how strong devices are', () => {
    const tally = new TestTally(sensorOf(), START);
    for (let dbm = 1; dbm <= 100; dbm++) tally.take(sighting(-dbm, String(dbm % 7)), START + 1_000);
    const summary = tally.summary(countsOf(), 'line', START + 5_000);
    expect(summary).toMatchObject({ verdict: 'good', frames_per_second: 4, readings_per_second: 20, devices: 7 });
    expect(summary.last_reading_age_ms).toBe(4_000);
    expect(summary.rssi).toEqual({
      ...{ count: 100, weakest: -100, p10: -90, median: -50, p90: -10, strongest: -1 },
      above_gate: 0.69,
    });
  });

  it('knows no strength of a format without RSSI', () => {
    const tally = new TestTally(sensorOf(), START);
    tally.take(sighting(-128), START);
    expect(tally.summary(countsOf(), 'line', START + 1)).toMatchObject({ readings: 1, rssi: null });
  });

  it('has the rates of the last seconds while it runs', () => {
    const tally = new TestTally(sensorOf(), START);
    for (let second = 1; second <= 20; second++) {
      const accepted = Math.min(second, 10) * 30;
      const { frames_per_second: rate } = tally.summary(
        countsOf({ accepted }),
        'line',
        START + second * 1_000,
        'recent',
      );
      if (second === 10) expect(rate).toBe(30);
      if (second === 20) expect(rate).toBe(0);
    }
  });

  it('tells people through a door and sales at a till', () => {
    const door = new TestTally(sensorOf({ driver: 'door-lines', role: 'door' }), START);
    const totals = (entered: number) =>
      ({ kind: 'door', at_ms: START, sensor: 'x', in: entered, out: 1, total: true }) as const;
    door.take(totals(7), START);
    door.take(totals(9), START);
    expect(door.summary(countsOf(), 'daemon', START + 1)).toMatchObject({
      door: { in: 2, out: 0, total_in: 9, total_out: 1, restarts: 0 },
      ...{ rssi: null, devices: null, gate_dbm: null, transactions: null },
    });
    const till = new TestTally(sensorOf({ driver: 'door-lines', role: 'transactions' }), START);
    till.take({ kind: 'till', at_ms: START, sensor: 'x', transactions: 3 }, START);
    expect(till.summary(countsOf(), 'line', START + 1)).toMatchObject({ transactions: 3, door: null });
  });

  it('is bad with nothing heard, more rejected than taken, or the line down', () => {
    const judged = (counts: Partial<LiveCounts>, more: Partial<SensorSettings> = {}) =>
      new TestTally(sensorOf(more), START).summary(countsOf(counts), 'line', START + 1);
    expect(judged({ accepted: 0, bytes: 0 })).toMatchObject({ verdict: 'silent', message: 'nothing was heard' });
    expect(judged({ accepted: 0, bytes: 0 }, { driver: 'door-contact', line: 'contact', role: 'door' }).hint).toMatch(
      /walk through the door/,
    );
    const wired = judged({ rejected: { checksum: 15, noise: 6 } });
    expect(wired).toMatchObject({ verdict: 'rejected', message: expect.stringContaining('checksum') });
    expect(wired.hint).toMatch(/termination/);
    expect(judged({ rejected: { noise: 20 } }).verdict).toBe('good');
    expect(judged({ state: 'down', detail: 'no such device' })).toMatchObject({
      verdict: 'down',
      message: 'the line is down: no such device',
    });
  });

  it('has words for every reason a decoder knows, and advice for every kind of sensor', () => {
    for (const reason of Object.keys(createCounts().rejected)) {
      expect(meaningOf(reason).meaning).not.toBe(reason);
    }
    expect(adviceOfSilence(sensorOf({ driver: 'door-modbus', role: 'door' }), 0)).toMatch(/unit address/);
    expect(adviceOfSilence(sensorOf(), 900)).toMatch(/sensors detect/);
  });

  it('fits the screen whatever it is', () => {
    const reasons = Object.keys(createCounts().rejected);
    const counts = fc.record({
      state: fc.constantFrom<LiveCounts['state'][]>('up', 'silent', 'down'),
      detail: fc.option(fc.lorem({ maxCount: 30 })),
      bytes: fc.nat(),
      accepted: fc.nat(),
      rejected: fc.dictionary(fc.constantFrom(...reasons), fc.nat()),
      dropped: fc.nat(),
    });
    const strengths = fc.array(fc.integer({ min: -128, max: 20 }), { maxLength: 50 });
    fc.assert(
      fc.property(counts, strengths, fc.integer({ min: 72, max: 120 }), (given, heard, width) => {
        const tally = new TestTally(sensorOf(), START);
        for (const rssi of heard) tally.take(sighting(rssi), START);
        const summary = tally.summary(given, 'daemon', START + 60_000);
        const screen = renderTest(summary, { width, colour: false });
        expect(screen.split('\n').filter((line) => line.length > width)).toEqual([]);
        expect(testLine(summary)).not.toContain('\n');
        const { rssi } = summary;
        if (rssi === null) return;
        const ordered = [rssi.weakest, rssi.p10, rssi.median, rssi.p90, rssi.strongest];
        expect(ordered).toEqual(ordered.toSorted((one, other) => one - other));
      }),
    );
  });
});
