/** The status document as one screen for people: the verdict first, then what it rests on. */
import type { StatusDocument } from '../../local/document.ts';
import { renderFacts, renderParagraph } from './flow.ts';
import { formatAgo, formatBytes, formatCount, formatDuration, formatShortDuration, LocalTime } from './format.ts';
import { renderSensors } from './status-sensors.ts';
import { renderToday } from './status-today.ts';
import { type Paint, painter, type Tone } from './style.ts';
import { clean, displayWidth, pad } from './width.ts';

/** Reasons beyond these would push the sensors off the screen. */
const MOST_REASONS = 4;
const LABEL_WIDTH = 9;
const NO_BREAK = '\u00a0';
/** From here on an uplink that is connected but hears nothing deserves a word. */
const UNACKNOWLEDGED_MS = 60_000;

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
  const lines = [
    ...renderVerdict(document, width, paint, local),
    '',
    ...renderSensors(document, width, paint),
    '',
    ...renderToday(document, width, paint, local),
    '',
    ...renderBox(document, width, paint, local),
  ];
  return `${lines.join('\n')}\n`;
}

function renderVerdict(document: StatusDocument, width: number, paint: Paint, local: LocalTime): string[] {
  const { verdict, at_ms: at } = document;
  const { mark, words, tone } = VERDICTS[verdict.state];
  const headline = `${mark} ${words}`;
  const since = `  since ${local.time(verdict.since_ms, at)} (${formatDuration(at - verdict.since_ms)})`;
  const where = `${clean(document.store)}  ${local.time(at, at)}`;
  const free = width - displayWidth(headline + since);
  const right = displayWidth(where) + 2 <= free ? pad(where, free, 'right') : '';
  const lines = [`${paint(tone, paint('strong', headline))}${since}${paint('dim', right)}`];
  for (const reason of verdict.reasons.slice(0, MOST_REASONS)) {
    const age = formatShortDuration(at - reason.since_ms).replace(' ', NO_BREAK);
    const text = `${clean(reason.message)} (for${NO_BREAK}${age})`;
    lines.push(...renderParagraph('  ', text, { width, tone: 'plain', paint }));
    lines.push(...renderParagraph('  → ', clean(reason.hint), { width, tone: 'dim', paint }));
  }
  const more = verdict.reasons.length - MOST_REASONS;
  if (more > 0) lines.push(paint('dim', `  and ${more} more: footfall status --json`));
  return lines;
}

function renderBox(document: StatusDocument, width: number, paint: Paint, local: LocalTime): string[] {
  const { buffer, window, process, clock, at_ms: at } = document;
  const options = { width, labelWidth: LABEL_WIDTH, paint };
  const span = `${local.time(window.start_ms, at)} to ${local.time(window.end_ms, at)}`;
  const held = `${formatCount(buffer.held)} ${buffer.held === 1 ? 'batch' : 'batches'} held`;
  const oldest = buffer.oldest_sequence === null ? '' : ` from ${formatCount(buffer.oldest_sequence)}`;
  const size = buffer.held > 0 ? ` (${formatBytes(buffer.held_bytes)})${oldest}` : '';
  return [
    ...renderFacts(
      'WINDOW',
      [
        { text: `no. ${window.ordinal}, ${span}` },
        { text: `last commit ${formatAgo(buffer.last_commit_ms, at)}` },
        buffer.uncommitted > 0 ? { text: `${formatCount(buffer.uncommitted)} uncommitted` } : null,
      ],
      options,
    ),
    ...renderFacts(
      'BUFFER',
      [
        buffer.storage_error === null ? null : { text: `cannot write: ${clean(buffer.storage_error)}`, tone: 'bad' },
        { text: `${held}${size}` },
        { text: `sealed through ${formatCount(buffer.sealed_through)}` },
        buffer.dead_letters > 0
          ? { text: `${formatCount(buffer.dead_letters)} rejected by the collector`, tone: 'warn' }
          : null,
        { text: `database ${formatBytes(buffer.database_bytes)}` },
      ],
      options,
    ),
    ...renderUplink(document, options),
    ...renderFacts(
      'BOX',
      [
        { text: `${clean(document.tenant)}/${clean(document.gateway)}` },
        { text: `up ${formatDuration(at - document.started_ms)}` },
        { text: formatBytes(process.rss_bytes) },
        { text: `longest stall ${formatCount(process.longest_stall_ms)} ms` },
        { text: `v${clean(document.version)}` },
        clock.virtual ? { text: 'virtual clock', tone: 'warn' } : null,
        clock.key === 'not_tmpfs' ? { text: "the day's key is on a disk", tone: 'warn' } : null,
      ],
      options,
    ),
  ];
}

function renderUplink(
  document: StatusDocument,
  options: { width: number; labelWidth: number; paint: Paint },
): string[] {
  const { uplink, buffer, at_ms: at } = document;
  if (uplink.phase === 'off') return renderFacts('UPLINK', [{ text: 'off: nothing is sent' }], options);
  const age = formatDuration(at - uplink.since);
  const url = { text: clean(uplink.url) };
  if (uplink.phase !== 'connected') {
    const state = uplink.phase === 'connecting' ? `connecting for ${age}` : `not connected for ${age}, will try again`;
    const error = uplink.lastError === null ? null : { text: clean(uplink.lastError), tone: 'warn' as const };
    const acknowledged = { text: `last acknowledged ${formatAgo(uplink.lastAcknowledgedAt, at)}` };
    return renderFacts('UPLINK', [{ text: state, tone: 'warn' }, url, error, acknowledged], options);
  }
  const silence = at - Math.max(uplink.lastAcknowledgedAt ?? 0, uplink.since);
  const waiting = uplink.inFlight > 0 && buffer.held > 0 && silence >= UNACKNOWLEDGED_MS;
  const protocol = uplink.protocol === null ? '' : ` (MQTT ${uplink.protocol === 5 ? '5' : '3.1.1'})`;
  return renderFacts(
    'UPLINK',
    [
      waiting
        ? { text: `connected, but nothing acknowledged for ${formatDuration(silence)}`, tone: 'warn' }
        : { text: `connected for ${age}${protocol}`, tone: 'good' },
      url,
      { text: `${formatCount(uplink.inFlight)} in flight` },
      { text: `last acknowledged ${formatAgo(uplink.lastAcknowledgedAt, at)}` },
    ],
    options,
  );
}
