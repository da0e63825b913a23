/** What is done to whom in each round: follows from the seed and the round's number alone, so that a run can be gone on with. */
import { Random } from '../../drivers/simulator/random.ts';

export const VICTIMS = ['daemon', 'broker', 'collector'] as const;
export type Victim = (typeof VICTIMS)[number];

/** Moments are shares of what they fall into, 0 to 1. */
export interface Round {
  victim: Victim;
  /** Which gateway's daemon, or which node of the broker: taken modulo how many there are. */
  index: number;
  /** The step that the kill falls into, and the moment within it. */
  step: number;
  moment: number;
  /** Milliseconds that the victim stays dead; a daemon is started at once. */
  downMs: number;
  /** Killed once more while it starts, at this share of a start; null: not. A kill of its own in the count. */
  again: number | null;
  /** Stopped for so long before it is killed; 0: not. */
  frozenMs: number;
  /** Somebody who is stopped for a while and lives on. */
  freeze: { victim: Victim; index: number; step: number; ms: number } | null;
  network: NetworkFault | null;
}

export interface NetworkFault {
  side: 'gateway' | 'collector';
  kind: 'cut' | 'half_open' | 'swallow' | 'delay';
  step: number;
  /** How long it lasts; a cut is over at once, and a half-open connection is found out by nobody but its keep-alive. */
  ms: number;
}

/** Steps of a round, each with new crossings and sightings. */
export const STEPS = 12;

export function planRound(seed: number, round: number): Round {
  const random = new Random(seed).fork(`round ${round}`);
  const step = (): number => random.integer(0, STEPS - 1);
  // In turns, so that each is killed a third of the times; which comes first is drawn for each three.
  const order = shuffled(new Random(seed).fork(`turn ${Math.floor(round / VICTIMS.length)}`));
  const victim = order[round % VICTIMS.length];
  const index = random.integer(0, 1_000);
  return {
    victim,
    index,
    step: step(),
    moment: random.uniform(),
    downMs: random.chance(0.5) ? 0 : random.integer(0, 400),
    again: random.chance(0.2) ? random.uniform() : null,
    frozenMs: random.chance(0.1) ? random.integer(20, 200) : 0,
    freeze: random.chance(0.15)
      ? {
          victim: VICTIMS[random.integer(0, 2)],
          index: random.integer(0, 1_000),
          step: step(),
          ms: random.integer(20, 500),
        }
      : null,
    network: random.chance(0.3) ? drawNetwork(random, step()) : null,
  };
}

function drawNetwork(random: Random, step: number): NetworkFault {
  const kind = random.chance(0.1) ? 'half_open' : (['cut', 'swallow', 'delay'] as const)[random.integer(0, 2)];
  return { side: random.chance(0.6) ? 'gateway' : 'collector', kind, step, ms: random.integer(20, 600) };
}

function shuffled(random: Random): Victim[] {
  const order: Victim[] = [...VICTIMS];
  for (let last = order.length - 1; last > 0; last--) {
    const other = random.integer(0, last);
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}
