import { describe, expect, it } from 'vitest';
import { OpenOwner } from './ledger.fixture.ts';
import { sampleClose, temporaryDirectory } from './samples.fixture.ts';

const ALL = { after: 0, before: Number.MAX_SAFE_INTEGER, limit: 100 };

/** An owner that holds the sequences 1 to 9. */
function filled(path: string) {
  const owner = new OpenOwner({ path, machineId: 'machine' });
  const { epoch } = owner.open();
  for (let n = 1; n <= 9; n++) owner.closeWindow(sampleClose({ sequence: n, windowOrdinal: n, ordinal: n }));
  const held = (newestFirst = false) => owner.readOutbox({ ...ALL, newestFirst }).map(({ sequence }) => sequence);
  const gaps = () => owner.closeWindow({ ...sampleClose({ sequence: 0, windowOrdinal: 9, ordinal: 9 }), batches: [] });
  const damage = (table: string, sequence: number) =>
    owner.database.prepare(`UPDATE ${table} SET body = x'00' WHERE sequence = ?`).run(sequence);
  return { owner, epoch, held, gaps, damage, [Symbol.dispose]: () => owner.stop() };
}

const rejected = (sequence: number, code = 'schema') => ({ sequence, code, message: `no: ${code}` });

describe('dead letters', () => {
  it('tell what the collector said, and can be read, sent again as they were sealed, or dropped', () => {
    using directory = temporaryDirectory();
    using session = filled(directory.file('a.db'));
    const { owner, epoch, held, gaps } = session;
    const [, second] = owner.readOutbox(ALL);
    owner.reject([rejected(2), rejected(5), rejected(6), rejected(99)]);
    expect(held()).toEqual([1, 3, 4, 7, 8, 9]);
    expect(owner.readDeadLetters({ after: 2, limit: 1 })).toEqual([
      {
        epoch,
        sequence: 5,
        windowOrdinal: 5,
        code: 'schema',
        message: 'no: schema',
        atMs: sampleClose({ sequence: 9, windowOrdinal: 9, ordinal: 9 }).sealedAtMs,
        bytes: 'batch 5'.length,
      },
    ]);
    expect(owner.readDeadBodies([2, 3, 77])).toEqual([second]);
    expect(owner.resend([2, 3, 77])).toEqual([2]);
    expect(owner.readOutbox({ ...ALL, limit: 2 })[1]).toEqual(second);
    expect(gaps()).toEqual([]);
    expect(owner.drop([5, 6, 7, 77])).toEqual([5, 6]);
    expect(gaps()).toEqual([{ id: 1, epoch, fromSequence: 5, toSequence: 6, reason: 'operator', toldIn: null }]);
    expect(owner.state()).toMatchObject({ deadLetters: 0, held: 7, heldBytes: 7 * 7, dropped: 2 });
  });

  it('in conflict or damaged stay where they are, until they are dropped', () => {
    using directory = temporaryDirectory();
    using session = filled(directory.file('a.db'));
    const { owner, gaps, damage, held } = session;
    owner.reject([rejected(1, 'conflict'), rejected(2), rejected(3)]);
    damage('dead_letter', 2);
    damage('outbox', 4);
    expect(held()).toEqual([5, 6, 7, 8, 9]);
    expect(owner.resend([1, 2, 3, 4])).toEqual([3]);
    expect(owner.readDeadBodies([1, 2, 4]).map(({ sequence }) => sequence)).toEqual([1]);
    expect(owner.drop([1, 2, 4])).toEqual([1, 2, 4]);
    // The one that was found damaged in the outbox was told then, and not again when it was dropped.
    expect(gaps()).toMatchObject([
      { fromSequence: 4, toSequence: 4, reason: 'damaged' },
      { fromSequence: 1, toSequence: 2, reason: 'operator' },
    ]);
    expect(owner.state().dropped).toBe(3);
  });

  it('give the reader as many sound batches as it asked for, whichever way it reads', () => {
    using directory = temporaryDirectory();
    using session = filled(directory.file('a.db'));
    const { owner, damage, gaps } = session;
    for (const sequence of [2, 3, 4, 8, 9]) damage('outbox', sequence);
    const some = (newestFirst: boolean) =>
      owner.readOutbox({ after: 0, before: 100, limit: 2, newestFirst }).map(({ sequence }) => sequence);
    expect(some(true)).toEqual([7, 6]);
    expect(some(false)).toEqual([1, 5]);
    expect(gaps()).toMatchObject([
      { fromSequence: 8, toSequence: 9, reason: 'damaged' },
      { fromSequence: 2, toSequence: 4, reason: 'damaged' },
    ]);
    expect(owner.readDeadLetters({ after: 0, limit: 9 }).map(({ code }) => code)).toEqual(Array(5).fill('damaged'));
  });

  it('wait in the outbox, unread, while the disk cannot be written', () => {
    using directory = temporaryDirectory();
    using session = filled(directory.file('a.db'));
    const { owner, damage, held } = session;
    damage('outbox', 3);
    owner.database.pragma('query_only = ON');
    expect(held()).toEqual([1, 2, 4, 5, 6, 7, 8, 9]);
    owner.database.pragma('query_only = OFF');
    expect(owner.state()).toMatchObject({ held: 9, deadLetters: 0 });
    expect(held()).toEqual([1, 2, 4, 5, 6, 7, 8, 9]);
    expect(owner.state()).toMatchObject({ held: 8, deadLetters: 1, dropped: 1 });
  });

  it('keep the gaps of a gap record that was rejected, and have them told anew when it is dropped', () => {
    using directory = temporaryDirectory();
    using session = filled(directory.file('a.db'));
    const { owner, epoch, gaps } = session;
    const range = { epoch, fromSequence: 1, toSequence: 1, reason: 'operator' };
    owner.reject([rejected(1)]);
    owner.drop([1]);
    const [{ id }] = gaps();
    const close = sampleClose({ sequence: 10, windowOrdinal: 10, ordinal: 10 });
    close.gap = { sequence: 10, ranges: [range], tells: [id], replaces: [] };
    expect(owner.closeWindow(close)).toMatchObject([{ ...range, toldIn: 10 }]);
    owner.reject([rejected(10)]);
    expect(gaps()).toMatchObject([{ ...range, toldIn: 10 }]);
    expect(owner.resend([10])).toEqual([10]);
    owner.reject([rejected(10)]);
    owner.drop([10]);
    expect(gaps()).toMatchObject([
      { ...range, toldIn: null },
      { fromSequence: 10, toSequence: 10, reason: 'operator', toldIn: null },
    ]);
  });

  it('settles the gaps of a record once it is acknowledged, and tells those anew whose record an older release deleted', () => {
    using directory = temporaryDirectory();
    using session = filled(directory.file('a.db'));
    const { owner, epoch, gaps } = session;
    const range = (at: number) => ({ epoch, fromSequence: at, toSequence: at, reason: 'operator' });
    const record = (sequence: number, at: number) => {
      const close = sampleClose({ sequence, windowOrdinal: sequence, ordinal: sequence });
      close.gap = { sequence, ranges: [range(at)], tells: [], replaces: [] };
      owner.closeWindow(close);
    };
    record(10, 1);
    record(11, 2);
    owner.acknowledge([10]);
    owner.database.exec('DELETE FROM outbox WHERE sequence = 11');
    expect(gaps()).toMatchObject([{ ...range(2), toldIn: null }]);
  });
});
