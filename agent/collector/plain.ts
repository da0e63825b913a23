/**
 * What JSON allows and a database of the platform may not: NUL, halves of surrogate pairs, and nesting without end. One such
 * message must not make the commit of all others fail. Pure.
 */

/** Levels of objects and arrays in one message, and more than any of ours has. */
const MAX_DEPTH = 64;

/**
 * @param body the bytes that `value` was parsed from: most messages are seen to be plain from these alone.
 * @returns what is wrong, or null.
 */
export function notPlain(body: Uint8Array, value: unknown): string | null {
  return seemsPlain(body) ? null : wrongIn(value, 0);
}

/** No escape of a code unit, and few brackets open at once, those in texts counted too. */
function seemsPlain(body: Uint8Array): boolean {
  let depth = 0;
  for (let at = 0; at < body.length; at++) {
    const octet = body[at];
    if (octet === 0x5b || octet === 0x7b) {
      if (++depth > MAX_DEPTH) return false;
    } else if (octet === 0x5d || octet === 0x7d) depth--;
    else if (octet === 0x5c && body[at + 1] === 0x75) return false;
  }
  return true;
}

function wrongIn(value: unknown, depth: number): string | null {
  if (typeof value === 'string')
    return isPlainText(value) ? null : 'expected text without NUL and halves of characters';
  if (typeof value !== 'object' || value === null) return null;
  if (depth >= MAX_DEPTH) return `expected at most ${MAX_DEPTH} levels of nesting`;
  for (const [key, each] of Object.entries(value)) {
    const wrong = wrongIn(key, depth) ?? wrongIn(each, depth + 1);
    if (wrong !== null) return wrong;
  }
  return null;
}

function isPlainText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

/** The text as a database can hold it. */
export function toPlainText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\ufffd');
}
