/** Readers of option values; each refuses with what was expected and what was received. */
import { InvalidArgumentError } from 'commander';

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

/** An IANA time zone. */
export function timeZone(text: string): string {
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    return text;
  } catch {
    throw new InvalidArgumentError(`expected a time zone such as Europe/Prague, received "${text}"`);
  }
}
