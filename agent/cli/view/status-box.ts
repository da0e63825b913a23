/** What holds the figures of the status screen up: window, buffer, uplink, settings and the box itself. */
import type { StatusDocument } from '../../local/document.ts';
import { type Fact, renderFacts, renderParagraph } from './flow.ts';
import { formatAgo, formatBytes, formatCount, formatDuration, formatShortDuration, type LocalTime } from './format.ts';
import { renderAdvice } from './status-reasons.ts';
import { uplinkFacts } from './status-uplink.ts';
import type { Paint, Tone } from './style.ts';
import { clean } from './width.ts';

export const LABEL_WIDTH = 9;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MIB = 1024 * 1024;
/** A batch that waits longer than a window or two says that delivery does not work. */
const LATE = 2 * HOUR;
const HOURS_A_YEAR = 365 * 24;
/** Mistakes of a broken settings file that are told here; footfall config check tells all. */
const MOST_MISTAKES = 2;
/** The limits of the verdict (agent/verdict.ts): free bytes, percent of the flash's life, degrees Celsius. */
const DISK_LOW = 500 * MIB;
const DISK_FULL = 50 * MIB;
const WORN = 90;
const HOT = 80;

interface BoxOptions {
  width: number;
  paint: Paint;
  local: LocalTime;
}

export function renderBox(document: StatusDocument, options: BoxOptions): string[] {
  const row = (label: string, facts: (Fact | null)[]): string[] =>
    renderFacts(label, facts, { width: options.width, labelWidth: LABEL_WIDTH, paint: options.paint });
  return [
    ...row('WINDOW', windowFacts(document, options.local)),
    ...row('BUFFER', bufferFacts(document, options.local)),
    ...row('UPLINK', uplinkFacts(document)),
    ...row('BOX', boxFacts(document)),
    ...renderSettings(document, options),
    ...renderLastEnd(document, options),
  ];
}

function windowFacts({ window, buffer, at_ms: at }: StatusDocument, local: LocalTime): (Fact | null)[] {
  // While all is well the next commit is seconds away, and what waits for it is of no interest.
  const waiting =
    buffer.uncommitted > 0 && (buffer.storage_error !== null || at - (buffer.last_commit_ms ?? 0) > MINUTE);
  return [
    { text: `no. ${window.ordinal}, ${local.time(window.start_ms, at)} to ${local.time(window.end_ms, at)}` },
    { text: `sealed through ${formatCount(buffer.sealed_through)}` },
    { text: buffer.last_commit_ms === null ? 'nothing saved yet' : `saved ${formatAgo(buffer.last_commit_ms, at)}` },
    waiting ? { text: `${formatCount(buffer.uncommitted)} readings in memory only`, tone: 'warn' } : null,
  ];
}

function bufferFacts({ buffer, at_ms: at }: StatusDocument, local: LocalTime): (Fact | null)[] {
  const late = buffer.oldest_ms !== null && at - buffer.oldest_ms >= LATE;
  const age = buffer.oldest_ms !== null && late ? ` (${formatShortDuration(at - buffer.oldest_ms)})` : '';
  const since =
    buffer.held === 0 || buffer.oldest_ms === null ? '' : ` since ${local.time(buffer.oldest_ms, at)}${age}`;
  return [
    buffer.storage_error === null ? null : { text: `cannot write: ${clean(buffer.storage_error)}`, tone: 'bad' },
    { text: heldText(buffer) + since, tone: late ? 'warn' : 'plain' },
    buffer.dead_letters > 0
      ? {
          text: `${formatCount(buffer.dead_letters)} dead ${buffer.dead_letters === 1 ? 'letter' : 'letters'}`,
          tone: 'warn',
        }
      : null,
    // A daemon of an older release tells none of these.
    (buffer.dropped ?? 0) > 0 ? { text: `${formatCount(buffer.dropped)} dropped so far` } : null,
    roomFact(buffer.hours_left),
    epochFact(buffer.epoch_origin),
  ];
}

const EPOCH_WORDS: Partial<Record<StatusDocument['buffer']['epoch_origin'], string>> = {
  moved: 'new epoch: the database came from another box or card',
  restored: 'new epoch: an older copy of the database was put back',
  damaged: 'new epoch: the database before was damaged',
  newer: "new epoch: the database before is a newer release's",
};

function epochFact(origin: StatusDocument['buffer']['epoch_origin']): Fact | null {
  const text = EPOCH_WORDS[origin];
  return text === undefined ? null : { text };
}

/** `3 batches held (9.6 KiB)`. */
export function heldText({ held, held_bytes: bytes }: { held: number; held_bytes: number }): string {
  if (held === 0) return 'nothing held';
  return `${formatCount(held)} ${held === 1 ? 'batch' : 'batches'} held (${formatBytes(bytes)})`;
}

/** For how long an outage may last; null where that is not known. */
export function roomFact(hours: number | null): Fact | null {
  if (hours === null) return null;
  if (hours < 1) return { text: 'no room left for an outage of the uplink', tone: 'bad' };
  const tone = hours < 24 ? 'warn' : 'plain';
  const length = hours > HOURS_A_YEAR ? 'over a year' : formatDuration(hours * HOUR);
  return { text: `room for ${length} without uplink`, tone };
}

