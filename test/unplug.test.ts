import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SOCAT } from './support/pty.ts';
import { unplugRepeatedly } from './support/unplugging.ts';
import { faultsOf, type Ledger, ledgerLines } from './support/unplugging-ledger.ts';
import { SUBJECTS } from './support/unplugging-subjects.ts';
import type { Plant } from './support/unplugging-tap.ts';

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));
const repeat = `SEED=${seed} repeats the choices`;
const scratch = mkdtempSync(join(tmpdir(), 'footfall-unplug-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function unplug(subjects: readonly string[], count: number, plant?: Plant): Promise<Ledger> {
  const folder = mkdtempSync(join(scratch, 'ports-'));
  const options = { subjects, count, from: 0, seed, bytesPerSecond: 20_000, measureMs: plant ? 400 : 1_000, folder };
  return unplugRepeatedly({ ...options, ...(plant && { plant }) });
}

describe.skipIf(SOCAT === null)(`plugs that are pulled${SOCAT === null ? ' (needs socat)' : ''}`, () => {
  it('every sensor of one process comes back, and no door loses anybody', { timeout: 180_000 }, async () => {
    const ledger = await unplug(Object.keys(SUBJECTS), 4);
    expect(faultsOf(ledger), `${ledgerLines(ledger).join('\n')}\n${repeat}`).toEqual([]);
  });

  it.each([
    ['lost-crossing', 'door-lines', 'can be known'],
    ['deaf', 'wifi-lines', 'nothing was heard again'],
    ['leak', 'wifi-lines', 'descriptors before'],
    ['spin', 'wifi-lines', 'of a core after'],
  ] as const)('a planted fault is told: %s', { timeout: 120_000 }, async (plant, subject, told) => {
    const faults = faultsOf(await unplug([subject], 6, plant));
    expect(faults.join('\n'), repeat).toContain(told);
  });
});
