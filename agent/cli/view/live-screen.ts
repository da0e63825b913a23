/** A terminal's alternate screen, drawn over and over: entered at the first drawing, left as it was found. */
import type { WriteStream } from 'node:tty';
import { painter } from './style.ts';

/** The alternate screen, without a cursor; lines that are too long are cut by the terminal instead of wrapped. */
const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l';
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
/** In front of a row: behind a row as wide as the terminal it would take the last character. */
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';
/** Rows of a terminal that does not tell, or tells of none, as a serial console does. */
const USUAL_ROWS = 24;

export class LiveScreen {
  readonly #stream: WriteStream;
  #open = false;

  constructor(stream: WriteStream) {
    this.#stream = stream;
  }

  /** Shows the text, with `foot` in the last row where there is room; what does not fit is cut, and said to be. */
  draw(text: string, { colour, foot = '' }: { colour: boolean; foot?: string }): void {
    const paint = painter(colour);
    const height = this.#stream.rows || USUAL_ROWS;
    const rows = fitRows(text.trimEnd().split('\n'), height, foot).map(
      ({ text: row, dim }) => CLEAR_LINE + (dim ? paint('dim', row) : row),
    );
    const below = rows.length < height ? `\r\n${CLEAR_BELOW}` : '';
    this.#stream.write(`${this.#open ? '' : ENTER}${HOME}${rows.join('\r\n')}${below}`);
    this.#open = true;
  }

  /** Restores the terminal; safe to call again, and before another drawing. */
  close(): void {
    if (this.#open) this.#stream.write(LEAVE);
    this.#open = false;
  }
}

/** The lines that a terminal of `height` rows has room for, the last one telling of those it has not. */
export function fitRows(lines: readonly string[], height: number, foot: string): { text: string; dim: boolean }[] {
  const plain = lines.map((text) => ({ text, dim: false }));
  if (lines.length > height) {
    const more = lines.length - height + 1;
    const note = `... ${more} more ${more === 1 ? 'line' : 'lines'}: make the terminal higher`;
    return [...plain.slice(0, Math.max(0, height - 1)), { text: note, dim: true }];
  }
  if (foot === '' || lines.length + 2 > height) return plain;
  const blank = Array.from({ length: height - lines.length - 1 }, () => ({ text: '', dim: false }));
  return [...plain, ...blank, { text: foot, dim: true }];
}
