/** Standard base64 (RFC 4648, 4), with padding, from and to bytes. */
const PADDING = 0x3d;
const NO_DIGIT = 0xff;

const DIGITS = Uint8Array.from({ length: 256 }, (_, code) => {
  const digit = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'.indexOf(String.fromCharCode(code));
  return digit < 0 ? NO_DIGIT : digit;
});

/** How many characters from `start` on are digits or padding that nothing but padding follows. */
export function base64Run(text: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && DIGITS[text[at]] !== NO_DIGIT) {
    at++;
  }
  while (at < end && text[at] === PADDING) {
    at++;
  }
  return at - start;
}

/**
 * Decodes the whole groups of four in `text[start..end)` into `out`; returns the number of octets, or -1 where the padding
 * is more than two characters or hides bits that are not zero.
 */
export function decodeBase64(text: Uint8Array, start: number, end: number, out: Uint8Array): number {
  let length = 0;
  for (let at = start; at + 4 <= end; at += 4) {
    const padding = text[at + 2] === PADDING ? 2 : text[at + 3] === PADDING ? 1 : 0;
    if (
      DIGITS[text[at]] === NO_DIGIT ||
      DIGITS[text[at + 1]] === NO_DIGIT ||
      (padding === 2 && text[at + 3] !== PADDING)
    ) {
      return -1;
    }
    const third = padding < 2 ? DIGITS[text[at + 2]] : 0;
    const fourth = padding < 1 ? DIGITS[text[at + 3]] : 0;
    const group = (DIGITS[text[at]] << 18) | (DIGITS[text[at + 1]] << 12) | (third << 6) | fourth;
    if ((padding === 2 && (group & 0xffff) !== 0) || (padding === 1 && (group & 0xff) !== 0)) {
      return -1;
    }
    out[length++] = group >> 16;
    if (padding < 2) out[length++] = (group >> 8) & 0xff;
    if (padding < 1) out[length++] = group & 0xff;
  }
  return length;
}
