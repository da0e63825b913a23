import { chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeDurably } from './durable-file.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'durable-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('a small file that outlives a power cut', () => {
  it('is made with its directory, replaced as a whole, and read by its owner only', () => {
    const path = join(directory, 'state', 'file.json');
    writeDurably(path, 'a long first content');
    writeDurably(path, 'second');
    expect(readFileSync(path, 'utf8')).toBe('second');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(directory, 'state'))).toEqual(['file.json']);
  });

  it('leaves nothing behind when it cannot be put in place', () => {
    const path = join(directory, 'taken');
    mkdirSync(join(path, 'by a directory'), { recursive: true });
    expect(() => writeDurably(path, 'content')).toThrow();
    expect(readdirSync(directory)).toEqual(['taken']);
  });

  it("belongs to the directory's owner when root writes it", (context) => {
    if (process.geteuid?.() !== 0) context.skip('only root can give a file away');
    chownSync(directory, 12_345, 54_321);
    writeDurably(join(directory, 'file'), 'content');
    expect(statSync(join(directory, 'file'))).toMatchObject({ uid: 12_345, gid: 54_321 });
  });
});
