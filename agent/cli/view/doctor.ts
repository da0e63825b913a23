/** The doctor's findings as they come: chapters as headings, a mark a check, advice under what needs it. */
import type { Chapter, Finding, Outcome } from '../../doctor/finding.ts';
import { type Paint, painter, type Tone } from './style.ts';
import { clean, displayWidth } from './width.ts';

const MARKS: Record<Outcome, { mark: string; tone: Tone }> = {
  ok: { mark: '✓', tone: 'good' },
  warning: { mark: '!', tone: 'warn' },
  error: { mark: '✗', tone: 'bad' },
  skipped: { mark: '-', tone: 'dim' },
};
const TEXT_TONES: Record<Outcome, Tone> = { ok: 'plain', warning: 'plain', error: 'strong', skipped: 'dim' };

export class DoctorView {
  readonly #width: number;
  readonly #paint: Paint;
  readonly #counts: Record<Outcome, number> = { ok: 0, warning: 0, error: 0, skipped: 0 };
  #chapter: Chapter | null = null;

  constructor({ width, colour }: { width: number; colour: boolean }) {
    this.#width = width;
    this.#paint = painter(colour);
  }

  /** The lines of one finding, under its chapter's heading where it is the first of it. Every line ends in a newline. */
  add(finding: Finding): string {
    this.#counts[finding.outcome]++;
    const heading = finding.chapter === this.#chapter ? [] : this.#heading(finding.chapter);
    return end([...heading, ...this.#check(finding)]);
  }

  /** The last line: what it comes to. */
  summary(): string {
    const { ok, warning, error, skipped } = this.#counts;
    const verdict =
      error + warning === 0
        ? this.#paint('good', 'All well')
        : [
            ...(error > 0 ? [this.#paint('bad', count(error, 'error'))] : []),
            ...(warning > 0 ? [this.#paint('warn', count(warning, 'warning'))] : []),
          ].join(', ');
    const rest = `${count(ok, 'check')} well${skipped > 0 ? `, ${skipped} skipped` : ''}`;
    return end(['', `${verdict}; ${this.#paint('dim', rest)}`]);
  }

  #heading(chapter: Chapter): string[] {
    const first = this.#chapter === null;
    this.#chapter = chapter;
    return [...(first ? [] : ['']), this.#paint('strong', chapter.toUpperCase())];
  }

  #check({ outcome, subject, tried, found, mend }: Finding): string[] {
    const { mark, tone } = MARKS[outcome];
    const about = subject === '' ? '' : `${clean(subject)} · `;
    const text = `${about}${clean(tried)}: ${clean(found)}`;
    const lines = foldWhole(text, this.#width - 4).map((line, index) => {
      const lead = index === 0 ? `  ${this.#paint(tone, mark)} ` : '    ';
      return lead + this.#paint(TEXT_TONES[outcome], line);
    });
    if (mend === '') return lines;
    const advice = foldWhole(clean(mend), this.#width - 6).map(
      (line, index) => `${index === 0 ? '    → ' : '      '}${this.#paint('dim', line)}`,
    );
    return [...lines, ...advice];
  }
}

function end(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

/** Lines of at most `width` columns, broken at spaces; a longer word goes on in the next line: advice must stay whole. */
function foldWhole(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/ +/)) {
    const last = lines.at(-1);
    if (last !== undefined && displayWidth(last) + 1 + displayWidth(word) <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
      continue;
    }
    let rest = '';
    for (const character of word) {
      if (displayWidth(rest + character) > width) {
        lines.push(rest);
        rest = '';
      }
      rest += character;
    }
    lines.push(rest);
  }
  return lines;
}
