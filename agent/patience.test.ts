import { describe, expect, it } from 'vitest';
import { within } from './patience.ts';
import { VirtualClock } from './platform/clock.ts';

describe('within', () => {
  it('tells whether the work was done in time, and passes on how it failed', async () => {
    const clock = new VirtualClock(0);
    expect(await within(clock, 50, Promise.resolve())).toBe(true);
    const never = within(clock, 50, new Promise(() => undefined));
    await clock.advanceTo(50);
    expect(await never).toBe(false);
    await expect(within(clock, 50, Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  });

  it('waits for ever where it is told to', async () => {
    const clock = new VirtualClock(0);
    let finish = (): void => undefined;
    const waiting = within(clock, Number.POSITIVE_INFINITY, new Promise<void>((resolve) => (finish = resolve)));
    await clock.advanceTo(1e12);
    finish();
    expect(await waiting).toBe(true);
  });
});
