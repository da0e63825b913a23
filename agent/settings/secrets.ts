/** Secrets are read apart from the settings, so that no print of the settings can hold one. */
import { readFileSync, statSync } from 'node:fs';
import { AgentError, reasonOf } from '../errors.ts';
import type { Settings } from './settings.ts';

const VARIABLE = 'FOOTFALL_BROKER_PASSWORD';

/**
 * The broker's password: the content of `password_file` without its line end, else the environment's
 * FOOTFALL_BROKER_PASSWORD, else none. Throws `password_unreadable`; no message holds any of the content.
 */
export function readPassword(
  { uplink }: Pick<Settings, 'uplink'>,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string | undefined {
  if (uplink?.passwordFile === undefined) return environment[VARIABLE] || undefined;
  const password = readSecret(uplink.passwordFile).replace(/\r?\n$/, '');
  if (password === '' || /[\r\n]/.test(password)) {
    const found = password === '' ? 'nothing' : 'several lines';
    throw unreadable(`expected one line with the password in ${uplink.passwordFile}, found ${found}`);
  }
  return password;
}

function readSecret(path: string): string {
  let mode: number;
  let content: string;
  try {
    mode = statSync(path).mode;
    content = readFileSync(path, 'utf8');
  } catch (error) {
    throw unreadable(`cannot read password_file: ${reasonOf(error)}`, error);
  }
  if ((mode & 0o007) === 0) return content;
  throw new AgentError(
    'password_exposed',
    `expected ${path} to be closed to other users, found mode ${(mode & 0o777).toString(8).padStart(4, '0')}`,
    `Close it: chmod o= ${path}`,
  );
}

function unreadable(message: string, cause?: unknown): AgentError {
  return new AgentError('password_unreadable', message, "Put the broker's password, alone, into that file.", { cause });
}
