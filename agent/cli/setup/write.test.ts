import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keepFormer, writeFiles } from './write.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'write-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('writeFiles', () => {
  it('replaces files as a whole, closed to other users, making their directory', () => {
    const path = join(directory, 'new', 'footfall.yaml');
    const secret = join(directory, 'new', 'secret');
    writeFiles([{ path, text: 'a', kind: 'settings' }]);
    writeFiles([
      { path: secret, text: 's', kind: 'secret' },
      { path, text: 'b', kind: 'settings' },
    ]);
    expect(readFileSync(path, 'utf8') + readFileSync(secret, 'utf8')).toBe('bs');
    for (const file of [path, secret]) expect(statSync(file).mode & 0o007).toBe(0);
    expect(readdirSync(join(directory, 'new'))).toEqual(['footfall.yaml', 'secret']);
  });

  it('changes none of several files when one cannot be written', () => {
    const path = join(directory, 'footfall.yaml');
    writeFileSync(path, 'former');
    writeFileSync(join(directory, 'file'), '');
    const files = [
      { path, text: 'new', kind: 'settings' as const },
      { path: join(directory, 'file', 'secret'), text: 's', kind: 'secret' as const },
    ];
    expect(() => writeFiles(files)).toThrow(/expected to write .*footfall\.yaml, found/);
    expect(readFileSync(path, 'utf8')).toBe('former');
    expect(readdirSync(directory)).toEqual(['file', 'footfall.yaml']);
  });

  it('writes through a link, and keeps the link', () => {
    mkdirSync(join(directory, 'real'));
    const target = join(directory, 'real', 'footfall.yaml');
    writeFileSync(target, 'former');
    const path = join(directory, 'footfall.yaml');
    symlinkSync(target, path);
    keepFormer(path, `${path}.bak`);
    writeFiles([{ path, text: 'new', kind: 'settings' }]);
    expect([readFileSync(target, 'utf8'), readFileSync(`${path}.bak`, 'utf8')]).toEqual(['new', 'former']);
  });
});
