import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectNothingLost, KILLS_MISSING, KILLS_NOTE, repeat, runWithKills, seed } from './support/kills.ts';

const ATTEMPTS = 4;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'footfall-faults-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe.skipIf(KILLS_MISSING !== null)(`the oracle of the kills${KILLS_NOTE}`, () => {
  it('fails when batches are deleted on PUBACK', { timeout: 200_000 }, async () => {
    const options = { settings: { ack: 'puback' as const }, drainMs: 3_000 };
    const outcome = await runWithKills('delete on PUBACK', directory, 1.5, 24, options);
    expect(outcome.missing, repeat).toBeGreaterThan(0);
    expect(() => expectNothingLost(outcome), repeat).toThrow('missing');
  });

  it('fails when a window is closed in more than one transaction', { timeout: 300_000 }, async () => {
    const entry = fileURLToPath(new URL('./support/split-close/main.ts', import.meta.url));
    // A kill has to fall between the two: on a busy machine, where fewer windows are closed, two dozen can all miss.
    for (let attempt = 1; ; attempt++) {
      const scratch = mkdtempSync(join(directory, 'attempt-'));
      const outcome = await runWithKills('split close', scratch, 0.7, 24, { entry }, seed + attempt);
      if (outcome.missing + outcome.double === 0 && attempt < ATTEMPTS) continue;
      expect(outcome.missing + outcome.double, repeat).toBeGreaterThan(0);
      expect(() => expectNothingLost(outcome), repeat).toThrow();
      return;
    }
  });
});
