import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkBatch } from './intake.ts';
import { openSqliteThread } from './sqlite-thread.ts';
import { batchBody, NOW } from './store.testing.ts';

const folder = mkdtempSync(join(tmpdir(), 'footfall-thread-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the thread of an embedded database', () => {
  it('says why it cannot be opened', async () => {
    const opening = openSqliteThread(join(folder, 'absent', 'a.db'));
    await expect(opening).rejects.toMatchObject({
      code: 'collector_database',
      message: expect.stringContaining('the directory does not exist'),
      hint: expect.stringContaining('folder'),
    });
  });

  it('leaves the bodies that it is given as they are, finishes what was begun, and takes nothing once it is closed', async () => {
    const store = await openSqliteThread(join(folder, 'a.db'));
    const body = batchBody(1);
    const before = Buffer.from(body);
    const checked = checkBatch({ tenant: 'acme', gateway: 'gw-1' }, body);
    if (!checked.ok) throw new Error('no batch');
    const arrival = { kind: 'batch', batch: checked.batch } as const;
    const commits = [store.commit([arrival], NOW), store.commit([arrival], NOW)];
    const closing = store.close();
    expect(await Promise.all(commits)).toEqual([[{ became: 'stored' }], [{ became: 'duplicate' }]]);
    expect(Buffer.from(body).equals(before)).toBe(true);
    await closing;
    await store.close();
    await expect(store.commit([arrival], NOW)).rejects.toMatchObject({ code: 'collector_database' });
  });

  it('ends the process when it is gone: nothing would be stored any more', async () => {
    const urls = ['sqlite-thread.ts', 'dying-worker.fixture.ts'].map((name) => new URL(name, import.meta.url).href);
    const script = join(folder, 'script.mjs');
    writeFileSync(
      script,
      `const { openSqliteThread } = await import('${urls[0]}');
      const store = await openSqliteThread('${join(folder, 'b.db')}', new URL('${urls[1]}'));
      await store.commit([], 0);
      console.log('committed');
      setTimeout(() => {}, 30_000);`,
    );
    const ended = await new Promise<{ code: unknown; out: string; err: string }>((resolve) => {
      execFile(process.execPath, [script], (error, out, err) => resolve({ code: error?.code ?? 0, out, err }));
    });
    expect(ended).toMatchObject({ code: 1, out: 'committed\n' });
    expect(ended.err).toContain('expected the thread of the database to run, found it ended');
  });
});
