import type { Clock } from './clock.ts';

/** Waits for `work`, but no longer than `ms` on this clock, which may be Infinity. Resolves with whether it was done; rejects as it does. */
export function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<boolean> {
  if (ms === Number.POSITIVE_INFINITY) return work.then(() => true);
  return new Promise((resolve, reject) => {
    const late = clock.after(ms, () => resolve(false));
    work.then(() => resolve(true), reject).finally(() => late.cancel());
  });
}
