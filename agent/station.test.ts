import { createSecretKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { HOUR, MINUTE, parametersOf } from './analytics/fold.testing.ts';
import { Fold } from './analytics/fold.ts';
import { Intake } from './intake.ts';
import { Boundary } from './privacy/boundary.ts';
import { Station } from './station.ts';

/** A store in UTC that closes at 20:00. */
const PARAMETERS = parametersOf({ timeZone: 'UTC' });
const NOON = Date.UTC(2026, 2, 2, 12);
const YEARS = 12 * 365 * 24 * HOUR;

function bench(startMs: number) {
  const key = createSecretKey(Buffer.alloc(32, 7));
  const intake = new Intake(Fold.start(PARAMETERS, startMs), new Boundary({ key }), () => undefined);
  let keys = 0;
  const station = new Station(intake, [], () => ({ key, id: ++keys }), startMs);
  const correct = (ms: number): void => intake.correctClock('synchronised', { delta_ms: ms, restarted: false });
  return { station, correct, keys: () => keys };
}

describe("the day's key", () => {
  it('is changed at closing time, once', () => {
    const { station, keys } = bench(NOON);
    for (let ms = 0; ms <= 9 * HOUR; ms += MINUTE) {
      station.tick(NOON + ms);
      expect(keys()).toBe(ms >= 8 * HOUR ? 1 : 0);
    }
  });

  it.each([-YEARS, YEARS])('is changed at the closing time of a clock that was corrected by %d ms', (ms) => {
    const { station, correct, keys } = bench(NOON - ms);
    station.tick(NOON - ms);
    correct(ms);
    const first = NOON - ms + MINUTE;
    station.tick(first);
    // A closing time that the correction passed over is over too.
    const passed = ms > 0 ? 1 : 0;
    expect(keys()).toBe(passed);
    station.tick(first + 7 * HOUR);
    expect(keys()).toBe(passed);
    station.tick(first + 8 * HOUR);
    expect(keys()).toBe(passed + 1);
  });
});
