import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../agent/platform/clock.ts';
import { createCounts } from '../counts.ts';
import type { Speaker, TransportEvents } from '../driver.ts';
import { Poller } from '../poller.ts';
import { Bus, gapMs } from './bus.ts';
import { MemoryTransport } from './stream.ts';

const ANSWER_MS = 40;

/** Units that answer a byte with the same byte, and a member for each: what one polls is its own number. */
class Scene {
  readonly clock = new VirtualClock(0);
  /** When each question was sent: milliseconds and unit. */
  readonly asked: [ms: number, unit: number][] = [];
  readonly line: MemoryTransport;
  readonly bus: Bus;
  readonly absent = new Set<number>();
  /** How many questions were out at most. */
  most = 0;
  #out = 0;

  constructor() {
    this.line = new MemoryTransport({ clock: this.clock, take: ([unit]) => this.#take(unit) });
    this.bus = new Bus(this.line, this.clock);
  }

  #take(unit: number): void {
    this.asked.push([this.clock.monotonic(), unit]);
    if (this.absent.has(unit)) return;
    this.most = Math.max(this.most, ++this.#out);
    this.clock.after(ANSWER_MS, () => {
      this.#out--;
      this.line.push(Uint8Array.of(unit));
    });
  }

  countOf(unit: number, sinceMs = 0): number {
    return this.asked.filter(([ms, asked]) => asked === unit && ms >= sinceMs).length;
  }
}

class Unit {
  readonly log: string[] = [];
  readonly heard: number[] = [];
  readonly counts = createCounts();
  readonly transport;
  readonly poller: Poller;

  constructor(scene: Scene, unit: number, everyMs = 250) {
    this.poller = new Poller({
      poll: () => Uint8Array.of(unit),
      everyMs,
      timeoutMs: 300,
      unanswered: () => this.counts.rejected.unanswered++,
    });
    this.transport = scene.bus.member();
    this.transport.start({
      speaker: this.poller,
      bytes: (chunk) => {
        this.heard.push(...chunk);
        if (chunk[0] === unit) this.poller.answered();
      },
      up: () => this.log.push('up'),
      down: (reason) => this.log.push(reason),
    });
  }
}

describe('Bus', () => {
  it('has one speak at a time, in turn, each heard by all, with a silence between', async () => {
    const scene = new Scene();
    const units = [1, 2, 3].map((unit) => new Unit(scene, unit, 100));
    await scene.clock.advanceTo(10_000);
    expect(scene.most).toBe(1);
    const gaps = scene.asked.slice(1).map(([ms], index) => ms - scene.asked[index][0] - ANSWER_MS);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(5);
    // More is wanted than the line can carry: everyone has the same share of it.
    const counts = [1, 2, 3].map((unit) => scene.countOf(unit));
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    expect(scene.asked.length).toBeGreaterThan(10_000 / (ANSWER_MS + 20));
    expect(units[0].heard).toEqual(units[2].heard);
    expect(units[0].transport.delivered).toBe(units[0].heard.length);
  });

  it('keeps the poll rate of the others where one of four is absent', async () => {
    const rates = async (absent: number[]) => {
      const scene = new Scene();
      for (const unit of absent) scene.absent.add(unit);
      for (const unit of [1, 2, 3, 4]) new Unit(scene, unit);
      await scene.clock.advanceTo(59_999);
      return [1, 2, 3, 4].map((unit) => scene.countOf(unit));
    };
    const all = await rates([]);
    const without = await rates([3]);
    expect(all).toEqual([240, 240, 240, 240]);
    for (const unit of [0, 1, 3]) expect(without[unit]).toBeGreaterThan(0.85 * all[unit]);
    expect(without[2]).toBeGreaterThanOrEqual(5);
    expect(without[2]).toBeLessThan(15);
    const alone = await rates([1, 2, 4]);
    expect(alone[2]).toBeGreaterThan(0.6 * all[2]);
  });

  it('polls a unit that comes back as before', async () => {
    const scene = new Scene();
    scene.absent.add(2);
    new Unit(scene, 1);
    new Unit(scene, 2);
    await scene.clock.advanceTo(60_000);
    scene.absent.delete(2);
    await scene.clock.advanceTo(120_000);
    expect(scene.countOf(2, 72_000)).toBeGreaterThanOrEqual(190);
  });

  it('polls a unit that is alone on the line at its rate, answered or not', async () => {
    const scene = new Scene();
    scene.absent.add(1);
    const unit = new Unit(scene, 1, 1_000);
    await scene.clock.advanceTo(60_000);
    expect(scene.countOf(1)).toBe(61);
    expect(unit.counts.rejected.unanswered).toBe(60);
  });

  it('leaves the line quiet for a late answer', async () => {
    const scene = new Scene();
    scene.absent.add(1);
    new Unit(scene, 1);
    new Unit(scene, 2);
    await scene.clock.advanceTo(5_000);
    const missed = scene.asked.findIndex(([, unit]) => unit === 1);
    expect(scene.asked[missed + 1][0] - scene.asked[missed][0]).toBeGreaterThanOrEqual(600);
  });

  it('tells everyone of ups and downs, and those who come later what the line is', async () => {
    const scene = new Scene();
    const first = new Unit(scene, 1);
    await scene.clock.advanceTo(1_000);
    scene.line.hangUp('unplugged');
    const second = new Unit(scene, 2);
    scene.asked.length = 0;
    await scene.clock.advanceTo(2_000);
    expect(scene.asked).toEqual([]);
    scene.line.restore();
    const third = new Unit(scene, 3);
    expect([first.log, second.log, third.log]).toEqual([['up', 'unplugged', 'up'], ['unplugged', 'up'], ['up']]);
    await scene.clock.advanceTo(4_000);
    for (const unit of [1, 2, 3]) expect(scene.countOf(unit)).toBeGreaterThanOrEqual(7);
  });

  it('opens the line with the first and closes it with the last', async () => {
    const scene = new Scene();
    expect(scene.bus.unused).toBe(true);
    const spare = scene.bus.member();
    expect(scene.bus.unused).toBe(false);
    await spare.stop();
    const [first, second] = [new Unit(scene, 1), new Unit(scene, 2)];
    await scene.clock.advanceTo(1_010);
    // The first leaves in the middle of its question.
    await first.transport.stop();
    const before = scene.countOf(1);
    await scene.clock.advanceTo(3_000);
    expect(scene.countOf(1)).toBe(before);
    expect(scene.countOf(2, 2_001)).toBe(4);
    expect(scene.line.push(Uint8Array.of(9))).toBe(true);
    expect(first.heard).not.toContain(9);
    await second.transport.stop();
    await second.transport.stop();
    expect(scene.bus.unused).toBe(true);
    expect(scene.line.push(Uint8Array.of(9))).toBe(false);
    const again = new Unit(scene, 1);
    expect(again.log).toEqual(['up']);
    await scene.clock.advanceTo(4_000);
    expect(scene.countOf(1, 3_000)).toBeGreaterThanOrEqual(4);
    expect(scene.countOf(2, 3_001)).toBe(0);
  });

  it('may be left by anyone in the middle of what it tells', async () => {
    const scene = new Scene();
    const log: string[] = [];
    const members = ['first', 'second'].map(() => scene.bus.member());
    const events = (name: string): TransportEvents => ({
      up: () => log.push(`${name} up`),
      down: () => {},
      bytes: () => {
        log.push(`${name} heard`);
        void members[0].stop();
        void members[1].stop();
      },
    });
    members[0].start(events('first'));
    members[1].start(events('second'));
    scene.line.push(Uint8Array.of(1));
    expect(log).toEqual(['first up', 'second up', 'first heard']);
    scene.line.push(Uint8Array.of(1));
    expect(log).toHaveLength(3);
  });

  it('goes on with speakers that want no answer, and on a line that answers at once', async () => {
    const clock = new VirtualClock(0);
    const said: number[] = [];
    const line: MemoryTransport = new MemoryTransport({
      clock,
      take: ([unit]) => {
        said.push(unit);
        if (unit === 2) line.push(Uint8Array.of(unit));
      },
    });
    const bus = new Bus(line, clock);
    let next = 0;
    const teller: Speaker = {
      waiting: false,
      open: () => {},
      speak: (now, send) => {
        if (now >= next) {
          next = now + 100;
          send(Uint8Array.of(1));
        }
        return next;
      },
    };
    const poller = new Poller({
      poll: () => Uint8Array.of(2),
      everyMs: 100,
      timeoutMs: 50,
      unanswered: () => said.push(0),
    });
    bus.member().start({ speaker: teller, bytes: () => {}, up: () => {}, down: () => {} });
    bus.member().start({ speaker: poller, bytes: () => poller.answered(), up: () => {}, down: () => {} });
    await clock.advanceTo(1_000);
    expect(said.filter((unit) => unit === 1).length).toBeGreaterThanOrEqual(9);
    expect(said.filter((unit) => unit === 2).length).toBeGreaterThanOrEqual(10);
    expect(said).not.toContain(0);
  });

  it('leaves the silence that the speed of the line wants', () => {
    expect(gapMs(115_200)).toBe(5);
    expect(gapMs(9_600)).toBe(5);
    expect(gapMs(1_200)).toBeCloseTo(32.1, 1);
  });
});
