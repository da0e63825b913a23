import { createSecretKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { MINUTE, parametersOf, START, withBluetooth } from './analytics/fold.testing.ts';
import { Fold } from './analytics/fold.ts';
import { Intake } from './intake.ts';
import type { TailEvent } from './local/tail.ts';
import { type AddressFilter, Boundary } from './privacy/boundary.ts';
import { createRawAdvertisement, createRawSighting } from './raw.ts';
import { AdvertisementFlag, InputKind } from './readings.ts';
import { decodeRows, encodeRows } from './storage/columns.ts';
import { Tap } from './tap.ts';

function bench(ignore?: AddressFilter) {
  const batches: { first: number; length: number; at: number[]; time: number[] }[] = [];
  const fold = Fold.start(parametersOf(), START);
  const boundary = new Boundary({
    key: createSecretKey(Buffer.alloc(32, 7)),
    ...(ignore === undefined ? {} : { ignore }),
  });
  const intake = new Intake(fold, boundary, ({ firstOrdinal: first, length, at, time }) => {
    batches.push({ first, length, at: [...at.subarray(0, length)], time: [...time.subarray(0, length)] });
  });
  return { intake, fold, batches };
}

const entriesOf = (fold: Fold): number | null => fold.live().today.entries;

describe('the intake', () => {
  it('numbers rows without a gap, over batches that fill up, and hands each over once', () => {
    const { intake, fold, batches } = bench();
    const sink = intake.sinkOf(1);
    for (let i = 0; i < 20_000; i++) sink.crossing(START, 1, 0);
    intake.handOverPending();
    intake.handOverPending();
    let next = 1;
    for (const { first, length } of batches) {
      expect(first).toBe(next);
      next += length;
    }
    expect(batches.length).toBeGreaterThan(1);
    expect([next, intake.lastOrdinal, fold.ordinal, intake.pending]).toEqual([20_001, 20_000, 20_000, 0]);
    expect(entriesOf(fold)).toBe(20_000);
  });

  it('folds each row once, whether it is folded before, at or without the hand-over', () => {
    const { intake, fold } = bench();
    const sink = intake.sinkOf(1);
    sink.crossing(START, 1, 0);
    intake.foldPending();
    intake.foldPending();
    expect(entriesOf(fold)).toBe(1);
    sink.crossing(START, 1, 0);
    intake.handOverPending();
    sink.crossing(START, 1, 0);
    intake.dropPending();
    expect(entriesOf(fold)).toBe(3);
    expect(intake.lastOrdinal).toBe(3);
  });

  it('takes rows in at times that never go back, and in whole milliseconds', () => {
    const { intake, batches } = bench();
    const sink = intake.sinkOf(1);
    intake.arriveAt(START + 500);
    sink.crossing(START + 400.75, 1, 0);
    intake.arriveAt(START + 100);
    sink.crossing(START + 90, 1, 0);
    intake.handOverPending();
    expect(batches[0]).toMatchObject({ at: [START + 500, START + 500], time: [START + 400, START + 90] });
  });

  it('knows the oldest row of each urgency until it is handed over', () => {
    const { intake } = bench();
    intake.arriveAt(START + 1);
    intake.sinkOf(1).crossing(START, 1, 0);
    intake.arriveAt(START + 2);
    intake.sinkOf(1).crossing(START, 1, 0);
    intake.report(0, START, { up: true, bytes: 1, accepted: 0, coveredMs: 1, rejected: [0, 3] });
    expect([intake.oldest('door'), intake.oldest('sighting'), intake.oldest('report')]).toEqual([
      START + 1,
      Infinity,
      START + 2,
    ]);
    expect(intake.pending).toBe(4);
    intake.handOverPending();
    expect([intake.oldest('door'), intake.oldest('report')]).toEqual([Infinity, Infinity]);
  });

  it('hurries for a counter only where it tells something new', () => {
    const { intake } = bench();
    const urgent = (entered: number, boot: number): boolean => {
      intake.sinkOf(1).counter(START, entered, 0, boot, 32);
      const hurried = intake.oldest('door') !== Infinity;
      intake.handOverPending();
      return hurried;
    };
    expect([urgent(5, 1), urgent(5, 1), urgent(6, 1), urgent(6, 2), urgent(6, 2)]).toEqual([
      true,
      false,
      true,
      true,
      false,
    ]);
  });

  it('writes an idle counter that is polled each second once a minute, and each change at once', () => {
    const { intake, batches } = bench();
    const sink = intake.sinkOf(1);
    for (let second = 0; second < 600; second++) {
      intake.arriveAt(START + second * 1000);
      sink.counter(START + second * 1000, second < 599 ? 5 : 6, 0, 0, 16);
    }
    intake.handOverPending();
    // Ten, the totals as they were last heard, and the change.
    expect(batches).toMatchObject([{ length: 12 }]);
    expect(batches[0].time.slice(-3)).toEqual([START + 540_000, START + 598_000, START + 599_000]);
    expect(entriesOf(intake.fold)).toBe(1);
  });

  it.each([-5_000, 90_000, 6 * 365 * 24 * 3_600_000, -6 * 365 * 24 * 3_600_000])(
    'takes rows in at corrected times behind a correction by %d ms, which the journal keeps',
    (ms) => {
      const fold = Fold.start(parametersOf(), START);
      const rows: ReturnType<typeof decodeRows>[] = [];
      const boundary = new Boundary({ key: createSecretKey(Buffer.alloc(32, 7)) });
      const intake = new Intake(fold, boundary, (batch) => rows.push(decodeRows(encodeRows(batch, 0, batch.length))));
      const sink = intake.sinkOf(1);
      intake.arriveAt(START + 10);
      sink.crossing(START + 5, 1, 0);
      intake.correctClock('synchronised', { delta_ms: ms, restarted: false });
      intake.arriveAt(START + 20);
      sink.crossing(START + 15, 1, 0);
      expect(intake.oldest('door')).toBe(START + 10);
      intake.advance(START + 30);
      expect([fold.at, intake.correction]).toEqual([START + 30 + ms, ms]);
      intake.handOverPending();
      const [row] = rows;
      expect([...row.at]).toEqual([START + 10, START + 10, START + 20 + ms]);
      expect([...row.time]).toEqual([START + 5, START + 10, START + 15 + ms]);
      const replayed = Fold.start(parametersOf(), START);
      replayed.apply(row, 0, row.length);
      replayed.advance(fold.at);
      expect(replayed.takeSealed()).toEqual(fold.takeSealed());
      expect(Buffer.from(replayed.snapshot()).equals(fold.snapshot())).toBe(true);
    },
  );

  it('notes how far the clock is trusted only where that is news', () => {
    const { intake, fold } = bench();
    for (const trust of ['unknown', 'unknown', 'synchronised', 'synchronised'] as const) intake.trustClock(trust);
    expect([intake.lastOrdinal, fold.clockTrust]).toEqual([2, 'synchronised']);
  });

  it('takes an advertisement in as a row of its own kind, which the journal keeps', () => {
    const fold = Fold.start(withBluetooth(), START);
    const rows: ReturnType<typeof decodeRows>[] = [];
    const boundary = new Boundary({ key: createSecretKey(Buffer.alloc(32, 7)) });
    const intake = new Intake(fold, boundary, (batch) => rows.push(decodeRows(encodeRows(batch, 0, batch.length))));
    const raw = createRawAdvertisement();
    raw.address.set(0x5bcdab, 0xbc1234);
    Object.assign(raw, { time: START + 2.5, random: true, advertiser: 'phone', rssi: -67, channel: 37 });
    intake.arriveAt(START + 10);
    intake.sinkOf(5).advertisement(raw);
    expect(intake.oldest('sighting')).toBe(START + 10);
    intake.handOverPending();
    const [{ kind, sensor, time, flags, rssi, channel, a }] = rows;
    expect([kind[0], sensor[0], time[0], rssi[0], channel[0]]).toEqual([
      InputKind.advertisement,
      5,
      START + 2,
      -67,
      37,
    ]);
    expect(flags[0]).toBe(AdvertisementFlag.phone | AdvertisementFlag.random);
    expect(a[0]).not.toBe(0);
    intake.advance(START + 50_000);
    expect(fold.live().today.ble_now).toEqual({ phones: 1, fixtures: 0, others: 0 });
  });

  it('takes key changes and new parameters in as rows', () => {
    const { intake, fold } = bench();
    intake.keyChanged(77, true);
    intake.parametersChanged(JSON.stringify(parametersOf({ id: 'p2' })));
    intake.foldPending();
    expect([fold.key, fold.parameters.id, fold.ordinal]).toEqual([77, 'p2', 2]);
  });

  it('moves time on with what has come in, so that windows are sealed', () => {
    const { intake, fold } = bench();
    intake.sinkOf(1).crossing(START, 1, 0);
    intake.advance(START + 20 * MINUTE);
    expect(fold.takeSealed().map(({ ordinal }) => ordinal)).toEqual([1]);
  });

  describe('of a device to be ignored', () => {
    const sight = (intake: Intake): void => {
      const raw = createRawSighting();
      raw.address.set(0x3c0000, 9);
      raw.time = START;
      raw.rssi = -50;
      intake.sinkOf(0).sighting(raw);
    };

    it('leaves no row', () => {
      const { intake, batches } = bench({ matches: ({ low }) => low === 9 });
      sight(intake);
      intake.sinkOf(1).crossing(START, 1, 0);
      intake.handOverPending();
      expect(batches).toMatchObject([{ first: 1, length: 1 }]);
    });

    it('leaves no row of what it advertises either', () => {
      const { intake } = bench({ matches: ({ low }) => low === 9 });
      const raw = createRawAdvertisement();
      raw.address.set(0x3c0000, 9);
      intake.sinkOf(0).advertisement(raw);
      expect([intake.pending, intake.oldest('sighting')]).toEqual([0, Infinity]);
    });

    it('makes nothing wait to be written', () => {
      const { intake } = bench({ matches: () => true });
      sight(intake);
      expect(intake.pending).toBe(0);
      expect(intake.oldest('sighting')).toBe(Infinity);
    });
  });

  it('shows each row once to whoever looks, as it is folded', () => {
    const { intake } = bench();
    const tap = new Tap(() => START);
    intake.tap = tap;
    const sink = intake.sinkOf(1);
    sink.crossing(START, 1, 0);
    intake.foldPending();
    const seen: TailEvent[] = [];
    const stop = tap.listen({ sensors: [], kinds: [] }, (event) => seen.push(event));
    sink.crossing(START + 1, 2, 1);
    intake.foldPending();
    intake.foldPending();
    sink.crossing(START + 2, 0, 4);
    intake.handOverPending();
    stop();
    sink.crossing(START + 3, 1, 0);
    intake.foldPending();
    expect(seen).toMatchObject([
      { kind: 'door', at_ms: START + 1, in: 2, out: 1, total: false },
      { kind: 'door', at_ms: START + 2, in: 0, out: 4 },
    ]);
  });
});
