/** What is wrong, since when and what to do, within a bounded number of lines. */
import type { Reason } from '../../local/document.ts';
import { renderParagraph } from './flow.ts';
import { formatShortDuration } from './format.ts';
import type { Paint } from './style.ts';
import { clean, cleanLines, cut } from './width.ts';

const NO_BREAK = '\u00a0';
const INDENT = '  ';

/**
 * The reasons in their order. Beyond `most` lines the rest is named only: first what is a further case of a kind already
 * told, so that the fifth silent sensor never hides a full disk.
 */
export function renderReasons(
  reasons: readonly Reason[],
  at: number,
  { width, paint, most }: { width: number; paint: Paint; most: number },
): string[] {
  const told = reasons.map((reason) => ({ reason, lines: renderReason(reason, at, width, paint) }));
  const cases = new Map<string, number>();
  const ranked = told.map((each, place) => {
    const nth = cases.get(each.reason.code) ?? 0;
    cases.set(each.reason.code, nth + 1);
    return { ...each, place, nth };
  });
  ranked.sort((a, b) => a.nth - b.nth || a.place - b.place);
  const shown = new Set<number>();
  let used = 0;
  for (const { place, lines } of ranked) {
    if (shown.size > 0 && used + lines.length > most) break;
    shown.add(place);
    used += lines.length;
  }
  const rest = reasons.filter((_, place) => !shown.has(place));
  return [
    ...told.filter((_, place) => shown.has(place)).flatMap(({ lines }) => lines),
    ...(rest.length === 0 ? [] : [paint('dim', cut(`${INDENT}and ${rest.length} more: ${names(rest)}`, width))]),
  ];
}

function renderReason({ message, hint, since_ms }: Reason, at: number, width: number, paint: Paint): string[] {
  const age = formatShortDuration(at - since_ms).replace(' ', NO_BREAK);
  return [
    ...renderParagraph(INDENT, `${clean(message)} (for${NO_BREAK}${age})`, { width, tone: 'plain', paint }),
    ...renderAdvice(hint, { width, paint }),
  ];
}

/** What to do, behind an arrow; nothing where there is nothing to do. */
export function renderAdvice(
  hint: string,
  { width, paint, indent = INDENT.length }: { width: number; paint: Paint; indent?: number },
): string[] {
  return cleanLines(hint).flatMap((line) =>
    renderParagraph(`${' '.repeat(indent)}→ `, line, { width, tone: 'dim', paint }),
  );
}

function names(reasons: readonly Reason[]): string {
  return reasons.map(({ code, subject }) => clean(`${code.replaceAll('_', ' ')} ${subject}`)).join(', ');
}
