import { createSecretKey } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { doorLines } from '../drivers/door/lines.ts';
import { MemoryTransport } from '../drivers/transport/stream.ts';
import { MINUTE, parametersOf, START } from './analytics/fold.testing.ts';
import { Fold } from './analytics/fold.ts';
import { Intake } from './intake.ts';
import { Boundary } from './privacy/boundary.ts';
import { InputKind, REJECTIONS } from './readings.ts';
import { Sensor } from './sensors.ts';

interface Row {
  kind: number;
  at: number;
  time: number;
  channel: number;
  a: number;
  b: number;
  c: number;
}

/** A door counter on a line in memory, on a scripted time that is ticked each second as the daemon does. */
class Bench {
  readonly transport = new MemoryTransport();
  readonly rows: Row[] = [];
  readonly logs: string[] = [];
  readonly intake: Intake;
  readonly sensor: Sensor;
  now = START;

  constructor() {
    const parameters = parametersOf();
    const boundary = new Boundary({ key: createSecretKey(Buffer.alloc(32, 7)) });
    this.intake = new Intake(Fold.start(parameters, START), boundary, (batch) => {
      for (let row = 0; row < batch.length; row++) {
        const { kind, at, time, channel, a, b, c } = batch;
        this.rows.push({
          kind: kind[row],
          at: at[row],
          time: time[row],
          channel: channel[row],
          a: a[row],
          b: b[row],
          c: c[row],
        });
      }
    });
    this.sensor = new Sensor({
      parameters: parameters.sensors[1],
      driver: doorLines,
      transport: this.transport,
      port: '/dev/door',
      silentMs: 15 * 60_000,
      now: () => this.now,
      intake: this.intake,
      log: (level, fields, message) => void this.logs.push(`${level} ${message}: ${fields.detail ?? ''}`),
    });
  }

  send(text: string): void {
    this.transport.push(Buffer.from(text));
  }

  /** Ticks each whole second up to `until`, then stands there. */
  tickTo(until: number): void {
    for (let next = Math.floor(this.now / 1_000) * 1_000 + 1_000; next <= until; next += 1_000) {
      this.now = next;
      this.sensor.tick(next);
      this.intake.advance(next);
    }
    this.now = until;
  }

  reports(): Row[] {
    this.intake.handOverPending();
    return this.rows.filter(({ kind }) => kind === InputKind.sensor);
  }

  covered(): number {
    return this.reports().reduce((sum, { c }) => sum + c, 0);
  }
}

describe('a sensor', () => {
  it('is down before its line was opened, and tells why, once for each reason', () => {
    const bench = new Bench();
    bench.transport.hangUp();
    expect(bench.sensor.status()).toMatchObject({ state: 'down', detail: 'not opened yet', since_ms: START });
    bench.sensor.start();
    bench.now += 5_000;
    bench.sensor.start();
    expect(bench.sensor.status()).toMatchObject({ state: 'down', detail: 'the line is not there', since_ms: START });
    expect(bench.logs).toEqual(['warn sensor down: the line is not there']);
  });

  it('falls silent after a quarter of an hour without a valid frame, noise or not, and recovers with one', () => {
    const bench = new Bench();
    bench.sensor.start();
    bench.tickTo(START + 2_500);
    bench.send('+\n');
    bench.tickTo(START + 2_500 + 15 * MINUTE - 1);
    bench.send('boot text\n');
    expect(bench.sensor.status()).toMatchObject({ state: 'up', since_ms: START, last_frame_ms: START + 2_500 });
    bench.tickTo(bench.now + 1_000);
    const silentAt = START + 3_000 + 15 * MINUTE;
    expect(bench.sensor.status()).toMatchObject({ state: 'silent', since_ms: silentAt });
    bench.tickTo(bench.now + MINUTE);
    bench.send('more boot text\n');
    expect(bench.sensor.status().state).toBe('silent');
    bench.send('+\n');
    expect(bench.sensor.status()).toMatchObject({ state: 'up', since_ms: bench.now, detail: null });
    expect(bench.logs).toEqual(['info sensor up: ', 'warn sensor silent: ', 'info sensor up: ']);
  });

  it('does not blame a line that was just opened again for the silence before', () => {
    const bench = new Bench();
    bench.sensor.start();
    bench.tickTo(START + 10 * MINUTE);
    bench.transport.hangUp('unplugged');
    bench.tickTo(START + 20 * MINUTE);
    expect(bench.sensor.status()).toMatchObject({ state: 'down', detail: 'unplugged' });
    bench.transport.restore();
    bench.tickTo(START + 30 * MINUTE);
    expect(bench.sensor.status()).toMatchObject({ state: 'up', since_ms: START + 20 * MINUTE });
    expect(bench.logs).toEqual(['info sensor up: ', 'warn sensor down: unplugged', 'info sensor up: ']);
  });

  it('puts no half of a total together with the next line when its line is opened anew', () => {
    const bench = new Bench();
    bench.sensor.start();
    bench.send('boot\n112\n1');
    bench.transport.hangUp();
    bench.transport.restore();
    bench.send('13\n114\n');
    bench.intake.handOverPending();
    const totals = bench.rows.filter(({ kind }) => kind === InputKind.counter).map(({ a }) => a);
    expect(totals).toEqual([112, 114]);
    expect(bench.sensor.status()).toMatchObject({ accepted: 2, rejected: { noise: 1, truncated: 2 } });
  });

  it('counts frames of the last full minute', () => {
    const bench = new Bench();
    bench.sensor.start();
    bench.tickTo(START + 30_000);
    for (let second = 0; second < 60; second += 20) {
      bench.send('+\n-\n');
      bench.tickTo(bench.now + 20_000);
    }
    expect(bench.sensor.status().per_minute).toBe(6);
    bench.tickTo(bench.now + MINUTE);
    expect(bench.sensor.status().per_minute).toBe(0);
  });

  it('gives no frame after it was stopped', async () => {
    const bench = new Bench();
    bench.sensor.start();
    await bench.sensor.stop();
    bench.send('+\n');
    expect(bench.sensor.status().accepted).toBe(0);
  });
});