function boxFacts({
  version,
  started_ms: started,
  at_ms: at,
  disk,
  box,
  clock,
  process,
}: StatusDocument): (Fact | null)[] {
  const { temperature_c: celsius } = box;
  const hot = celsius !== null && celsius >= HOT;
  return [
    { text: `v${clean(version)}` },
    { text: `up ${formatShortDuration(at - started)}` },
    diskFact(disk),
    celsius === null ? null : { text: `${hot ? 'hot: ' : ''}${Math.round(celsius)} °C`, tone: hot ? 'warn' : 'plain' },
    clockFact(clock),
    clock.key === 'not_tmpfs' ? { text: "the day's key is on a disk", tone: 'warn' } : null,
    process.longest_stall_ms >= 1_000
      ? { text: `stalled for ${formatDuration(process.longest_stall_ms)}`, tone: 'warn' }
      : null,
  ];
}

function diskFact({ free_bytes: free, wear_percent: wear }: StatusDocument['disk']): Fact | null {
  const worn = wear === null ? '' : `${wear} % worn`;
  let tone: Tone = wear !== null && wear >= WORN ? 'warn' : 'plain';
  if (free === null) return worn === '' ? null : { text: `flash ${worn}`, tone };
  if (free < DISK_LOW) tone = free < DISK_FULL ? 'bad' : 'warn';
  const space = free < MIB ? 'disk full' : `${free < DISK_LOW ? 'only ' : ''}${formatBytes(free)} free`;
  return { text: `${space}${worn && `, ${worn}`}`, tone };
}

function clockFact({ virtual, trust }: StatusDocument['clock']): Fact {
  if (virtual) return { text: 'virtual clock', tone: 'warn' };
  if (trust === 'synchronised') return { text: 'clock synchronised' };
  return { text: 'clock not synchronised', tone: 'warn' };
}

/** Nothing while the file is what runs. */
function renderSettings(
  { settings, verdict, at_ms: at }: StatusDocument,
  { width, paint, local }: BoxOptions,
): string[] {
  const facts: Fact[] = settings.overrides.map(({ key, until_ms: until }) => ({
    text: `${clean(key)} overridden until ${local.time(until, at)}`,
  }));
  const { mistakes, restart_keys: keys } = settings;
  if (settings.state === 'last_good')
    facts.unshift({ text: 'the file is broken, an earlier one is in use', tone: 'bad' });
  if (settings.state === 'restart_needed') {
    facts.unshift({ text: `a restart is needed for ${keys.map(clean).join(', ')}`, tone: 'warn' });
  }
  // A document that an older release kept has none.
  const remote = settings.remote ?? null;
  if (remote !== null) facts.push(remoteFact(remote));
  const indent = ' '.repeat(LABEL_WIDTH);
  // The verdict's reason may have told the first one.
  const untold = mistakes.filter((mistake) => !verdict.reasons.some(({ message }) => message.includes(mistake)));
  const told = untold.slice(0, MOST_MISTAKES);
  const more = untold.length - told.length;
  return [
    ...renderFacts('SETTINGS', facts, { width, labelWidth: LABEL_WIDTH, paint }),
    ...(remote?.reasons ?? [])
      .slice(0, MOST_MISTAKES)
      .flatMap((reason) => renderParagraph(indent, clean(reason), { width, tone: 'plain', paint })),
    ...told.flatMap((mistake) => renderParagraph(indent, clean(mistake), { width, tone: 'plain', paint })),
    ...(more > 0 ? [paint('dim', `${indent}and ${more} more: footfall config check`)] : []),
  ];
}

/** What the central platform asked for last. */
function remoteFact({ revision, state }: NonNullable<StatusDocument['settings']['remote']>): Fact {
  const name = revision === '' ? 'unreadable remote settings' : `remote revision ${clean(revision)}`;
  return state === 'applied' ? { text: `${name} in force` } : { text: `${name} rejected`, tone: 'warn' };
}

/** How the run before this one ended, for a day, and only where it was not in order. */
function renderLastEnd({ box, at_ms: at, started_ms: started }: StatusDocument, options: BoxOptions): string[] {
  const end = box.last_end;
  if (end === null || end.how === 'stopped' || at - (end.at_ms ?? started) > DAY) return [];
  const { width, paint, local } = options;
  const when = end.at_ms === null ? `before ${local.time(started, at)}` : `at ${local.time(end.at_ms, at)}`;
  const facts = [{ text: `${END_WORDS[end.how]} ${when}`, tone: 'warn' as const }];
  return [
    ...renderFacts('LAST RUN', facts, { width, labelWidth: LABEL_WIDTH, paint }),
    ...renderParagraph(' '.repeat(LABEL_WIDTH), clean(end.message), { width, tone: 'plain', paint }),
    ...renderAdvice(end.hint, { width, paint, indent: LABEL_WIDTH }),
  ];
}

/** How a run ended, to be followed by when. */
export const END_WORDS = {
  stopped: 'stopped in order',
  failed: 'failed',
  crashed: 'crashed',
  killed: 'killed',
  watchdog: 'ended by the watchdog',
  power: 'lost its power',
} as const;
