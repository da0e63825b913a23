import { createSecretKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { doorLines } from '../drivers/door/lines.ts';
import type { Transport, TransportEvents } from '../drivers/driver.ts';
import { parametersOf, START } from './analytics/fold.testing.ts';
import { Fold } from './analytics/fold.ts';
import { Intake } from './intake.ts';
import { lockStep, readStep } from './lock-step.ts';
import { VirtualClock } from './platform/clock.ts';
import { Boundary } from './privacy/boundary.ts';
import { Sensor } from './sensors.ts';

/** A port on which some bytes are there only after so many polls. */
class SlowPort implements Transport {
  delivered = 0;
  readonly arrivals: number[];
  #events: TransportEvents | undefined;

  constructor(arrivals: number[]) {
    this.arrivals = arrivals;
  }

  start(events: TransportEvents): void {
    this.#events = events;
    events.up();
  }

  poll(): void {
    const count = this.arrivals.shift() ?? 0;
    this.delivered += count;
    if (count > 0) this.#events?.bytes(Buffer.from('+\n'.repeat(count / 2)));
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}

function bench(arrivals: number[]) {
  const clock = new VirtualClock(START);
  const machine = new VirtualClock(0);
  const boundary = new Boundary({ key: createSecretKey(Buffer.alloc(32, 7)) });
  const intake = new Intake(Fold.start(parametersOf(), START), boundary, () => undefined);
  const transport = new SlowPort(arrivals);
  const sensor = new Sensor({
    parameters: parametersOf().sensors[1],
    driver: doorLines,
    transport,
    port: 'p',
    silentMs: 15 * 60_000,
    now: () => clock.wall(),
    intake,
    log: () => undefined,
  });
  sensor.start();
  let done = false;
  /** Lets the machine's time run, 100 ms at a time, until the step has ended. */
  const step = async (delivered: Record<string, number>): Promise<void> => {
    const ended = lockStep({ toMs: START + 1_000, delivered }, [sensor], machine, (ms) => clock.advanceTo(ms)).finally(
      () => {
        done = true;
      },
    );
    ended.catch(() => undefined);
    while (!done) await machine.advanceTo(machine.wall() + 100);
    await ended;
  };
  return { step, clock, machine, intake, transport };
}

describe('a step in lock-step', () => {
  it('moves time, then waits for exactly the bytes that were sent', async () => {
    const { step, clock, intake, transport } = bench([0, 2, 0, 4]);
    await step({ s1: 6 });
    expect(clock.wall()).toBe(START + 1_000);
    expect(transport.delivered).toBe(6);
    expect(intake.fold.live().today.entries).toBe(3);
    expect(intake.fold.at).toBe(START + 1_000);
  });

  it('takes in what is there without waiting where nothing is expected', async () => {
    const { step, transport, machine } = bench([2, 2]);
    await step({});
    expect(transport.delivered).toBe(2);
    expect(machine.wall()).toBeLessThan(1_000);
  });

  it('gives up on bytes that do not come, and says which', async () => {
    const { step, machine } = bench([2]);
    await expect(step({ s1: 8 })).rejects.toMatchObject({
      code: 'step_bytes',
      message: 'expected 8 bytes from s1, found 2',
    });
    expect(machine.wall()).toBeGreaterThan(20_000);
  });
});

describe('a step as it is read', () => {
  it('has a time, and bytes by sensor', () => {
    expect(readStep({ to_ms: 5, delivered: { a: 1 } })).toEqual({ toMs: 5, delivered: { a: 1 } });
    expect(readStep({ to_ms: 5 })).toEqual({ toMs: 5, delivered: {} });
  });

  it.each([
    null,
    undefined,
    7,
    {},
    { to_ms: '5' },
    { to_ms: 1.5 },
    { to_ms: Number.NaN },
    { to_ms: 5, delivered: null },
    { to_ms: 5, delivered: 3 },
    { to_ms: 5, delivered: { a: '1' } },
    { to_ms: 5, delivered: { a: 0.5 } },
  ])('is refused as %j', (body) => {
    expect(() => readStep(body)).toThrow(expect.objectContaining({ code: 'step_invalid' }));
  });
});
