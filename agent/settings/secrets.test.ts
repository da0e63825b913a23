import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readPassword } from './secrets.ts';

const directory = mkdtempSync(join(tmpdir(), 'secrets-'));
afterAll(() => rmSync(directory, { recursive: true }));

function fileWith(content: string, mode = 0o600): string {
  const path = join(directory, `password-${content.length}-${mode}`);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

function read(passwordFile: string | undefined, environment: Record<string, string> = {}) {
  const uplink = { url: 'mqtts://broker', ack: 'collector' as const, window: 16 };
  return readPassword({ uplink: passwordFile === undefined ? uplink : { ...uplink, passwordFile } }, environment);
}

describe("the broker's password", () => {
  it('is the line of its file, spaces included', () => {
    expect(read(fileWith(' se cret \n'))).toBe(' se cret ');
    expect(read(fileWith('secret\r\n'), { FOOTFALL_BROKER_PASSWORD: 'other' })).toBe('secret');
  });

  it('comes from the environment where no file is named, or from nowhere', () => {
    expect(read(undefined, { FOOTFALL_BROKER_PASSWORD: 'secret' })).toBe('secret');
    expect(read(undefined, { FOOTFALL_BROKER_PASSWORD: '' })).toBeUndefined();
    expect(readPassword({}, {})).toBeUndefined();
  });

  it.each([
    ['a missing file', () => join(directory, 'none'), 'password_unreadable'],
    ['an empty file', () => fileWith('\n'), 'password_unreadable'],
    ['several lines', () => fileWith('hunter2\nhunter2\n'), 'password_unreadable'],
    ['a file that all may read', () => fileWith('hunter2', 0o644), 'password_exposed'],
  ])('is refused from %s, without being shown', (_, path, code) => {
    let thrown: unknown;
    try {
      read(path());
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code });
    expect(String(thrown) + JSON.stringify(thrown)).not.toContain('hunter2');
  });
});
