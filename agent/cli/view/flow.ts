/** Facts in a row under one label, broken between facts. */
import type { Paint, Tone } from './style.ts';
import { cut, displayWidth, fold, pad } from './width.ts';

export interface Fact {
  text: string;
  tone?: Tone;
}

const SEPARATOR = ' · ';

/** Lines of `LABEL  fact · fact`, later lines indented under the first fact; absent facts are left out. */
export function renderFacts(
  label: string,
  facts: readonly (Fact | null)[],
  options: { width: number; labelWidth: number; paint: Paint },
): string[] {
  const { width, labelWidth, paint } = options;
  const room = width - labelWidth;
  const lines: { text: string; used: number }[] = [];
  for (const fact of facts) {
    if (fact === null || fact.text === '') continue;
    const text = cut(fact.text, room);
    const line = lines.at(-1);
    const painted = paint(fact.tone ?? 'plain', text);
    if (line && line.used + SEPARATOR.length + displayWidth(text) <= room) {
      line.text += paint('dim', SEPARATOR) + painted;
      line.used += SEPARATOR.length + displayWidth(text);
    } else lines.push({ text: painted, used: displayWidth(text) });
  }
  return lines.map(({ text }, index) =>
    `${index === 0 ? paint('dim', label) + ' '.repeat(Math.max(0, labelWidth - displayWidth(label))) : pad('', labelWidth)}${text}`.trimEnd(),
  );
}

/** A paragraph with a mark in front and its lines aligned behind it. */
export function renderParagraph(
  mark: string,
  text: string,
  options: { width: number; tone: Tone; paint: Paint },
): string[] {
  const indent = displayWidth(mark);
  return fold(text, options.width - indent).map(
    (line, index) => (index === 0 ? mark : ' '.repeat(indent)) + options.paint(options.tone, line),
  );
}
