import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeArchive } from './archive.ts';

const never = new AbortController().signal;
const FILES = [
  { name: 'manifest.json', text: '{}\n' },
  { name: 'system/kernel.txt', text: '客 usb 1-1\n' },
];
let scratch: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'archive-'));
});
afterEach(() => rmSync(scratch, { recursive: true }));

describe('the archive', () => {
  it('holds the files under one folder, for its owner alone, and leaves nothing beside it', async () => {
    const path = join(scratch, 'bundle.tar.gz');
    const bytes = await writeArchive(path, 'footfall-shop', FILES, never);
    expect(statSync(path).size).toBe(bytes);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(scratch)).toEqual(['bundle.tar.gz']);
    execFileSync('tar', ['-xzf', path, '-C', scratch]);
    for (const { name, text } of FILES) {
      expect(readFileSync(join(scratch, 'footfall-shop', name), 'utf8')).toBe(text);
      expect(statSync(join(scratch, 'footfall-shop', name)).mode & 0o077).toBe(0);
    }
  });

  it('replaces no file', async () => {
    const path = join(scratch, 'bundle.tar.gz');
    writeFileSync(path, 'mine');
    await expect(writeArchive(path, 'x', FILES, never)).rejects.toMatchObject({ code: 'bundle_exists' });
    expect(readFileSync(path, 'utf8')).toBe('mine');
    expect(readdirSync(scratch)).toEqual(['bundle.tar.gz']);
  });

  it('says where it cannot write', async () => {
    const path = join(scratch, 'none', 'bundle.tar.gz');
    await expect(writeArchive(path, 'x', FILES, never)).rejects.toMatchObject({ code: 'bundle_unwritable' });
    // A disk without room: tar or the writing of the files fails with what the system says.
    const full = writeArchive('/dev/full/bundle.tar.gz', 'x', FILES, never);
    await expect(full).rejects.toMatchObject({ code: 'bundle_unwritable' });
  });

  it('leaves nothing behind when it is ended', async () => {
    await expect(writeArchive(join(scratch, 'b.tar.gz'), 'x', FILES, AbortSignal.abort())).rejects.toBeDefined();
    expect(readdirSync(scratch)).toEqual([]);
  });
});
