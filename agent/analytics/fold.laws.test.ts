/** The laws that make a replay equal the run: property tests over rows of all kinds. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InputBatch } from '../readings.ts';
import { InputKind } from '../readings.ts';
import { anyInputs, batchOf, HOUR, type Input, parametersOf, START } from './fold.testing.ts';
import { Fold } from './fold.ts';
import type { SealedWindow, WindowRecord } from './records.ts';

const RUNS = { numRuns: 150 };
const DAY = 24 * HOUR;

interface Outcome {
  sealed: SealedWindow[];
  bytes: string;
}

function finish(fold: Fold, sealed: SealedWindow[], until: number): Outcome {
  fold.advance(until);
  sealed.push(...fold.takeSealed());
  return { sealed, bytes: Buffer.from(fold.snapshot()).toString('base64') };
}

function run(batch: InputBatch, until: number): Outcome {
  const fold = Fold.start(parametersOf(), START);
  fold.apply(batch, 0, batch.length);
  return finish(fold, [], until);
}

const endOf = (batch: InputBatch): number => batch.at[batch.length - 1] + DAY;

function recordsOf<Kind extends WindowRecord['kind']>(sealed: SealedWindow[], kind: Kind) {
  return sealed.flatMap(({ records }) =>
    records.filter(
      (record): record is Extract<WindowRecord, { kind: Kind }> => record.kind === kind && record.rev === 1,
    ),
  );
}

const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);

describe('time', () => {
  it('advance(t1) then advance(t2) equals advance(t2)', () => {
    fc.assert(
      fc.property(anyInputs, fc.array(fc.integer({ min: 0, max: DAY }), { maxLength: 8 }), (inputs, steps) => {
        const batch = batchOf(inputs, START);
        const last = batch.at[batch.length - 1];
        const stepped = Fold.start(parametersOf(), START);
        stepped.apply(batch, 0, batch.length);
        for (const step of [...steps].sort((one, other) => one - other)) stepped.advance(last + step);
        expect(finish(stepped, [], last + DAY)).toEqual(run(batch, last + DAY));
      }),
      RUNS,
    );
  });

  it('ticks between rows change nothing', () => {
    fc.assert(
      fc.property(
        anyInputs,
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 120 }),
        (inputs, parts) => {
          const batch = batchOf(inputs, START);
          const ticked = Fold.start(parametersOf(), START);
          const sealed: SealedWindow[] = [];
          for (let row = 0; row < batch.length; row++) {
            const gap = batch.at[row] - ticked.at;
            ticked.advance(ticked.at + Math.floor(gap * (parts[row] ?? 0)));
            sealed.push(...ticked.takeSealed());
            ticked.apply(batch, row, row + 1);
          }
          expect(finish(ticked, sealed, endOf(batch))).toEqual(run(batch, endOf(batch)));
        },
      ),
      RUNS,
    );
  });
});

describe('replay', () => {
  it('equals in any cut, with a snapshot restored at any cut, with rows told twice', () => {
    fc.assert(
      fc.property(anyInputs, fc.array(fc.nat(120), { maxLength: 6 }), fc.boolean(), (inputs, cuts, twice) => {
        const batch = batchOf(inputs, START);
        let fold = Fold.start(parametersOf(), START);
        const sealed: SealedWindow[] = [];
        let from = 0;
        for (const cut of [...cuts, batch.length].map((at) => Math.min(at, batch.length)).sort((a, b) => a - b)) {
          fold.apply(batch, twice ? 0 : from, cut);
          from = cut;
          sealed.push(...fold.takeSealed());
          const restored = Fold.restore(fold.snapshot());
          expect(restored.live()).toEqual(fold.live());
          fold = restored;
        }
        expect(finish(fold, sealed, endOf(batch))).toEqual(run(batch, endOf(batch)));
      }),
      RUNS,
    );
  });

  it('does not depend on the order of the device table', () => {
    fc.assert(
      fc.property(anyInputs, fc.integer({ min: 1, max: 2 ** 31 }), (inputs, spread) => {
        const relabelled = inputs.map((input): Input => {
          if (input.kind !== InputKind.sighting || input.values === undefined) return input;
          const [a, b, c, d] = input.values;
          // Another key for each device, so that all of them lie and collide elsewhere; no fingerprint stays none.
          const other = (value: number): number => Math.imul(value, 2 * spread + 1) >>> 0;
          return { ...input, values: [a, other(b), c, other(d)] };
        });
        const until = endOf(batchOf(inputs, START));
        expect(run(batchOf(relabelled, START), until).sealed).toEqual(run(batchOf(inputs, START), until).sealed);
      }),
      RUNS,
    );
  });

  it('stays exact over jumps of time and the windows they skip', () => {
    fc.assert(
      fc.property(
        anyInputs,
        fc.integer({ min: 2 * DAY + 1, max: 40 * DAY }),
        anyInputs,
        fc.nat(120),
        (one, jump, two, cut) => {
          const inputs = [...one, { kind: InputKind.tick, sensor: 0, after: jump, lag: 0 }, ...two];
          const batch = batchOf(inputs, START);
          const whole = run(batch, endOf(batch));
          const first = Fold.start(parametersOf(), START);
          const at = Math.min(cut, batch.length);
          first.apply(batch, 0, at);
          const sealed = first.takeSealed();
          const second = Fold.restore(first.snapshot());
          second.apply(batch, at, batch.length);
          expect(finish(second, sealed, endOf(batch))).toEqual(whole);
          whole.sealed.forEach((window, index) => {
            expect(window.ordinal).toBe(index + 1);
            const before = whole.sealed[index - 1];
            if (before !== undefined && window.skipped === 0) expect(window.startMs).toBe(before.endMs);
            else if (before !== undefined) expect(window.startMs).toBeGreaterThan(before.endMs);
          });
          expect(whole.sealed.some(({ skipped }) => skipped > 0)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('conservation', () => {
  it('counts every sighting and every person once', () => {
    fc.assert(
      fc.property(anyInputs, (inputs) => {
        const batch = batchOf(inputs, START);
        const { sealed } = run(batch, endOf(batch));
        const known = knownSightings(inputs);
        expect(sum(recordsOf(sealed, 'traffic').map(({ sightings }) => sightings))).toBe(known);
        const people = expectedPeople(inputs, batch);
        const doors = recordsOf(sealed, 'door');
        const main = doors.filter(({ place }) => place === 'main');
        expect(sum(main.map(({ entries }) => entries))).toBe(people.main.entries);
        expect(sum(main.map(({ exits }) => exits))).toBe(people.main.exits);
        expect(sum(main.map(({ set_aside }) => set_aside))).toBe(people.main.setAside);
        const side = doors.filter(({ place }) => place === 'side');
        expect(sum(side.map(({ entries }) => entries))).toBe(people.side.entries);
        expect(sum(side.map(({ exits }) => exits))).toBe(people.side.exits);
        const sales = inputs.filter(({ kind }) => kind === InputKind.transaction).map(({ values }) => values?.[0] ?? 0);
        expect(sum(recordsOf(sealed, 'entry').map(({ transactions }) => transactions ?? 0))).toBe(sum(sales));
      }),
      RUNS,
    );
  });

  it('keeps occupancy, dwell and encounters consistent', () => {
    fc.assert(
      fc.property(anyInputs, (inputs) => {
        const batch = batchOf(inputs, START);
        const { sealed } = run(batch, endOf(batch));
        for (const { records } of sealed) {
          const flows = records.filter((record) => record.kind === 'occupancy');
          for (const record of flows) {
            expect(record.at_end).toBe(Math.max(0, record.at_start + record.entries - record.exits));
            expect(record.min).toBeLessThanOrEqual(Math.min(record.at_start, record.at_end));
            expect(record.max).toBeGreaterThanOrEqual(Math.max(record.at_start, record.at_end));
          }
          const doors = records.filter((record) => record.kind === 'door');
          expect(flows[0].entries).toBe(sum(doors.map(({ entries }) => entries)));
          expect(flows[0].exits).toBe(sum(doors.map(({ exits }) => exits)));
          for (const record of records.filter((one) => one.kind === 'dwell')) {
            expect(sum(record.histogram.map(([, count]) => count))).toBe(record.visits);
            expect(record.bounced + record.engaged).toBeLessThanOrEqual(record.visits);
          }
        }
        const visits = sum(recordsOf(sealed, 'entry').map((record) => record.visits));
        const ended = sum(
          recordsOf(sealed, 'dwell').map((record) => record.visits + record.heard_once + record.censored),
        );
        if (!inputs.some(({ kind }) => kind === InputKind.parameters)) expect(ended).toBeLessThanOrEqual(visits);
        const days = recordsOf(sealed, 'day').map(({ date }) => date);
        expect(new Set(days).size).toBe(days.length);
        expect([...days].sort()).toEqual(days);
      }),
      RUNS,
    );
  });
});

/** Sightings of sensors that are known when they come: sensor 4 only after parameters that name it. */
function knownSightings(inputs: readonly Input[]): number {
  let second = false;
  let count = 0;
  for (const { kind, sensor, payload } of inputs) {
    if (kind === InputKind.parameters) second = payload?.includes('"back"') ?? false;
    if (kind === InputKind.sighting && (sensor === 0 || second)) count++;
  }
  return count;
}

