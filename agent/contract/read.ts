/** Reading bytes that came over a network: the size is checked before anything is parsed, and nothing is thrown. */
import type { z } from 'zod';

/** A message over this is refused unread (CloudEvents 1.0, 3.4: intermediaries must forward 64 KiB). */
export const HARD_LIMIT_BYTES = 64 * 1024;

/** Keeps nothing between two messages: each is decoded as a whole. */
const UTF8 = new TextDecoder('utf-8', { fatal: true });

export type Reading<T> =
  | { ok: true; value: T }
  /** `where` says which field, what was expected and what was found; `raw` is the parsed JSON, if it was JSON. */
  | { ok: false; where: string; raw: unknown };

/** Parses and checks untrusted bytes. */
export function readMessage<T>(schema: z.ZodType<T>, bytes: Uint8Array, limit = HARD_LIMIT_BYTES): Reading<T> {
  if (bytes.length === 0) return { ok: false, where: 'expected a JSON object, found an empty message', raw: undefined };
  if (bytes.length > limit) {
    return { ok: false, where: `expected at most ${limit} bytes, found ${bytes.length}`, raw: undefined };
  }
  let raw: unknown;
  try {
    raw = JSON.parse(UTF8.decode(bytes));
  } catch {
    // The parser's own message quotes the input, which may be anything.
    return { ok: false, where: 'expected UTF-8 JSON, found something else', raw: undefined };
  }
  const result = schema.safeParse(raw);
  return result.success ? { ok: true, value: result.data } : { ok: false, where: wordsOf(result.error), raw };
}

function wordsOf(error: z.ZodError): string {
  const [first] = error.issues;
  const more = error.issues.length - 1;
  const path = first.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  const where = path === '' ? 'message' : path.replace(/^\./, '');
  return `${where}: ${first.message}${more > 0 ? ` (and ${more} more)` : ''}`;
}
