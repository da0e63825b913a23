/** Secrets are read apart from the settings, so that no print of the settings can hold one. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { AgentError, reasonOf } from '../errors.ts';
import type { Settings } from './settings.ts';

const VARIABLE = 'FOOTFALL_BROKER_PASSWORD';
/** Name of the systemd credential (systemd.exec(5), LoadCredential). */
const CREDENTIAL = 'broker-password';

/**
 * The broker's password, without a line end: the content of `password_file`, else that of the systemd credential
 * `broker-password` unless it is missing or empty, else the environment's FOOTFALL_BROKER_PASSWORD, else none. Throws
 * `password_unreadable` and `password_exposed`; no message holds any of the content.
 */
export function readPassword(
  { uplink }: Pick<Settings, 'uplink'>,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string | undefined {
  const named = uplink?.passwordFile;
  if (named !== undefined) return oneLine(readSecret(named, 'password_file'), named);
  const directory = environment.CREDENTIALS_DIRECTORY;
  const credential = directory ? readCredential(join(directory, CREDENTIAL)) : '';
  return credential || environment[VARIABLE] || undefined;
}

/** Empty where there is none: a unit may set the credential to nothing, so that its absence does not stop the start. */
function readCredential(path: string): string {
  let content: string;
  try {
    // Systemd keeps credentials in a directory of this service alone; their mode (0400, 0440) is its business.
    content = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw unreadable(`cannot read the credential ${CREDENTIAL}: ${reasonOf(error)}`, error);
  }
  return content.trim() === '' ? '' : oneLine(content, path);
}

function oneLine(content: string, path: string): string {
  const password = content.replace(/\r?\n$/, '');
  if (password !== '' && !/[\r\n]/.test(password)) return password;
  const found = password === '' ? 'nothing' : 'several lines';
  throw unreadable(`expected one line with the password in ${path}, found ${found}`);
}

function readSecret(path: string, what: string): string {
  const content = readText(path, what);
  const mode = statSync(path).mode;
  if ((mode & 0o007) === 0) return content;
  throw new AgentError(
    'password_exposed',
    `expected ${path} to be closed to other users, found mode ${(mode & 0o777).toString(8).padStart(4, '0')}`,
    `Close it: chmod o= ${path}`,
  );
}

function readText(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw unreadable(`cannot read ${what}: ${reasonOf(error)}`, error);
  }
}

function unreadable(message: string, cause?: unknown): AgentError {
  return new AgentError('password_unreadable', message, "Put the broker's password, alone, into that file.", { cause });
}
