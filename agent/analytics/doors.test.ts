import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CounterReading, type CounterState, counterDifference } from './doors.ts';

const last: CounterReading = { entered: 100, left: 90, boot: 7, time: 0, width: 16, driver: 'test' };
const now: CounterReading = { ...last, time: 10_000 };
const unknownBoot = { ...last, boot: 0 };
const nothing = { entered: 0, left: 0, setAside: 0, reset: false, silentFrom: null };

describe('counterDifference', () => {
  it('takes the first reading as the base line, and so the first of another width or driver', () => {
    expect(counterDifference(undefined, now)).toEqual(nothing);
    expect(counterDifference(last, { ...now, entered: 105, width: 24 })).toEqual(nothing);
    expect(counterDifference(last, { ...now, entered: 3, left: 2, driver: 'other' })).toEqual(nothing);
    const { width: _width, driver: _driver, ...oldest } = last;
    expect(counterDifference(oldest, { ...now, entered: 105 })).toMatchObject({ entered: 5 });
  });

  it('takes the difference, and tells of one over a silence since when', () => {
    const next = { ...now, entered: 103, left: 91 };
    expect(counterDifference(last, next)).toEqual({ ...nothing, entered: 3, left: 1 });
    expect(counterDifference(last, { ...next, time: 60_000 })).toMatchObject({ silentFrom: null });
    expect(counterDifference({ ...last, time: 5 }, { ...next, time: 60_006 })).toMatchObject({ silentFrom: 5 });
  });

  it.each([
    [16, 65_530],
    [24, 16_777_210],
    [32, 4_294_967_290],
  ])('rolls over from the top of a range of %i bits only, the other direction going on', (width, top) => {
    const before = { ...unknownBoot, width, entered: top };
    const after = { ...now, boot: 0, width, entered: 4 };
    expect(counterDifference(before, after)).toMatchObject({ entered: 10, left: 0, reset: false });
    expect(counterDifference(before, { ...after, left: 93 })).toMatchObject({ entered: 10, left: 3, reset: false });
    const middle = counterDifference({ ...before, entered: 30_000 }, { ...after, left: 2 });
    expect(middle).toMatchObject({ entered: 4, left: 2, reset: true });
    const restarted = counterDifference(before, { ...after, left: 2 });
    expect(restarted).toMatchObject({ entered: 4, left: 2, reset: true, setAside: 0 });
  });

  it('takes a fall from the top for a restart where a roll-over would be a crowd beyond all measure', () => {
    const before = { ...unknownBoot, entered: 60_000, left: 61_000 };
    const restarted = counterDifference(before, { ...now, boot: 0, entered: 3, left: 1 });
    expect(restarted).toEqual({ ...nothing, entered: 3, left: 1, reset: true });
  });

  it('counts a total that was set back alone, the other one going on', () => {
    const before = { ...unknownBoot, entered: 30_000, left: 5_000 };
    const set = counterDifference(before, { ...now, boot: 0, entered: 1, left: 5_002 });
    expect(set).toEqual({ ...nothing, entered: 1, left: 2, reset: true });
  });

  it('counts both totals anew after another boot, even where they rose', () => {
    const rebooted = counterDifference(last, { ...now, entered: 12, left: 9, boot: 8, time: 60_000 });
    expect(rebooted).toMatchObject({ entered: 12, left: 9, reset: true });
    expect(counterDifference({ ...last, entered: 1 }, { ...now, entered: 5, boot: 8 })).toMatchObject({ entered: 5 });
    // A format that begins to tell its boots has told of no restart.
    expect(counterDifference(unknownBoot, { ...now, entered: 105 })).toMatchObject({ entered: 5, reset: false });
  });

  it('sets an implausible jump of one direction aside and keeps the other', () => {
    // 10 s allow 5 * 10 + 20 people.
    expect(counterDifference(last, { ...now, entered: 170, left: 91 })).toMatchObject({ entered: 70, left: 1 });
    const jump = counterDifference(last, { ...now, entered: 171, left: 91 });
    expect(jump).toMatchObject({ entered: 0, left: 1, setAside: 71 });
  });

  it('takes nothing from a reading out of order, before or after a roll-over', () => {
    const newest = { ...last, time: 10_000 };
    expect(counterDifference(newest, { ...last, entered: 99, time: 9_999 })).toBeNull();
    expect(counterDifference({ ...newest, entered: 3 }, { ...last, entered: 65_534, time: 9_999 })).toBeNull();
    // What is ahead counts, wherever its clock says it is.
    expect(counterDifference(newest, { ...last, entered: 102, time: 9_999 })).toMatchObject({ entered: 2 });
  });
});

