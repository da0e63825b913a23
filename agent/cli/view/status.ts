/** The status document as one screen for people: the verdict first, then what it rests on. */
import type { StatusDocument } from '../../local/document.ts';
import { formatDuration, LocalTime } from './format.ts';
import { renderBox } from './status-box.ts';
import { renderReasons } from './status-reasons.ts';
import { renderSensors } from './status-sensors.ts';
import { renderToday } from './status-today.ts';
import { type Paint, painter, type Tone } from './style.ts';
import { clean, displayWidth, pad } from './width.ts';

/** Lines for what is wrong; more would push the rest off a screen of 40. */
const REASON_LINES = 12;

const VERDICTS = {
  counting: { mark: '●', words: 'COUNTING', tone: 'good' },
  degraded: { mark: '◐', words: 'DEGRADED', tone: 'warn' },
  not_counting: { mark: '○', words: 'NOT COUNTING', tone: 'bad' },
} as const satisfies Record<StatusDocument['verdict']['state'], { mark: string; words: string; tone: Tone }>;

export interface RenderOptions {
  /** Columns; no line is wider, from 72 on. */
  width: number;
  colour: boolean;
}

/** Pure: every age is taken against the document's own `at_ms`. Every line ends in a newline. */
export function renderStatus(document: StatusDocument, { width, colour }: RenderOptions): string {
  const paint = painter(colour);
  const local = new LocalTime(document.time_zone);
  const { verdict, at_ms: at } = document;
  const { mark, words, tone } = VERDICTS[verdict.state];
  const since = `since ${local.time(verdict.since_ms, at)} (${formatDuration(at - verdict.since_ms)})`;
  const lines = [
    renderHeadline({ words: `${mark} ${words}`, tone, since }, whereabouts(document, local.time(at, at)), width, paint),
    ...renderReasons(verdict.reasons, at, { width, paint, most: REASON_LINES }),
    '',
    ...renderSensors(document, width, paint),
    '',
    ...renderToday(document, { width, paint, local }),
    '',
    ...renderBox(document, { width, paint, local }),
  ];
  return `${lines.join('\n')}\n`;
}

/** Which box this is and what time it is there, from the fullest to the shortest. */
export function whereabouts(box: { tenant: string; gateway: string; store: string }, time: string): string[] {
  const [tenant, gateway, store] = [box.tenant, box.gateway, box.store].map(clean);
  return [`${tenant}/${gateway}  ${store}  ${time}`, `${gateway}  ${store}  ${time}`, `${store}  ${time}`, time];
}

/** The state on the left and, on the right, the first of `places` that fits. */
export function renderHeadline(
  { words, tone, since }: { words: string; tone: Tone; since: string },
  places: readonly string[],
  width: number,
  paint: Paint,
): string {
  const left = since === '' ? words : `${words}  ${since}`;
  const free = width - displayWidth(left);
  const right = places.find((place) => displayWidth(place) + 2 <= free);
  const end = right === undefined ? '' : paint('dim', pad(right, free, 'right'));
  return `${paint(tone, paint('strong', words))}${left.slice(words.length)}${end}`;
}
