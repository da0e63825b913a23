/** How many columns a text takes in a terminal, and texts cut, padded and folded to a number of columns. */

const ZERO = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
/** East Asian wide and full-width characters (Unicode UAX #11), and emoji. */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]$/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach the terminal
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;

export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += ZERO.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  return width;
}

/** The text in at most `width` columns, with an ellipsis where it was cut. */
export function cut(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let kept = '';
  for (const character of text) {
    if (displayWidth(kept + character) > width - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const space = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return align === 'right' ? space + text : text + space;
}

/** Lines of at most `width` columns, broken at spaces; a word that is too long, such as a path, is broken within. */
export function fold(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && displayWidth(line) + 1 + displayWidth(word) <= width)
      lines[lines.length - 1] += ` ${word}`;
    else lines.push(...pieces(word, width));
  }
  return lines;
}

function pieces(word: string, width: number): string[] {
  const parts = [''];
  for (const character of word) {
    const last = parts[parts.length - 1];
    if (displayWidth(last + character) <= width) parts[parts.length - 1] = last + character;
    else if (last === '') parts[0] = cut(character, width);
    else parts.push(cut(character, width));
  }
  return parts;
}

/** Text from elsewhere on one line and without control characters, so that it cannot steer the terminal. */
export function clean(text: string): string {
  return text.replace(CONTROL, ' ').trim();
}

/** The same for a text of several lines, such as the mistakes of a settings file. */
export function cleanLines(text: string): string[] {
  return text
    .split('\n')
    .map(clean)
    .filter((line) => line !== '');
}
