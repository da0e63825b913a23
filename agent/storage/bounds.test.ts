import { describe, expect, it } from 'vitest';
import { gapToTell } from '../gap-to-tell.ts';
import type { Bounds } from './bounds.ts';
import { Owner } from './owner.ts';
import { sampleClose, temporaryDirectory } from './samples.fixture.ts';
import type { Gap, WindowClose } from './storage.ts';

const ALL = { after: 0, before: Number.MAX_SAFE_INTEGER, limit: 1_000_000 };
const MIB = 1024 * 1024;

function bounded(path: string, bounds: Bounds) {
  const owner = new Owner({ path, machineId: 'machine', bounds });
  const opened = owner.open();
  return { owner, opened, [Symbol.dispose]: () => owner.stop() };
}

/** A close of one window of so many bytes. */
function sized(sequence: number, windowOrdinal: number, bytes: number): WindowClose {
  const close = sampleClose({ sequence, windowOrdinal, ordinal: windowOrdinal });
  close.batches[0].body = new Uint8Array(bytes).fill(sequence);
  return close;
}

const covered = (gaps: Gap[]): number[] =>
  gaps.flatMap(({ fromSequence, toSequence }) =>
    Array.from({ length: toSequence - fromSequence + 1 }, (_, index) => fromSequence + index),
  );

describe('the bounds of the buffer', () => {
  it('drops the oldest windows beyond its bytes, some at once, and says which', () => {
    using directory = temporaryDirectory();
    using session = bounded(directory.file('a.db'), { bytes: 100_000, windows: 1_000 });
    const { owner } = session;
    let gaps: Gap[] = [];
    for (let n = 1; n <= 100; n++) gaps = owner.closeWindow(sized(n, n, 1_000));
    expect(gaps).toEqual([]);
    gaps = owner.closeWindow(sized(101, 101, 1_000));
    const { epoch } = session.opened;
    expect(gaps).toEqual([{ id: 1, epoch, fromSequence: 1, toSequence: 6, reason: 'buffer_full', toldIn: null }]);
    expect(owner.state()).toMatchObject({ held: 95, heldBytes: 95_000, oldestSequence: 7, dropped: 6 });
    for (let n = 102; n <= 106; n++) gaps = owner.closeWindow(sized(n, n, 1_000));
    expect(gaps).toHaveLength(1);
    expect(owner.state()).toMatchObject({ held: 100, dropped: 6 });
  });

  it('drops windows too far behind the newest, whatever the clock says', () => {
    using directory = temporaryDirectory();
    using session = bounded(directory.file('a.db'), { bytes: MIB, windows: 10 });
    const { owner } = session;
    for (let n = 1; n <= 11; n++) {
      const close = sized(n, n, 10);
      close.sealedAtMs += n % 2 === 0 ? 1e12 : 0;
      expect(owner.closeWindow(close)).toEqual([]);
    }
    const gaps = owner.closeWindow({
      ...sized(12, 12, 10),
      batches: [sized(12, 12, 10), sized(13, 13, 10)].flatMap((c) => c.batches),
      windowOrdinal: 13,
    });
    expect(gaps).toMatchObject([{ fromSequence: 1, toSequence: 2, reason: 'buffer_age' }]);
  });

  it('never drops a gap record, and lets it go when another takes its place', () => {
    using directory = temporaryDirectory();
    using session = bounded(directory.file('a.db'), { bytes: 10_000, windows: 1_000 });
    const { owner } = session;
    for (let n = 1; n <= 11; n++) owner.closeWindow(sized(n, n, 1_000));
    const record = sized(12, 12, 200);
    record.gap = { sequence: 12, ranges: [], tells: [], replaces: [] };
    owner.closeWindow(record);
    for (let n = 13; n <= 60; n++) owner.closeWindow(sized(n, n, 1_000));
    const held = () => owner.readOutbox(ALL).map(({ sequence }) => sequence);
    expect(held().slice(0, 2)).toEqual([12, 52]);
    const next = sized(61, 61, 200);
    next.gap = { sequence: 61, ranges: [], tells: [], replaces: [12] };
    owner.closeWindow(next);
    expect(held()[0]).toBe(52);
  });

  it('has a bound for the dead letters too', () => {
    using directory = temporaryDirectory();
    using session = bounded(directory.file('a.db'), { bytes: 80_000, windows: 1_000 });
    const { owner } = session;
    for (let n = 1; n <= 40; n++) owner.closeWindow(sized(n, n, 1_000));
    owner.reject(Array.from({ length: 30 }, (_, index) => ({ sequence: index + 1, code: 'schema', message: 'no' })));
    const gaps = owner.closeWindow(sized(41, 41, 1_000));
    expect(gaps).toMatchObject([{ fromSequence: 1, toSequence: 21, reason: 'dead_letters_full' }]);
    expect(owner.state()).toMatchObject({ deadLetters: 9, held: 11, dropped: 21 });
  });

  it('accounts for every window of an outage of months on 4 MiB, with few gap records', { timeout: 60_000 }, () => {
    using directory = temporaryDirectory('/dev/shm');
    using session = bounded(directory.file('a.db'), { bytes: 4 * MIB, windows: 100_000 });
    const { owner, opened } = session;
    let gaps = opened.gaps;
    let sequence = 1;
    let records = 0;
    const WINDOWS = 3_000;
    for (let window = 1; window <= WINDOWS; window++) {
      const close = sized(sequence++, window, 4_000 + (window % 7) * 600);
      const gap = gapToTell(gaps, opened);
      if (gap !== null) {
        records++;
        close.gap = { sequence, ...gap };
        close.batches.push({ sequence, windowOrdinal: window, body: Buffer.from(JSON.stringify(gap.ranges)) });
        sequence++;
      }
      gaps = owner.closeWindow(close);
    }
    const state = owner.state();
    expect(state.heldBytes).toBeLessThanOrEqual(4 * MIB);
    expect(state.heldBytes).toBeGreaterThan(0.94 * 4 * MIB);
    const held = owner.readOutbox(ALL).map((batch) => batch.sequence);
    const all = [...covered(gaps), ...held].sort((a, b) => a - b);
    expect(all).toEqual(Array.from({ length: sequence - 1 }, (_, index) => index + 1));
    // One of some forty windows at once, and those are merged.
    expect(records).toBeLessThan(WINDOWS / 20);
    expect(new Set(gaps.map(({ toldIn }) => toldIn)).size).toBeLessThan(70);
  });
});
