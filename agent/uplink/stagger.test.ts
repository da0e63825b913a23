import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../clock.ts';
import { EPOCH, MemoryOutbox, ScriptedSession, settle } from './fixtures.ts';
import { Ignored } from './ignored.ts';
import { Sender } from './sender.ts';
import { staggerOf } from './stagger.ts';

const BINS = 100;
const GATEWAYS = 10_000;
/** Chi-square of 99 degrees of freedom lies in here but for one fleet in a million. */
const BOUNDS = [45, 185];

function chiSquare(names: string[], seconds: number): number {
  const bins = new Array<number>(BINS).fill(0);
  for (const name of names) bins[Math.floor((staggerOf('acme', name, seconds) / (seconds * 1000)) * BINS)]++;
  const expected = names.length / BINS;
  return bins.reduce((sum, found) => sum + (found - expected) ** 2 / expected, 0);
}

describe('stagger', () => {
  it('spreads a fleet evenly, whatever its names', () => {
    const fleets = ['gw-', 'store-0', 'a', 'x_'].map((prefix) => (index: number) => `${prefix}${index}`);
    for (const nameOf of [...fleets, (index: number) => index.toString(36).padStart(5, '0')]) {
      const spread = chiSquare(
        Array.from({ length: GATEWAYS }, (_, index) => nameOf(index)),
        60,
      );
      expect(spread).toBeGreaterThan(BOUNDS[0]);
      expect(spread).toBeLessThan(BOUNDS[1]);
    }
  });

  it('is always the same for one gateway, another for the same name of another tenant, and below its limit', () => {
    const name = fc.string({ minLength: 1, maxLength: 64 });
    fc.assert(
      fc.property(name, name, fc.integer({ min: 0, max: 900 }), (tenant, gateway, seconds) => {
        const wait = staggerOf(tenant, gateway, seconds);
        expect(staggerOf(tenant, gateway, seconds)).toBe(wait);
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(seconds * 1000);
        if (seconds > 0) expect(wait).toBeLessThan(seconds * 1000);
      }),
    );
    expect(staggerOf('a', 'gw', 60)).not.toBe(staggerOf('b', 'gw', 60));
  });
});

/** Timers fire a fraction of a millisecond early, as Node's do. */
class HastyTimers implements Clock {
  now = 0;
  #timers: { at: number; task: () => void }[] = [];

  monotonic(): number {
    return this.now;
  }

  wall(): number {
    return this.now;
  }

  after(ms: number, task: () => void) {
    const timer = { at: this.now + ms, task };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  every(): never {
    throw new Error('a sender repeats nothing');
  }

  /** Fires the next timer; false where there is none. */
  fire(): boolean {
    const [next] = this.#timers.sort((a, b) => a.at - b.at);
    if (next === undefined) return false;
    this.#timers.shift();
    this.now = Math.max(this.now, next.at - 0.1);
    next.task();
    return true;
  }
}

/** Reading takes longer than a timer is early: what was not due when it began is due when it ends. */
class SlowOutbox extends MemoryOutbox {
  readonly clock = new HastyTimers();

  override async readOutbox(query: Parameters<MemoryOutbox['readOutbox']>[0]) {
    const found = await super.readOutbox(query);
    this.clock.now += 0.2;
    return found;
  }
}

describe('a staggered batch', () => {
  it('is sent though it falls due while the queue is looked through', async () => {
    const outbox = new SlowOutbox();
    const { clock } = outbox;
    const log = () => {};
    const sender = new Sender(
      { topic: 'batch', window: 4, ack: 'collector', epoch: EPOCH, staggerMs: 10 },
      { outbox, clock, random: () => 0.5, log, ignored: new Ignored(clock, log) },
      { refused: log, settled: log, conflict: log, silent: log },
    );
    const session = new ScriptedSession();
    sender.attach(session);
    await settle();
    outbox.seal(1);
    sender.notify(1);
    await settle();
    for (let fired = 0; fired < 5 && session.bodies('batch').length === 0; fired++) {
      expect(clock.fire()).toBe(true);
      await settle();
    }
    expect(session.bodies('batch')).toEqual(['batch 1']);
    sender.detach();
  });
});
