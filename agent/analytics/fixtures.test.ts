import { describe, expect, it } from 'vitest';
import { DeviceTable } from './devices.ts';
import { beat, nightPresence } from './fixtures.ts';
import { MINUTE } from './fold.testing.ts';

/** Minutes until bursts with these gaps (seconds, repeated) are known as a metronome; null when they never are. */
function minutesToKnow(gaps: readonly number[]): number | null {
  const table = new DeviceTable();
  const slot = table.insert(1, 1, 1);
  let time = 1_000_000;
  for (let burst = 0; burst < 400; burst++) {
    if (beat(table.columns, slot, time)) return (time - 1_000_000) / MINUTE;
    time += gaps[burst % gaps.length] * 1000;
  }
  return null;
}

describe('metronome', () => {
  it('finds steady bursts after eight minutes, also with some lost or late', () => {
    expect(minutesToKnow([60])).toBeGreaterThanOrEqual(8);
    expect(minutesToKnow([60])).toBeLessThan(10);
    expect(minutesToKnow([120, 118, 240, 121, 123, 360])).toBeLessThan(40);
  });

  it('leaves phones alone: irregular, too quick, too rare', () => {
    expect(minutesToKnow([17, 140, 33, 410, 61, 95, 250, 8, 300, 45, 180])).toBeNull();
    expect(minutesToKnow([10])).toBeNull();
    expect(minutesToKnow([3601])).toBeNull();
  });
});

describe('night', () => {
  it('needs three different slots of five minutes', () => {
    const table = new DeviceTable();
    const slot = table.insert(1, 1, 1);
    expect(nightPresence(table.columns, slot, 5 * MINUTE)).toBe(false);
    for (let second = 0; second < 299; second += 10) {
      expect(nightPresence(table.columns, slot, 5 * MINUTE + second * 1000)).toBe(false);
    }
    expect(nightPresence(table.columns, slot, 10 * MINUTE)).toBe(false);
    expect(nightPresence(table.columns, slot, 20 * MINUTE)).toBe(true);
  });
});
