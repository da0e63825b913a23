import { createHmac, type KeyObject } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadKey, replaceKey } from './keys.ts';

const sample = (key: KeyObject): string => createHmac('sha256', key).update('x').digest('hex');

function temporaryDirectory(parent = tmpdir()): { path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(parent, 'footfall-key-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

describe("the day's key", () => {
  it('is made once, private to its owner, and kept over restarts', () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, 'run');
    const made = loadKey(path);
    const kept = loadKey(path);
    expect([made.origin, kept.origin]).toEqual(['made', 'kept']);
    expect(kept.id).toBe(made.id);
    expect(sample(kept.key)).toBe(sample(made.key));
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(readdirSync(path)).toHaveLength(1);
    const file = join(path, readdirSync(path)[0]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    chmodSync(file, 0o644);
    loadKey(path);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('is wholly replaced: nothing of the old one is left in the directory', () => {
    using directory = temporaryDirectory();
    const old = loadKey(directory.path);
    const file = join(directory.path, readdirSync(directory.path)[0]);
    const secret = readFileSync(file).subarray(-32);
    const next = replaceKey(directory.path);
    expect(next.origin).toBe('made');
    expect(next.id).not.toBe(old.id);
    expect(sample(next.key)).not.toBe(sample(old.key));
    expect(sample(loadKey(directory.path).key)).toBe(sample(next.key));
    for (const name of readdirSync(directory.path)) {
      expect(readFileSync(join(directory.path, name)).includes(secret)).toBe(false);
    }
  });

  it.each([
    ['empty', Buffer.alloc(0)],
    ['cut short', Buffer.from('FFK1 cut')],
    ['of another format', Buffer.alloc(40, 1)],
  ])('is made anew where the file is %s', (_name, content) => {
    using directory = temporaryDirectory();
    loadKey(directory.path);
    const file = join(directory.path, readdirSync(directory.path)[0]);
    writeFileSync(file, content);
    expect(loadKey(directory.path).origin).toBe('made');
    expect(loadKey(directory.path).origin).toBe('kept');
  });

  it('survives the draft of a process that died while it wrote', () => {
    using directory = temporaryDirectory();
    loadKey(directory.path);
    writeFileSync(join(directory.path, `${readdirSync(directory.path)[0]}.new`), 'half');
    const next = replaceKey(directory.path);
    expect(readdirSync(directory.path)).toHaveLength(1);
    expect(loadKey(directory.path).id).toBe(next.id);
  });

  it('says whether it is gone at power-off', (context) => {
    if (!existsSync('/dev/shm') || statfsSync('/dev/shm').type !== 0x01021994) context.skip('no tmpfs at /dev/shm');
    using inMemory = temporaryDirectory('/dev/shm');
    expect(loadKey(inMemory.path).tmpfs).toBe(true);
    using onDisk = temporaryDirectory(import.meta.dirname);
    expect(loadKey(onDisk.path).tmpfs).toBe(statfsSync(onDisk.path).type === 0x01021994);
  });

  it('tells of a place that cannot hold it, without a word of the key', () => {
    using directory = temporaryDirectory();
    const file = join(directory.path, 'file');
    writeFileSync(file, '');
    expect(() => loadKey(join(file, 'run'))).toThrow(expect.objectContaining({ code: 'key_unusable' }));
  });
});