describe('the reports of a sensor', () => {
  it('add up to what was delivered, each at the end of a span of ten seconds', () => {
    const text = fc.constantFrom('+\n', '-\n', '++-\n', '12', '\n', '+1\n', 'rubbish\n', '99999999999\n', '{"v":1}\n');
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 4_000 }), text), { maxLength: 40 }), (sent) => {
        const bench = new Bench();
        bench.sensor.start();
        for (const [after, bytes] of sent) {
          bench.tickTo(bench.now + after);
          bench.send(bytes);
        }
        bench.tickTo(bench.now + 10_000);
        const reports = bench.reports();
        const { bytes, accepted, rejected } = bench.sensor.status();
        expect(bytes).toBe(sent.reduce((sum, [, { length }]) => sum + length, 0));
        expect(reports.reduce((sum, { a }) => sum + a, 0)).toBe(bytes);
        expect(reports.reduce((sum, { b }) => sum + b, 0)).toBe(accepted);
        const told: Record<string, number> = {};
        for (const { kind, channel, a } of bench.rows) {
          if (kind === InputKind.rejection) told[REJECTIONS[channel]] = (told[REJECTIONS[channel]] ?? 0) + a;
        }
        expect(told).toEqual(rejected);
        expect(reports.every(({ time }) => (time + 1) % 10_000 === 0)).toBe(true);
        expect(bench.covered()).toBe(Math.floor(bench.now / 10_000) * 10_000 - START);
      }),
      { numRuns: 60 },
    );
  });

  it('cover no time at which the line was down or silent', () => {
    const bench = new Bench();
    bench.sensor.start();
    bench.tickTo(START + 25_000);
    bench.transport.hangUp();
    bench.tickTo(START + 42_000);
    bench.transport.restore();
    bench.tickTo(START + 60_000);
    expect(bench.covered()).toBe(60_000 - 17_000);
    bench.tickTo(START + 42_000 + 30 * MINUTE);
    expect(bench.sensor.status().state).toBe('silent');
    expect(bench.covered()).toBe(25_000 + 15 * MINUTE);
  });

  it('cover no time over which the clock jumped or the loop stalled', () => {
    const bench = new Bench();
    bench.sensor.start();
    bench.tickTo(START + 20_000);
    bench.now += 60 * MINUTE;
    bench.tickTo(bench.now + 20_000);
    // One second of the jump's tick, as any other.
    expect(bench.covered()).toBeGreaterThanOrEqual(39_000);
    expect(bench.covered()).toBeLessThanOrEqual(41_000);
  });

  it('say nothing of a line that was down all the while', () => {
    const bench = new Bench();
    bench.transport.hangUp();
    bench.sensor.start();
    bench.tickTo(START + 5 * MINUTE);
    expect(bench.reports()).toEqual([]);
  });

  it('cover only time before their end, when the line goes down between that end and the tick', () => {
    const bench = new Bench();
    bench.sensor.start();
    bench.tickTo(START + 9_900);
    bench.now = START + 10_300;
    bench.transport.hangUp();
    bench.now = START + 10_500;
    bench.sensor.tick(bench.now);
    const [first] = bench.reports();
    expect(first.time).toBe(START + 9_999);
    expect(first.c).toBe(10_000);
  });

  it('lie at or before the time they are taken in at, as every row does', () => {
    const bench = new Bench();
    bench.sensor.start();
    bench.tickTo(START + 10_000);
    const [first] = bench.reports();
    expect(first.time).toBeLessThanOrEqual(first.at);
  });
});
