import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Calibration, type Evidence } from './calibration.ts';
import { passingPeople } from './passing.ts';

const window = (people: number, keys: number, burstsInside = 20): Evidence => ({
  personMinutes: people * 15,
  keyMinutes: keys * 15,
  burstsInside,
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
    expect(calibration.burstRate).toBe(60 / (150 * 60));
  });

  it('replaces what today taught by the settled day, and forgets half of it in ten days that teach', () => {
    const calibration = taught(window(40, 10));
    calibration.settle([window(20, 10)]);
    expect(calibration.factor).toBe(2);
    for (let day = 0; day < 10; day++) calibration.settle([]);
    expect(calibration.state.settled.personMinutes).toBe(300);
    for (let day = 0; day < 10; day++) calibration.settle([window(0, 0, 0)]);
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

describe('passingPeople', () => {
  const calibration = taught(window(10, 10, 450));

  it('divides bursts outside by those a person in reach sends, and adds who came in', () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.nat(500), fc.integer({ min: 5, max: 60 }), (bursts, entries, seconds) => {
        const rate = 450 / (150 * 60);
        expect(passingPeople(calibration, bursts, entries, seconds)).toEqual({
          people: Math.round(bursts / (rate * seconds)) + entries,
          state: 'calibrated',
        });
      }),
    );
  });

  it('gives no number it cannot stand for', () => {
    expect(passingPeople(calibration, 100, null, 20)).toEqual({ people: null, state: 'uncalibrated' });
    expect(passingPeople(new Calibration(), 100, 5, 20)).toEqual({ people: null, state: 'uncalibrated' });
    const fewBursts = taught(window(10, 10, 49));
    expect(passingPeople(fewBursts, 100, 5, 20)).toEqual({ people: null, state: 'uncalibrated_outside' });
  });
});