/** What the doors let through, worked out from the rows alone. The random counters are 8 bits wide. */
function expectedPeople(inputs: readonly Input[], batch: InputBatch) {
  const main = { entries: 0, exits: 0, setAside: 0 };
  const side = { entries: 0, exits: 0 };
  let last: { a: number; b: number; boot: number; time: number } | undefined;
  inputs.forEach(({ kind, sensor, values = [0, 0, 0, 0] }, row) => {
    const [a, b, boot] = values;
    if (kind === InputKind.crossing && sensor === 1) {
      main.entries += a;
      main.exits += b;
    } else if (kind === InputKind.crossing) {
      side.entries += b;
      side.exits += a;
    } else if (kind === InputKind.counter) {
      const time = batch.time[row];
      if (last !== undefined) {
        const falls = (from: number, to: number) => to < from && !(from > 230.4 && to < 25.6);
        const reset = boot !== last.boot || falls(last.a, a) || falls(last.b, b);
        const limit = 20 + Math.max(0, time - last.time) / 200;
        const entered = reset ? a : (a - last.a + 256) % 256;
        const left = reset ? b : (b - last.b + 256) % 256;
        if (entered > limit) main.setAside += entered;
        else main.entries += entered;
        if (left > limit) main.setAside += left;
        else main.exits += left;
      }
      last = { a, b, boot, time };
    }
  });
  return { main, side };
}
