import { describe, expect, it } from 'vitest';
import { realClock, VirtualClock } from './clock.ts';

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('the virtual clock', () => {
  it('stands still until it is told to advance, on both of its faces', async () => {
    const clock = new VirtualClock(1_000);
    expect([clock.wall(), clock.monotonic()]).toEqual([1_000, 1_000]);
    await clock.advanceTo(4_000);
    expect([clock.wall(), clock.monotonic()]).toEqual([4_000, 4_000]);
  });

  it('runs what comes due in order of time, then of asking, each at its own time', async () => {
    const clock = new VirtualClock(0);
    const ran: [string, number][] = [];
    const note = (name: string) => () => void ran.push([name, clock.wall()]);
    clock.after(20, note('b'));
    clock.after(10, note('a'));
    clock.after(20, note('c'));
    clock.after(21, note('too late'));
    await clock.advanceTo(20);
    expect(ran).toEqual([
      ['a', 10],
      ['b', 20],
      ['c', 20],
    ]);
  });

  it('waits for a task before time moves on', async () => {
    const clock = new VirtualClock(0);
    const ran: string[] = [];
    clock.after(10, async () => {
      await sleep(5);
      ran.push(`slow at ${clock.wall()}`);
    });
    clock.after(11, () => void ran.push(`next at ${clock.wall()}`));
    await clock.advanceTo(100);
    expect(ran).toEqual(['slow at 10', 'next at 11']);
  });

  it('repeats a periodic task until it is cancelled, by itself too', async () => {
    const clock = new VirtualClock(0);
    const at: number[] = [];
    const timer = clock.every(10, () => {
      at.push(clock.wall());
      if (at.length === 3) timer.cancel();
    });
    await clock.advanceTo(100);
    expect(at).toEqual([10, 20, 30]);
  });

  it('does not run what another task of the same moment has cancelled', async () => {
    const clock = new VirtualClock(0);
    let ran = false;
    clock.after(10, () => victim.cancel());
    const victim = clock.after(10, () => {
      ran = true;
    });
    await clock.advanceTo(20);
    expect(ran).toBe(false);
  });

  it('runs what a task asks for within the same advance', async () => {
    const clock = new VirtualClock(0);
    const at: number[] = [];
    clock.after(10, () => void clock.after(5, () => void at.push(clock.wall())));
    await clock.advanceTo(20);
    expect(at).toEqual([15]);
  });

  it('queues advances, and never goes back', async () => {
    const clock = new VirtualClock(0);
    const ran: string[] = [];
    clock.after(10, async () => {
      await sleep(5);
      ran.push(`task at ${clock.wall()}`);
    });
    const first = clock.advanceTo(10).then(() => ran.push('first'));
    const second = clock.advanceTo(50).then(() => ran.push('second'));
    await Promise.all([first, second]);
    await clock.advanceTo(20);
    expect(ran).toEqual(['task at 10', 'first', 'second']);
    expect(clock.wall()).toBe(50);
  });

  it('tells a task that failed to who advanced, and goes on when it is asked again', async () => {
    const clock = new VirtualClock(0);
    let ticks = 0;
    clock.every(10, () => {
      if (++ticks === 1) throw new Error('once');
    });
    await expect(clock.advanceTo(15)).rejects.toThrow('once');
    await clock.advanceTo(30);
    expect(ticks).toBe(3);
  });

  it('refuses a period that would never end', () => {
    const clock = new VirtualClock(0);
    for (const period of [0, -1, Number.NaN]) expect(() => clock.every(period, () => undefined)).toThrow(RangeError);
  });
});

describe("the machine's clock", () => {
  it('never runs a periodic task twice at once', async () => {
    let running = 0;
    let most = 0;
    let runs = 0;
    const timer = realClock().every(1, async () => {
      most = Math.max(most, ++running);
      await sleep(10);
      running--;
      runs++;
    });
    while (runs < 3) await sleep(2);
    timer.cancel();
    expect(most).toBe(1);
  });

  it('hands what a task throws or rejects with to onError, and goes on', async () => {
    const errors: unknown[] = [];
    const clock = realClock((error) => void errors.push(error));
    let ticks = 0;
    const timer = clock.every(1, () => {
      if (++ticks === 1) throw new Error('thrown');
    });
    clock.after(1, () => Promise.reject(new Error('rejected')));
    while (ticks < 3 || errors.length < 2) await sleep(2);
    timer.cancel();
    expect(errors.map((error) => (error as Error).message).sort()).toEqual(['rejected', 'thrown']);
  });

  it('does not run what was cancelled', async () => {
    let ran = false;
    realClock()
      .after(1, () => {
        ran = true;
      })
      .cancel();
    await sleep(15);
    expect(ran).toBe(false);
  });
});
