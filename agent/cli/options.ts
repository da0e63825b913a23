/** Readers of option values; each refuses with what was expected and what was received. */
import { readFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import { AgentError, reasonOf } from '../errors.ts';

/** A number of at least 0. */
export function decimal(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError(`expected a number of at least 0, received "${text}"`);
}

/** A whole number of at least 0. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError(`expected a whole number of at least 0, received "${text}"`);
}

/** A whole number of at least 1. */
export function atLeastOne(text: string): number {
  const value = wholeNumber(text);
  if (value >= 1) return value;
  throw new InvalidArgumentError(`expected a whole number of at least 1, received "${text}"`);
}

/** The password in a file: its first line. @throws AgentError `password_file` */
export function passwordIn(file: string): string {
  try {
    return readFileSync(file, 'utf8').split(/\r?\n/, 1)[0];
  } catch (error) {
    throw new AgentError(
      'password_file',
      `expected a readable password file, found ${file}: ${reasonOf(error)}`,
      'Name a file whose first line is the password, readable by this user only.',
      { cause: error },
    );
  }
}

/** An IANA time zone. */
export function timeZone(text: string): string {
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    return text;
  } catch {
    throw new InvalidArgumentError(`expected a time zone such as Europe/Prague, received "${text}"`);
  }
}
