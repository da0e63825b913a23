import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BurstSums, burstSumsOf, createBurstSums } from './burst-rates.ts';
import { Calibration, type Evidence } from './calibration.ts';
import { parametersOf, START } from './fold.testing.ts';
import { passingPeople } from './passing.ts';
import { OpenWindows, type WindowState } from './windows.ts';

const window = (people: number, keys: number, bursts: BurstSums = createBurstSums()): Evidence => ({
  personMinutes: people * 15,
  keyMinutes: keys * 15,
  bursts,
});

function taught(...windows: Evidence[]): Calibration {
  const calibration = new Calibration();
  for (const one of windows) calibration.teach(one);
  return calibration;
}

describe('Calibration', () => {
  it('says nothing before two person-hours, then the ratio of the sums', () => {
    const calibration = taught(window(4, 5), window(3, 4));
    expect(calibration.factor).toBeNull();
    calibration.teach(window(3, 1));
    expect(calibration.factor).toBe(1);
  });

  it('replaces what today taught by the settled day, and forgets half of it in ten days that teach', () => {
    const calibration = taught(window(40, 10));
    calibration.settle([window(20, 10)]);
    expect(calibration.factor).toBe(2);
    for (let day = 0; day < 10; day++) calibration.settle([]);
    expect(calibration.state.settled.personMinutes).toBe(300);
    for (let day = 0; day < 10; day++) calibration.settle([window(0, 0)]);
    expect(calibration.state.settled.personMinutes).toBeCloseTo(150, 9);
  });

  it('has an interval that is the Poisson one for a perfect factor and widens with its spread', () => {
    const perfect = taught(window(10, 10), window(20, 20));
    expect(perfect.interval(16)).toEqual({ low: 16 - 1.64 * 4, high: 16 + 1.64 * 4 });
    const loose = taught(window(5, 10), window(25, 20));
    expect(loose.interval(16).high).toBeGreaterThan(perfect.interval(16).high);
    expect(loose.interval(0)).toEqual({ low: 0, high: 0 });
  });
});

/** A window in which `above` and `leak` bursts a minute come from each person inside, and `street` from outside. */
function burstWindow(level: number, rates: { above: number; leak: number; street: number }): WindowState {
  const windows = new OpenWindows();
  windows.restart(START, parametersOf());
  const window = windows.oldest;
  let inside = level;
  for (let minute = 0; minute < 15; minute++) {
    const net = [3, -1, 2, -3, 0, -2, 1][(minute + level) % 7];
    if (net > 0) window.entered[minute] = net;
    else window.left[minute] = -net;
    const occupancy = inside + net / 2;
    inside += net;
    window.inside[minute] = rates.above * occupancy;
    window.outside[minute] = rates.leak * occupancy + rates.street;
  }
  return window;
}

describe('burst rates and passing people', () => {
  const teach = (rates: { above: number; leak: number; street: number }, windows = 12): Calibration =>
    taught(
      ...Array.from({ length: windows }, (_, index) =>
        window(5, 10, burstSumsOf(burstWindow(10 + index, { ...rates, street: rates.street * (1 + index) }))),
      ),
    );

  it('finds the rates whatever the street adds and however far the occupancy has drifted', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.2, max: 3, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(50),
        (above, leak, street) => {
          const rates = teach({ above, leak, street }).burstRates;
          expect(rates?.above).toBeCloseTo(above, 6);
          expect(rates?.leak).toBeCloseTo(leak, 6);
        },
      ),
    );
  });

  it('takes what leaks from inside out of the bursts below the gate, and divides by what one who passes sends', () => {
    const calibration = teach({ above: 0.8, leak: 0.2, street: 3 });
    const sums = { personMinutes: 100, entries: 12 };
    // 100 people in reach for 30 s at one burst a minute, and 0.2 bursts leaking in each of 100 person-minutes.
    const passing = passingPeople(calibration, { ...sums, burstsOutside: 50 + 20 }, 30);
    expect(passing).toEqual({ people: 100, state: 'calibrated' });
    // Whoever entered has passed.
    expect(passingPeople(calibration, { ...sums, burstsOutside: 0 }, 30).people).toBe(12);
  });

  it('gives no number it cannot stand for', () => {
    const sums = { burstsOutside: 100, personMinutes: 60, entries: 5 };
    const known = teach({ above: 1, leak: 0, street: 0 });
    expect(passingPeople(known, { ...sums, entries: null }, 20)).toEqual({ people: null, state: 'uncalibrated' });
    expect(passingPeople(new Calibration(), sums, 20)).toEqual({ people: null, state: 'uncalibrated' });
    const outside = { people: null, state: 'uncalibrated_outside' };
    expect(passingPeople(teach({ above: 0, leak: 0, street: 9 }), sums, 20)).toEqual(outside);
    expect(passingPeople(teach({ above: 1, leak: 0, street: 0 }, 7), sums, 20)).toEqual(outside);
  });
});