/** What happens between two reports that come through: each a report of the sensor that may be lost. */
const step = fc.record({
  entered: fc.integer({ min: 0, max: 12 }),
  left: fc.integer({ min: 0, max: 12 }),
  /** The sensor restarts before these people. */
  restarts: fc.boolean(),
  lost: fc.boolean(),
  /** Time enough for so many people, and up to a night without power. */
  afterMs: fc.oneof(fc.integer({ min: 2400, max: 120_000 }), fc.constant(12 * 3_600_000)),
});
const steps = (restarts: boolean) =>
  fc.array(
    step.map((one) => ({ ...one, restarts: restarts && one.restarts })),
    { minLength: 1, maxLength: 80 },
  );
const width = fc.constantFrom(16, 24, 32);
/** Where the totals stand at first: so far below the top of the range, or below its middle. */
const start = fc.record({ entered: fc.nat(200), left: fc.nat(200), middle: fc.boolean() });

interface Sum {
  counted: number;
  setAside: number;
  resets: number;
}

/** A sensor with these totals, and what the rule makes of its reports. `forgotten` counts people of whom no report told. */
function play(
  history: (typeof step extends fc.Arbitrary<infer S> ? S : never)[],
  bits: number,
  from: { entered: number; left: number; middle: boolean },
  boots: boolean,
) {
  const range = 2 ** bits;
  const top = from.middle ? range / 2 : range;
  let entered = (top - from.entered) % range;
  let left = (top - from.left) % range;
  let boot = boots ? 1 : 0;
  let time = 0;
  let base: CounterState | undefined;
  let [unreported, truth, forgotten] = [0, 0, 0];
  const sum: Sum = { counted: 0, setAside: 0, resets: 0 };
  const report = (): void => {
    const reading = { entered, left, boot, time, width: bits, driver: 'test' };
    const difference = counterDifference(base, reading);
    expect(difference).not.toBeNull();
    sum.counted += (difference?.entered ?? 0) + (difference?.left ?? 0);
    sum.setAside += difference?.setAside ?? 0;
    if (difference?.reset) sum.resets++;
    expect(Math.min(difference?.entered ?? 0, difference?.left ?? 0)).toBeGreaterThanOrEqual(0);
    base = reading;
    unreported = 0;
  };
  report();
  for (const { restarts, lost, afterMs, ...people } of history) {
    time += afterMs;
    if (restarts) {
      forgotten += unreported;
      unreported = entered = left = 0;
      if (boots) boot++;
    }
    entered = (entered + people.entered) % range;
    left = (left + people.left) % range;
    truth += people.entered + people.left;
    unreported += people.entered + people.left;
    if (!lost) report();
  }
  return { ...sum, truth, rest: unreported, forgotten };
}

describe('the people of a counter', () => {
  it('are all counted or set aside over roll-overs, lost reports and downtime', () => {
    fc.assert(
      fc.property(steps(false), width, start, fc.boolean(), (history, bits, from, boots) => {
        const { counted, setAside, resets, truth, rest } = play(history, bits, from, boots);
        expect(counted + setAside + rest).toBe(truth);
        expect(resets).toBe(0);
      }),
    );
  });

  it('are all counted or set aside over restarts that are told, but those of whom no report came before', () => {
    fc.assert(
      fc.property(steps(true), width, start, (history, bits, from) => {
        const { counted, setAside, truth, rest, forgotten } = play(history, bits, from, true);
        expect(counted + setAside + rest + forgotten).toBe(truth);
      }),
    );
  });

  it('are all counted or set aside over restarts that are not told, where both totals show them', () => {
    const shown = fc.record({ before: fc.integer({ min: 60, max: 90 }), after: fc.integer({ min: 0, max: 12 }) });
    fc.assert(
      fc.property(fc.array(shown, { minLength: 1, maxLength: 20 }), width, (restarts, bits) => {
        const history = restarts.flatMap(({ before, after }) => [
          { entered: before, left: before, restarts: false, lost: false, afterMs: 120_000 },
          { entered: after, left: after, restarts: true, lost: false, afterMs: 1000 },
        ]);
        const from = { entered: 30_000, left: 30_000, middle: true };
        const { counted, setAside, resets, truth } = play(history, bits, from, false);
        expect(counted + setAside).toBe(truth);
        expect(resets).toBe(restarts.length);
      }),
    );
  });

  it('are never more than came where a restart is not told and may not show', () => {
    fc.assert(
      fc.property(steps(true), width, start, (history, bits, from) => {
        // Near the top of the range a restart that is not told looks like a roll-over.
        const { counted, setAside, truth } = play(history, bits, { ...from, middle: true }, false);
        expect(counted + setAside).toBeLessThanOrEqual(truth);
      }),
    );
  });
});
