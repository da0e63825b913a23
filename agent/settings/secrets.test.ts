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
  const uplink = { url: 'mqtts://broker', ack: 'collector' as const, window: 16, staggerSeconds: 60 };
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

  describe('as a systemd credential', () => {
    function credential(content: string, mode = 0o400): Record<string, string> {
      const CREDENTIALS_DIRECTORY = mkdtempSync(join(directory, 'credentials-'));
      writeFileSync(join(CREDENTIALS_DIRECTORY, 'broker-password'), content);
      chmodSync(join(CREDENTIALS_DIRECTORY, 'broker-password'), mode);
      return { CREDENTIALS_DIRECTORY, FOOTFALL_BROKER_PASSWORD: 'other' };
    }

    it('is outdone by the file that the settings name, and outdoes the environment', () => {
      expect(read(undefined, credential('secret\n'))).toBe('secret');
      expect(read(fileWith('named'), credential('secret'))).toBe('named');
      // The directory is private, the mode of what is in it is systemd's business.
      expect(read(undefined, credential('secret', 0o444))).toBe('secret');
    });

    it('gives way to the environment when it is empty or not there', () => {
      expect(read(undefined, credential('\n'))).toBe('other');
      expect(read(undefined, { CREDENTIALS_DIRECTORY: directory, FOOTFALL_BROKER_PASSWORD: 'other' })).toBe('other');
      expect(read(undefined, { CREDENTIALS_DIRECTORY: directory })).toBeUndefined();
    });

    it('is refused when it is not one line, without being shown', () => {
      const environment = credential('hunter2\nhunter2');
      let thrown: unknown;
      try {
        read(undefined, environment);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toMatchObject({ code: 'password_unreadable' });
      expect(String(thrown) + JSON.stringify(thrown)).not.toContain('hunter2');
    });
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
