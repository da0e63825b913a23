import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../clock.ts';
import { Timeline } from './timeline.ts';

const HOUR = 3_600_000;
const YEARS = 6 * 365 * 24 * HOUR;

class ScriptedClock implements Clock {
  wallMs = 1_700_000_000_000;
  monotonicMs = 5_000.25;

  monotonic(): number {
    return this.monotonicMs;
  }

  wall(): number {
    return this.wallMs;
  }

  pass(ms: number): void {
    this.wallMs += ms;
    this.monotonicMs += ms;
  }

  after(): never {
    throw new Error('a timeline sets no timer');
  }

  every(): never {
    throw new Error('a timeline sets no timer');
  }
}

function bench() {
  const clock = new ScriptedClock();
  const timeline = new Timeline(clock);
  /** Seconds pass, each with a look at the clock; what is wanted is done. Gives the corrections. */
  const run = (seconds: number, trusted = true): number[] => {
    const made: number[] = [];
    for (let second = 0; second < seconds; second++) {
      clock.pass(1_000);
      const wanted = timeline.follow(trusted);
      if (wanted === 0) continue;
      timeline.correct(wanted);
      made.push(wanted);
    }
    return made;
  };
  return { clock, timeline, run };
}

describe('the timeline', () => {
  it('begins at the wall clock and runs at the pace of the monotonic one', () => {
    const { clock, timeline } = bench();
    const start = timeline.now();
    expect(start).toBe(clock.wall());
    clock.pass(1_500);
    expect(timeline.now()).toBe(start + 1_500);
    clock.wallMs += HOUR;
    expect(timeline.now()).toBe(start + 1_500);
  });

  it('follows a wall clock that is a little ahead at once', () => {
    const { clock, timeline, run } = bench();
    run(1);
    clock.wallMs += 5_000;
    expect(timeline.follow(true)).toBe(0);
    expect([timeline.now(), timeline.utc()]).toEqual([clock.wall(), clock.wall()]);
  });

  it('runs slower by a hundredth until a wall clock that is a little behind has caught up', () => {
    const { clock, timeline, run } = bench();
    run(1);
    clock.wallMs -= 5_000;
    expect(run(1)).toEqual([]);
    const before = timeline.now();
    expect(run(100)).toEqual([]);
    expect(timeline.now() - before).toBeGreaterThanOrEqual(98_990);
    expect(timeline.now() - before).toBeLessThanOrEqual(99_010);
    expect(run(450)).toEqual([]);
    expect(Math.abs(timeline.now() - clock.wall())).toBeLessThanOrEqual(1);
  });

  it.each([HOUR, -HOUR, YEARS, -YEARS])('asks for a correction by %d ms, and never goes back itself', (step) => {
    const { clock, timeline, run } = bench();
    run(1);
    const before = timeline.now();
    clock.wallMs += step;
    const [correction, ...more] = run(300);
    expect(Math.abs(correction - step)).toBeLessThanOrEqual(1);
    expect(more).toEqual([]);
    expect(timeline.utc()).toBe(clock.wall());
    expect(timeline.now() - before).toBeGreaterThanOrEqual(299_999);
    expect(timeline.now() - before).toBeLessThanOrEqual(300_001);
  });

  it('corrects a clock that flaps at most once a minute', () => {
    const { clock, run } = bench();
    run(1);
    let corrections = 0;
    for (let second = 0; second < 600; second++) {
      clock.wallMs += second % 2 === 0 ? HOUR : -HOUR;
      corrections += run(1).length;
    }
    expect(corrections).toBeGreaterThan(0);
    expect(corrections).toBeLessThanOrEqual(10);
  });

  it('believes a clock that nobody vouches for once it is set, and then to the second', () => {
    const { clock, timeline, run } = bench();
    run(60, false);
    clock.wallMs += 3_000;
    expect(run(60, false)).toEqual([3_000]);
    clock.wallMs += 1_000;
    expect(run(60, false)).toEqual([]);
    expect(timeline.utc()).toBe(clock.wall());
  });

  it('goes on behind the last time of a run before it, never before', () => {
    const { clock, timeline } = bench();
    const start = timeline.now();
    expect(timeline.goOnFrom(start - 1)).toBe(0);
    expect(timeline.now()).toBe(start);
    expect(timeline.goOnFrom(start + 9_000)).toBe(9_000);
    clock.pass(100);
    expect(timeline.now()).toBe(start + 9_100);
  });

  it('goes on ahead of an untrusted clock of long ago until it is trusted, and corrects itself then', () => {
    const { clock, timeline, run } = bench();
    const last = clock.wall() + YEARS;
    timeline.goOnFrom(last);
    expect(run(120, false)).toEqual([]);
    expect(timeline.utc()).toBe(last + 120_000);
    expect(run(1, true)).toEqual([-YEARS]);
    expect(timeline.utc()).toBe(clock.wall());
  });

  it('corrects itself at once where the clock is trusted from the start', () => {
    const { clock, timeline, run } = bench();
    timeline.goOnFrom(clock.wall() + HOUR);
    expect(run(1, true)).toEqual([-HOUR]);
    expect(timeline.utc()).toBe(clock.wall());
  });

  it('gives whole milliseconds that never go back, run at most 1 % slow and agree in UTC, whatever the clocks do', () => {
    const step = fc.record({
      pass: fc.double({ min: 0, max: 1e4, noNaN: true }),
      set: fc.oneof(fc.constant(0), fc.integer({ min: -1e5, max: 1e5 }), fc.integer({ min: -1e12, max: 1e12 })),
      trusted: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { clock, timeline, run } = bench();
        let last = timeline.now();
        for (const { pass, set, trusted } of steps) {
          clock.pass(pass);
          clock.wallMs += set;
          const wanted = timeline.follow(trusted);
          if (wanted !== 0) timeline.correct(wanted);
          const now = timeline.now();
          expect(Number.isInteger(now) && Number.isInteger(timeline.utc())).toBe(true);
          expect(now - last).toBeGreaterThanOrEqual(0.99 * pass - 2);
          last = now;
        }
        // Slowed down by a hundredth, a minute takes some hundred to agree about.
        run(6_200);
        expect(Math.abs(timeline.utc() - clock.wall())).toBeLessThanOrEqual(2);
      }),
      { numRuns: 40 },
    );
  });
});
