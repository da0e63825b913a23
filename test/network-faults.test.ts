/** `npm run fault:network` in short: a daemon in one network namespace, broker and collector in another. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MOSQUITTO } from './support/broker.ts';
import { missingForNetworks } from './support/netns-link.ts';
import type { PhaseName } from './support/netns-phases.ts';
import { failuresOf, type NetworkOutcome, runNetwork, totalLine } from './support/netns-run.ts';
import { SOCAT } from './support/pty.ts';

const missing = MOSQUITTO === null ? 'needs mosquitto' : SOCAT === null ? 'needs socat' : missingForNetworks();
/** A busy machine may need many times the quarter of a minute that it is. */
const PATIENCE = { timeout: 200_000 };
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const repeat = `repeat with SEED=${seed}`;

describe.skipIf(missing !== null)(`a line that is disturbed${missing === null ? '' : ` (skipped: ${missing})`}`, () => {
  let directory = '';
  let interrupt: AbortController;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'footfall-network-'));
    interrupt = new AbortController();
  });
  afterEach(() => {
    interrupt.abort();
    rmSync(directory, { recursive: true, force: true });
  });

  async function disturb(phases: [PhaseName, number][], ack: 'collector' | 'puback'): Promise<NetworkOutcome> {
    const lines: string[] = [];
    const tell = (line: string): void => void lines.push(line);
    const limits = { lossPercent: 20, patienceMs: ack === 'collector' ? 90_000 : 10_000, signal: interrupt.signal };
    const outcome = await runNetwork({ phases, seed, ack, directory, tell, ...limits });
    console.log([...lines, totalLine(outcome.ledger), ...outcome.failures, repeat].join('\n'));
    return outcome;
  }

  it(
    'loses nothing and doubles nothing: a fifth of the packets lost, cut, and the broker dead meanwhile',
    PATIENCE,
    async () => {
      const phases: [PhaseName, number][] = [
        ['loss', 2],
        ['cut', 3],
        ['restart', 2],
      ];
      const { ledger, failures } = await disturb(phases, 'collector');
      expect(failures, repeat).toEqual([]);
      expect(ledger.audit.stored).toBeGreaterThan(60);
      const [loss, cut, restart] = ledger.phases;
      expect(loss.acknowledged).toBeGreaterThan(0);
      expect(cut.held).toBeGreaterThan(0);
      expect(restart.reconnected).toBe(true);

      // What the ledger would say of an uplink that stays away, or is silent about it.
      const away = { ...cut, backS: null, drainedS: null, lastedS: 60 };
      expect(failuresOf({ ...ledger, phases: [away] }).join('\n')).toMatch(/come back.*\n.*name uplink_down/s);
    },
  );

  it('would show a gateway that deletes on the word of the broker', PATIENCE, async () => {
    const { failures } = await disturb([['restart', 2]], 'puback');
    expect(failures.join('\n'), repeat).toMatch(/expected 0 missing, found [1-9]/);
  });
});
