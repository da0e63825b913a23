import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { expectNothingLost, KILLS_MISSING, KILLS_NOTE, runWithKills } from './support/kills.ts';

const directory = mkdtempSync(join(tmpdir(), 'footfall-kills-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe.skipIf(KILLS_MISSING !== null)(`a real day with kills in it${KILLS_NOTE}`, () => {
  it('loses no sealed window and doubles none when daemon, broker and collector are killed 30 times', {
    timeout: 400_000,
  }, async () => {
    const outcome = await runWithKills('kills', directory, undefined, 30);
    expect(outcome.kills).toHaveLength(30);
    expectNothingLost(outcome);
  });
});
