import { describe, expect, it } from 'vitest';
import { openStorageClient } from './client.ts';
import { inspectDatabase } from './inspect.ts';
import { sampleClose, temporaryDirectory } from './samples.fixture.ts';

const code = (value: string) => expect.objectContaining({ code: value });
const ALL = { after: 0, before: Number.MAX_SAFE_INTEGER, limit: 100 };
const machineId = 'machine';

describe('storage client', () => {
  it('carries out calls in the order they were made, failing ones too', async () => {
    using directory = temporaryDirectory();
    const storage = openStorageClient({ path: directory.file('a.db'), machineId });
    const order: string[] = [];
    const note = (name: string, call: Promise<unknown>) =>
      call.then(
        () => order.push(name),
        () => order.push(`${name} failed`),
      );
    await Promise.all([
      note('open', storage.open()),
      note('commit', storage.commit({ firstOrdinal: 1, lastOrdinal: 2, body: Uint8Array.of(1) })),
      note('gap', storage.closeWindow(sampleClose({ sequence: 9, windowOrdinal: 1, ordinal: 2 }))),
      note('close', storage.closeWindow(sampleClose({ sequence: 1, windowOrdinal: 1, ordinal: 2 }))),
      note('one reader', storage.readOutbox(ALL)),
      note('other reader', storage.readHistory({ fromMs: 0, toMs: 1e15 })),
      note('state', storage.state()),
      note('stop', storage.stop()),
      note('late', storage.state()),
    ]);
    expect(order.filter((name) => name !== 'late failed')).toEqual([
      'open',
      'commit',
      'gap failed',
      'close',
      'one reader',
      'other reader',
      'state',
      'stop',
    ]);
    expect(order).toContain('late failed');
  });

  it('brings every byte there and back, also out of a larger buffer, and leaves the caller its own', async () => {
    using directory = temporaryDirectory();
    const storage = openStorageClient({ path: directory.file('a.db'), machineId });
    await storage.open();
    const large = new Uint8Array(300_000).map((_, index) => index * 7);
    const body = large.subarray(1000, 200_000);
    await storage.commit({ firstOrdinal: 1, lastOrdinal: 5, body });
    const close = sampleClose({ sequence: 1, windowOrdinal: 1, ordinal: 0 });
    close.batches[0].body = body;
    await storage.closeWindow(close);
    expect(large.length).toBe(300_000);
    expect(Buffer.compare((await storage.readOutbox(ALL))[0].body, body)).toBe(0);
    await storage.stop();

    const again = openStorageClient({ path: directory.file('a.db'), machineId });
    const opened = await again.open();
    expect(Buffer.compare(opened.journal[0].body, body)).toBe(0);
    expect(Buffer.from(opened.snapshot?.body ?? []).toString()).toBe('state at 0');
    await again.stop();
    await again.stop();
  });

  it('keeps health and status', async () => {
    using directory = temporaryDirectory();
    const storage = openStorageClient({ path: directory.file('a.db'), machineId });
    await storage.open();
    const gone = { atMs: 7, code: 'sensor_down', subject: 'front', change: 'began', message: 'gone' } as const;
    const started = { ...gone, code: 'daemon_started', subject: '', change: 'event' } as const;
    await storage.noteHealth([started, gone]);
    await storage.keepStatus('{"v":1}');
    expect(await storage.readHealth({ limit: 9 })).toEqual([gone, started]);
    expect(inspectDatabase(directory.file('a.db')).status).toBe('{"v":1}');
    await storage.stop();
    const again = openStorageClient({ path: directory.file('a.db'), machineId });
    expect((await again.open()).openHealth).toEqual([gone]);
    await again.stop();
  });

  it('keeps the bounds it is given, and passes on what they and dead letters ask', async () => {
    using directory = temporaryDirectory();
    const bounds = { bytes: 1_000_000, windows: 2 };
    const storage = openStorageClient({ path: directory.file('a.db'), machineId, bounds });
    await storage.open();
    for (let n = 1; n <= 3; n++) {
      expect(await storage.closeWindow(sampleClose({ sequence: n, windowOrdinal: n, ordinal: n }))).toEqual([]);
    }
    const close = sampleClose({ sequence: 4, windowOrdinal: 4, ordinal: 4 });
    expect(await storage.closeWindow(close)).toMatchObject([{ fromSequence: 1, reason: 'buffer_age' }]);
    await storage.reject([2, 3, 4].map((sequence) => ({ sequence, code: 'schema', message: 'no' })));
    expect(await storage.readDeadLetters({ after: 2, limit: 1 })).toMatchObject([{ sequence: 3 }]);
    expect(await storage.readDeadBodies([4])).toMatchObject([{ sequence: 4, body: close.batches[0].body }]);
    expect(await storage.resend([4])).toEqual([4]);
    expect(await storage.drop([2])).toEqual([2]);
    expect(await storage.state()).toMatchObject({ held: 1, deadLetters: 1, dropped: 2, oldestOfEpoch: 4 });
    await storage.stop();
  });

  it('passes errors on with their code and hint', async () => {
    using directory = temporaryDirectory();
    const storage = openStorageClient({ path: directory.file('a.db'), machineId });
    await expect(storage.state()).rejects.toMatchObject({ name: 'AgentError', code: 'storage_not_open', hint: /open/ });
    await storage.open();
    const second = openStorageClient({ path: directory.file('a.db'), machineId });
    await expect(second.open()).rejects.toThrow(code('database_in_use'));
    await second.stop();
    await storage.stop();
  });

  it('rejects everything outstanding when the thread dies, tells once, and leaves the committed', async () => {
    using directory = temporaryDirectory();
    const path = directory.file('a.db');
    const told: string[] = [];
    const storage = openStorageClient({
      path,
      machineId,
      workerUrl: new URL('./dying-worker.fixture.ts', import.meta.url),
      onError: (error) => told.push(error.message),
    });
    await storage.open();
    await storage.commit({ firstOrdinal: 1, lastOrdinal: 2, body: Uint8Array.of(1) });
    const outcomes = await Promise.allSettled([
      storage.closeWindow(sampleClose({ sequence: 1, windowOrdinal: 1, ordinal: 2 })),
      storage.commit({ firstOrdinal: 3, lastOrdinal: 4, body: Uint8Array.of(1) }),
      storage.state(),
    ]);
    for (const outcome of outcomes.slice(1)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'storage_stopped' } });
    }
    await expect(storage.state()).rejects.toThrow(code('storage_stopped'));
    await storage.stop();
    expect(told).toEqual([expect.stringContaining('the thread is gone')]);

    const next = openStorageClient({ path, machineId });
    expect(await next.open()).toMatchObject({ nextSequence: 1, journal: [{ firstOrdinal: 1, lastOrdinal: 2 }] });
    await next.stop();
  });

  it('rejects when the thread cannot even start', async () => {
    using directory = temporaryDirectory();
    const workerUrl = new URL('./no-such-worker.fixture.ts', import.meta.url);
    const storage = openStorageClient({ path: directory.file('a.db'), machineId, workerUrl });
    await expect(storage.open()).rejects.toThrow(code('storage_stopped'));
  });

  it('can host a faulty owner: a close that is not one transaction leaves half of itself', async () => {
    using directory = temporaryDirectory();
    const bad = sampleClose({ sequence: 1, windowOrdinal: 1, ordinal: 2 });
    bad.snapshot.version = 0.5;
    const heldAfter = async (workerUrl: URL): Promise<number> => {
      const storage = openStorageClient({
        path: directory.file(`${workerUrl.pathname.length}.db`),
        machineId,
        workerUrl,
      });
      await storage.open();
      await expect(storage.closeWindow(bad)).rejects.toThrow(code('storage_failed'));
      const { held } = await storage.state();
      await storage.stop();
      return held;
    };
    expect(await heldAfter(new URL('./worker.ts', import.meta.url))).toBe(0);
    expect(await heldAfter(new URL('./torn-worker.fixture.ts', import.meta.url))).toBe(1);
  });
});
