import { describe, expect, it } from 'vitest';
import { VirtualClock } from './clock.ts';
import { Watchdog } from './watchdog.ts';

describe('the watchdog', () => {
  it('is fed at once and more often than each half of its interval, while healthy only', async () => {
    const clock = new VirtualClock(0);
    const fed: number[] = [];
    let healthy = true;
    const watchdog = new Watchdog({
      notifier: { watchdog: () => void fed.push(clock.wall()) },
      clock,
      intervalMs: 3_000,
      healthy: () => healthy,
    });
    watchdog.start();
    watchdog.start();
    await clock.advanceTo(3_500);
    expect(fed).toEqual([0, 1_000, 2_000, 3_000]);
    healthy = false;
    await clock.advanceTo(9_500);
    expect(fed).toHaveLength(4);
    healthy = true;
    await clock.advanceTo(10_000);
    expect(fed.at(-1)).toBe(10_000);
    watchdog.stop();
    await clock.advanceTo(20_000);
    expect(fed).toHaveLength(5);
  });
});
