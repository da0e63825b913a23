import { describe, expect, it } from 'vitest';
import { AgentError } from './errors.ts';
import { VirtualClock } from './platform/clock.ts';
import { startPatiently } from './start-patiently.ts';

/** A start that fails so, one after the other, and works then. */
function failing(...codes: string[]) {
  const clock = new VirtualClock(0);
  const ended = new AbortController();
  const told: string[] = [];
  let tries = 0;
  const start = async () => {
    const code = codes[tries++];
    if (code !== undefined) throw new AgentError(code, `no: ${code}`);
    return 'started';
  };
  const waiting = ({ code }: AgentError): void => void told.push(code);
  const outcome = startPatiently(start, { clock, waiting, signal: ended.signal });
  return { clock, ended, told, outcome, tries: () => tries };
}

describe('a start that waits for its disk', () => {
  it('is tried again until it works, and tells each other reason once', async () => {
    const { clock, told, outcome, tries } = failing('storage_full', 'storage_full', 'storage_io');
    await clock.advanceTo(4_999);
    expect([tries(), told]).toEqual([1, ['storage_full']]);
    for (const at of [5_000, 10_000, 15_000]) {
      await clock.advanceTo(at);
      // A try begins behind the timer's own task.
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await outcome).toBe('started');
    expect([tries(), told]).toEqual([4, ['storage_full', 'storage_io']]);
  });

  it('ends at once when it is told to', async () => {
    const { clock, ended, outcome, tries } = failing(...Array(9).fill('storage_full'));
    await clock.advanceTo(1);
    ended.abort();
    expect(await outcome).toBeNull();
    await clock.advanceTo(60_000);
    expect(tries()).toBe(1);
  });

  it.each(['database_in_use', 'database_foreign', 'storage_failed'])('does not wait for %s to end', async (code) => {
    const { outcome, told } = failing(code);
    await expect(outcome).rejects.toMatchObject({ code });
    expect(told).toEqual([]);
  });
});
