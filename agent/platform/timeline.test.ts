import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../clock.ts';
import { Timeline } from './timeline.ts';

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

describe('the timeline', () => {
  it('begins at the wall clock and runs at the pace of the monotonic one', () => {
    const clock = new ScriptedClock();
    const timeline = new Timeline(clock);
    const start = timeline.now();
    expect(start).toBe(clock.wall());
    clock.pass(1_500);
    expect(timeline.now()).toBe(start + 1_500);
    clock.wallMs += 3_600_000;
    expect(timeline.now()).toBe(start + 1_500);
  });

  it('follows a wall clock that was set ahead, and tells by how much', () => {
    const clock = new ScriptedClock();
    const timeline = new Timeline(clock);
    clock.wallMs += 60_000;
    expect(timeline.follow()).toBe(60_000);
    expect(timeline.now()).toBe(clock.wall());
    clock.pass(10);
    expect(timeline.now()).toBe(clock.wall());
  });

  it('goes on at its pace where the wall clock was set back, until that has caught up', () => {
    const clock = new ScriptedClock();
    const timeline = new Timeline(clock);
    const start = timeline.now();
    clock.wallMs -= 60_000;
    expect(timeline.follow()).toBe(-60_000);
    clock.pass(5_000);
    timeline.follow();
    expect(timeline.now()).toBe(start + 5_000);
    clock.wallMs += 70_000;
    timeline.follow();
    expect(timeline.now()).toBe(clock.wall());
  });

  it('goes on behind the last time of a run before it, never before', () => {
    const clock = new ScriptedClock();
    const timeline = new Timeline(clock);
    const start = timeline.now();
    timeline.goOnFrom(start - 1);
    expect(timeline.now()).toBe(start);
    timeline.goOnFrom(start + 9_000);
    clock.pass(100);
    expect(timeline.now()).toBe(start + 9_100);
  });

  it('gives whole milliseconds that never go back, whatever the clocks do', () => {
    const step = fc.record({
      pass: fc.double({ min: 0, max: 1e5, noNaN: true }),
      set: fc.integer({ min: -1e7, max: 1e7 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const clock = new ScriptedClock();
        const timeline = new Timeline(clock);
        let last = timeline.now();
        for (const { pass, set } of steps) {
          clock.monotonicMs += pass;
          clock.wallMs += pass + set;
          timeline.follow();
          const now = timeline.now();
          expect(Number.isInteger(now) && now >= last && now >= Math.floor(clock.wallMs)).toBe(true);
          last = now;
        }
      }),
    );
  });
});
