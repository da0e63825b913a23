import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { MOSQUITTO } from './support/broker.ts';
import { failuresOf, ledgerLines } from './support/outage-ledger.ts';
import { type OutageOptions, runOutage } from './support/outage-run.ts';
import { SOCAT } from './support/pty.ts';

const missing = (MOSQUITTO === null ? 'needs mosquitto' : null) ?? (SOCAT === null ? 'needs socat' : null);
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
/** In memory where the system has a place for that: a busy disk takes longer for the commits than the outage does. */
const scratch = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'footfall-outage-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** As many windows of a minute as five days have of a quarter of an hour: more than the buffer takes. */
const SHORT = { days: 1 / 3, windowMinutes: 1, bufferMib: 1 };

function lastOut(options: Partial<OutageOptions>) {
  return runOutage({ directory: mkdtempSync(join(scratch, 'run-')), ...SHORT, kills: 0, seed, ...options });
}

describe.skipIf(missing !== null)(
  `an outage that outlasts the buffer${missing === null ? '' : ` (${missing})`}`,
  () => {
    it('all that is held is delivered, all that was dropped is told', { timeout: 240_000 }, async () => {
      const run = await lastOut({ kills: 2 });
      const lines = ledgerLines(run).join('\n');
      console.log(`${lines}\nrepeat with SEED=${seed}`);
      expect(failuresOf(run), `${lines}\nrepeat with SEED=${seed}`).toEqual([]);
    });

    it('a planted fault is told: a gap that nobody tells of', { timeout: 240_000 }, async () => {
      const entry = fileURLToPath(new URL('./support/outage-forgotten-gap/main.ts', import.meta.url));
      const failures = failuresOf(await lastOut({ entry })).join('\n');
      expect(failures).toMatch(/expected 0 sequences neither stored nor told, found [1-9]/);
      expect(failures).toMatch(/expected 0 lost by the report, found [1-9]/);
    });
  },
);
