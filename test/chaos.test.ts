import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BrokerKind, missingServer } from '../scripts/chaos/brokers.ts';
import { ledgerLines } from '../scripts/chaos/ledger.ts';
import { planRound } from '../scripts/chaos/plan.ts';
import { PLANTS, type Plant } from '../scripts/chaos/plants.ts';
import { type ChaosOptions, type Outcome, runChaos } from '../scripts/chaos/run.ts';
import { SOCAT } from './support/pty.ts';

/** A busy machine may need many times the half minute that it is. */
const PATIENCE = { timeout: 400_000 };
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const repeat = `repeat with SEED=${seed}`;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'footfall-chaos-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Null where it can run, else why not. */
const missing = (broker: BrokerKind): string | null => missingServer(broker) ?? (SOCAT === null ? 'needs socat' : null);
const note = (broker: BrokerKind): string => (missing(broker) === null ? '' : ` (skipped: ${missing(broker)})`);

async function chaos(broker: BrokerKind, kills: number, options: Partial<ChaosOptions> = {}): Promise<Outcome> {
  const outcome = await runChaos({
    ...{ kills, from: 0, seed, broker, gateways: 1, directory, tell: () => undefined },
    patienceMs: { alone: 1_000, helped: 90_000 },
    ...options,
  });
  console.log([`${broker}, ${repeat}`, ...ledgerLines(outcome.ledger), ...outcome.failures].join('\n'));
  return outcome;
}

function expectNothingLost({ ledger, failures }: Outcome, kills: number): void {
  expect(failures, repeat).toEqual([]);
  const { daemon, broker, collector } = ledger.kills;
  expect(daemon + broker + collector).toBeGreaterThanOrEqual(kills);
  // Five kills are three rounds at least, and the first three kill each of the three.
  if (kills >= 5) expect(Math.min(daemon, broker, collector)).toBeGreaterThan(0);
  for (const { stored, truth } of ledger.gateways) {
    expect(stored).toBeGreaterThan(kills);
    expect(truth.events.entries).toBeGreaterThan(kills);
  }
}

/** A kill has to fall where the fault shows: of a few, none may. */
async function expectShown(plant: Plant, kills: number, failure: RegExp, broker: BrokerKind = 'mosquitto') {
  for (let attempt = 0; ; attempt++) {
    const { failures } = await chaos(broker, kills, {
      parts: PLANTS[plant],
      directory: join(directory, `attempt-${attempt}`),
      seed: seed + attempt,
      patienceMs: { alone: 500, helped: 3_000 },
    });
    if (attempt < 6 && !failures.some((text) => failure.test(text))) continue;
    expect(failures.join('\n'), repeat).toMatch(failure);
    return;
  }
}

describe.skipIf(missing('mosquitto') !== null)(`daemon, broker and collector killed${note('mosquitto')}`, () => {
  it('lose nothing and double nothing, and a run that was ended goes on', PATIENCE, async () => {
    const first = await chaos('mosquitto', 6);
    expectNothingLost(first, 6);
    const second = await chaos('mosquitto', 3, { from: first.ledger.next });
    expectNothingLost(second, 3);
    expect(second.ledger.gateways[0].sealed).toBeGreaterThan(first.ledger.gateways[0].sealed);
    expect(second.ledger.gateways[0].epochs).toBe(1);
  });

  it('lose nothing at a broker whose short queues drop in silence what it acknowledged', PATIENCE, async () => {
    expectNothingLost(await chaos('mosquitto-drops', 4), 4);
  });

  it('would show a gateway that deletes on the word of the broker', PATIENCE, async () => {
    await expectShown('puback', 4, /expected 0 missing, found [1-9]/, 'mosquitto-drops');
  });

  it('would show a collector that stores twice what comes twice', PATIENCE, async () => {
    await expectShown('no-unique-key', 6, /expected 0 double, found [1-9]/);
  });

  it('would show a person who is counted twice', PATIENCE, async () => {
    await expectShown('repeated-crossing', 3, /entries one by one: expected \d+, found \d+/);
  });
});

describe.skipIf(missing('rabbitmq') !== null)(`RabbitMQ killed${note('rabbitmq')}`, () => {
  it('loses nothing', PATIENCE, async () => expectNothingLost(await chaos('rabbitmq', 3), 3));
});

describe.skipIf(missing('nats') !== null)(
  `a cluster of three NATS servers, one at a time killed${note('nats')}`,
  () => {
    it('loses nothing', PATIENCE, async () => expectNothingLost(await chaos('nats', 3), 3));
  },
);

describe('the plan of the kills', () => {
  it('follows from the seed and the round alone, and kills each of the three in turns', () => {
    expect(planRound(5, 17)).toEqual(planRound(5, 17));
    expect(planRound(5, 17)).not.toEqual(planRound(6, 17));
    for (let turn = 0; turn < 50; turn++) {
      const victims = [0, 1, 2].map((round) => planRound(seed, 3 * turn + round).victim);
      expect(victims.sort(), repeat).toEqual(['broker', 'collector', 'daemon']);
    }
  });
});
