import { describe, expect, it } from 'vitest';
import { Owner } from './owner.ts';
import { sampleClose, temporaryDirectory } from './samples.fixture.ts';
import type { HealthChange } from './storage.ts';

const began = (atMs: number, subject = 'front', code = 'sensor_down'): HealthChange => ({
  atMs,
  code,
  subject,
  change: 'began',
  message: `${code} of ${subject} at ${atMs}`,
});
const ended = (atMs: number, subject = 'front', code = 'sensor_down'): HealthChange => ({
  ...began(atMs, subject, code),
  change: 'ended',
});

function reopen(path: string): { owner: Owner; open: HealthChange[]; [Symbol.dispose](): void } {
  const owner = new Owner({ path, machineId: 'machine' });
  const { openHealth } = owner.open();
  return { owner, open: openHealth, [Symbol.dispose]: () => owner.stop() };
}

describe('the history of health', () => {
  it('gives back what began and has not ended, and all changes newest first', () => {
    using directory = temporaryDirectory();
    const path = directory.file('a.db');
    const event: HealthChange = { atMs: 4.4, code: 'daemon_started', subject: '', change: 'event', message: '0.2.0' };
    {
      using session = reopen(path);
      session.owner.noteHealth([began(2, 'door'), began(1), began(3, '', 'uplink_down')]);
      session.owner.noteHealth([event, ended(5, 'door')]);
    }
    using session = reopen(path);
    expect(session.open).toEqual([began(1), began(3, '', 'uplink_down')]);
    expect(session.owner.readHealth({ limit: 3 })).toEqual([
      ended(5, 'door'),
      { ...event, atMs: 4 },
      began(3, '', 'uplink_down'),
    ]);
  });

  it('takes the same change again without a second row', () => {
    using directory = temporaryDirectory();
    using session = reopen(directory.file('a.db'));
    session.owner.noteHealth([began(1), began(2), ended(3), ended(4), began(5)]);
    expect(session.owner.readHealth({ limit: 9 }).map(({ atMs, change }) => `${change} ${atMs}`)).toEqual([
      'began 5',
      'ended 3',
      'began 1',
    ]);
  });

  it('keeps 5,000 rows, and never forgets what is still open', () => {
    using directory = temporaryDirectory();
    const path = directory.file('a.db');
    {
      using session = reopen(path);
      session.owner.noteHealth([began(1, 'old')]);
      const flapping = Array.from({ length: 3_000 }, (_, index) => [began(10 + index), ended(10 + index)]).flat();
      session.owner.noteHealth(flapping);
      session.owner.noteHealth(flapping.slice(0, 4));
      const rows = session.owner.readHealth({ limit: 10_000 });
      expect(rows).toHaveLength(5_000);
      expect(rows.some(({ subject }) => subject === 'old')).toBe(false);
    }
    using session = reopen(path);
    expect(session.open).toEqual([began(1, 'old')]);
  });

  it('keeps all of a note or nothing of it', () => {
    using directory = temporaryDirectory();
    using session = reopen(directory.file('a.db'));
    const bad = { ...began(2, 'door'), message: 7 as unknown as string };
    expect(() => session.owner.noteHealth([began(1), bad])).toThrow(
      expect.objectContaining({ code: 'storage_failed' }),
    );
    expect(session.owner.readHealth({ limit: 9 })).toEqual([]);
    session.owner.noteHealth([began(1)]);
    expect(session.owner.readHealth({ limit: 9 })).toEqual([began(1)]);
  });
});

describe('what a close tells of the buffer', () => {
  it('means the bytes of its windows, once each, and the age of the oldest batch held', () => {
    using directory = temporaryDirectory();
    const path = directory.file('a.db');
    const sized = (sequence: number, windowOrdinal: number, bytes: number) => {
      const close = sampleClose({ sequence, windowOrdinal, ordinal: sequence });
      close.batches[0].body = new Uint8Array(bytes);
      return close;
    };
    using session = reopen(path);
    const { owner } = session;
    expect(owner.state()).toMatchObject({ oldestSealedMs: null, bytesPerWindow: null });
    const first = sized(1, 1, 100);
    const second = sized(2, 2, 300);
    owner.closeWindow(first);
    owner.closeWindow(first);
    expect(owner.state()).toMatchObject({ oldestSealedMs: first.sealedAtMs, bytesPerWindow: 100 });
    // A window in two batches, behind one whose outcome was not known.
    const third = sized(3, 2, 500);
    owner.closeWindow({ ...second, batches: [...first.batches, ...second.batches, ...third.batches] });
    expect(owner.state()).toMatchObject({ oldestSealedMs: first.sealedAtMs, bytesPerWindow: (100 + 800) / 2 });
    owner.acknowledge([1]);
    expect(owner.state().oldestSealedMs).toBe(second.sealedAtMs);
    for (let n = 4; n <= 300; n++) owner.closeWindow(sized(n, n, 40));
    // The two heavy ones have worn off, which in a mean over all would still be 42.7.
    expect(owner.state().bytesPerWindow).toBeLessThan(42);
    owner.acknowledge(Array.from({ length: 300 }, (_, index) => index + 1));
    expect(owner.state()).toMatchObject({ held: 0, oldestSealedMs: null });
    expect(owner.state().bytesPerWindow).not.toBeNull();
  });

  it('leaves mean, status and times alone when it fails', () => {
    using directory = temporaryDirectory();
    using session = reopen(directory.file('a.db'));
    session.owner.closeWindow(sampleClose({ sequence: 1, windowOrdinal: 1, ordinal: 1 }));
    const before = session.owner.state();
    const bad = sampleClose({ sequence: 2, windowOrdinal: 2, ordinal: 2 });
    bad.status = {} as unknown as string;
    bad.batches[0].body = new Uint8Array(5_000);
    expect(() => session.owner.closeWindow(bad)).toThrow(expect.objectContaining({ code: 'storage_failed' }));
    expect(session.owner.state()).toMatchObject({ ...before, databaseBytes: expect.any(Number) });
    session.owner.closeWindow({ ...sampleClose({ sequence: 2, windowOrdinal: 2, ordinal: 2 }), status: null });
    expect(session.owner.state()).toMatchObject({ held: 2, bytesPerWindow: 7 });
  });
});
