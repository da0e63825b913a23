/** The screen while no daemon answers: what was last known, why it ended, what the database holds, what to do. */
import type { RunEnd } from '../../local/document.ts';
import type { LastKnown } from '../../local/last-known.ts';
import { type Fact, renderFacts, renderParagraph } from './flow.ts';
import { formatAgo, formatBytes, formatCount, formatDuration, LocalTime } from './format.ts';
import { type RenderOptions, renderHeadline, whereabouts } from './status.ts';
import { END_WORDS, heldText, LABEL_WIDTH } from './status-box.ts';
import { renderAdvice, renderReasons } from './status-reasons.ts';
import { renderToday } from './status-today.ts';
import { type Paint, painter } from './style.ts';
import { clean, cleanLines } from './width.ts';

/** An error for people, as `AgentError` carries it. */
export interface Told {
  code: string;
  message: string;
  hint: string;
}

export interface Down {
  /** `daemon_not_running`, or `daemon_silent` where a daemon takes the question and does not answer. */
  error: Told;
  /** Of the process that does not answer; null where it is not known. */
  pid: number | null;
  known: LastKnown;
  /** The settings file, and why it cannot be used, `settings_missing` included; null where it can. */
  settings: { path: string; error: Told | null };
  /** IANA time zone to tell times in. */
  time_zone: string;
}

/** Reasons that were open at the end; the run's own end comes first. */
const REASON_LINES = 8;
const START = 'Start it: sudo systemctl start footfall';

interface DownOptions {
  width: number;
  paint: Paint;
  local: LocalTime;
}

/** Pure, as `renderStatus` is; every line ends in a newline. */
export function renderDown(down: Down, { width, colour }: RenderOptions): string {
  const options = { width, paint: painter(colour), local: new LocalTime(down.time_zone) };
  const lines = isFirstStart(down) ? firstStart(down, options) : afterRun(down, options);
  return `${lines.join('\n')}\n`;
}

function isFirstStart({ error, known }: Down): boolean {
  const { end, started_ms, status, database, database_error } = known;
  const traces = [end, started_ms, status, database, database_error];
  return error.code !== 'daemon_silent' && traces.every((trace) => trace === null);
}

function firstStart(down: Down, options: DownOptions): string[] {
  const { width, paint, local } = options;
  const at = down.known.at_ms;
  const words = '○ FIRST START: nothing has run here yet';
  const mistake = down.settings.error?.code;
  // What is wrong with the settings comes with its own advice, and first.
  const steps =
    mistake === undefined
      ? [START]
      : mistake === 'settings_missing'
        ? ['Set this box up: sudo footfall setup', START]
        : [];
  return [
    renderHeadline({ words, tone: 'warn', since: '' }, [local.time(at, at)], width, paint),
    ...told(down.error.message, options),
    ...steps.flatMap((step) => renderAdvice(step, options)),
    ...renderSettings(down, options),
    ...renderService(down.known, options),
  ];
}

function afterRun(down: Down, options: DownOptions): string[] {
  const { known } = down;
  const { width, paint, local } = options;
  const { at_ms: at, status, end } = known;
  const time = local.time(at, at);
  const hangs = down.error.code === 'daemon_silent';
  const { waiting } = known;
  const words = hangs ? '○ NOT ANSWERING' : waiting === null ? '○ NOT RUNNING' : '○ NOT COUNTING YET';
  const since = waitingText(down, local) ?? (end === null || hangs ? '' : sinceText(end, known, local));
  const places = status === null ? [time] : whereabouts(status, time);
  return [
    renderHeadline({ words, tone: end?.how === 'stopped' && !hangs ? 'warn' : 'bad', since }, places, width, paint),
    ...renderWhy(down, options),
    ...renderService(known, options),
    ...renderSettings(down, options),
    ...renderDatabase(known, options),
    ...renderLastState(known, options),
  ];
}

function sinceText(end: RunEnd, { at_ms: at, started_ms: started, status }: LastKnown, local: LocalTime): string {
  const how = END_WORDS[end.how];
  if (end.at_ms !== null) return `${how} at ${local.time(end.at_ms, at)} (${formatDuration(at - end.at_ms)} ago)`;
  const lastSign = Math.max(started ?? 0, status?.at_ms ?? 0);
  return lastSign === 0 ? how : `${how} after ${local.time(lastSign, at)}`;
}

function waitingText({ known: { waiting, at_ms: at } }: Down, local: LocalTime): string | null {
  if (waiting === null) return null;
  return `waiting since ${local.time(waiting.at_ms, at)} (${formatDuration(at - waiting.at_ms)})`;
}

function renderWhy(
  { error, pid, known: { end, waiting, started_ms: started, at_ms: at } }: Down,
  options: DownOptions,
): string[] {
  if (waiting !== null) {
    const hint = `${waiting.hint} It is tried again by itself, and counts from then on.`;
    return [...told(`It cannot begin: ${waiting.message}.`, options), ...renderAdvice(hint, options)];
  }
  if (error.code === 'daemon_silent') {
    const who = pid === null ? 'The daemon' : `The daemon (process ${pid})`;
    return [...told(`${who} hangs: ${error.message}.`, options), ...renderAdvice(error.hint, options)];
  }
  if (end === null) {
    const began = started === null ? '' : ` A run that began at ${options.local.time(started, at)} has not ended.`;
    const hint = started === null ? START : 'It may be starting: look again in a moment. Else: journalctl -u footfall';
    return [...told(`${error.message}.${began}`, options), ...renderAdvice(hint, options)];
  }
  return [...told(end.message, options), ...renderAdvice(end.hint === '' ? START : end.hint, options)];
}

function renderService({ service }: LastKnown, options: DownOptions): string[] {
  if (service === null) return [];
  const result = ['', 'success'].includes(service.result) ? '' : ` (${clean(service.result)})`;
  const again = service.active === 'activating' ? { text: 'systemd starts it again by itself' } : null;
  const times = `restarted ${formatCount(service.restarts)} ${service.restarts === 1 ? 'time' : 'times'}`;
  const state: Fact = {
    text: `${clean(service.unit)} is ${clean(service.active)}${result}`,
    tone: service.active === 'failed' ? 'bad' : 'plain',
  };
  return row('SERVICE', [state, again, service.restarts > 0 ? { text: times, tone: 'warn' } : null], options);
}

/** The settings as they are now, unless the run's end has told the same mistakes. */
function renderSettings({ settings, known }: Down, options: DownOptions): string[] {
  const { path, error } = settings;
  if (error === null) return row('SETTINGS', [{ text: `no mistakes in ${clean(path)}` }], options);
  if (known.end?.message.includes(error.message)) return [];
  if (error.code === 'settings_missing') return row('SETTINGS', [{ text: error.message, tone: 'warn' }], options);
  return [
    ...row('SETTINGS', [{ text: `${clean(path)} cannot be used`, tone: 'bad' }], options),
    ...told(error.message, options, LABEL_WIDTH),
    ...renderAdvice(error.hint, { ...options, indent: LABEL_WIDTH }),
  ];
}

function renderDatabase({ database, database_error: error }: LastKnown, options: DownOptions): string[] {
  if (error !== null) {
    return [
      ...row('DATABASE', [{ text: 'cannot be read', tone: 'bad' }], options),
      ...told(error.message, options, LABEL_WIDTH),
      ...renderAdvice(error.hint, { ...options, indent: LABEL_WIDTH }),
    ];
  }
  if (database === null) return row('DATABASE', [{ text: 'none yet' }], options);
  const rejected = `${formatCount(database.dead_letters)} dead ${database.dead_letters === 1 ? 'letter' : 'letters'}`;
  return [
    ...row(
      'BUFFER',
      [
        { text: heldText(database) },
        { text: `sealed through ${formatCount(database.sealed_through)}` },
        database.dead_letters > 0 ? { text: rejected, tone: 'warn' } : null,
        { text: `database ${formatBytes(database.bytes)}` },
      ],
      options,
    ),
    ...(database.held > 0
      ? told('What is held is kept, and delivered after the next start.', options, LABEL_WIDTH)
      : []),
  ];
}

function renderLastState({ status, reasons, end, at_ms: at }: LastKnown, options: DownOptions): string[] {
  const { width, paint, local } = options;
  const until = end?.at_ms ?? status?.at_ms ?? at;
  const open = renderReasons(reasons, until, { width, paint, most: REASON_LINES });
  if (status === null) return open.length === 0 ? [] : ['', paint('dim', 'WRONG WHEN IT ENDED'), ...open];
  const { state, since_ms: since } = status.verdict;
  const sensors = status.sensors.map(({ id, state: was }) => `${clean(id)} ${was}`);
  return [
    '',
    ...row(
      'LAST',
      [
        { text: `${state.replace('_', ' ')} since ${local.time(since, at)}` },
        { text: `as of ${local.time(status.at_ms, at)} (${formatAgo(status.at_ms, at)})` },
        { text: `v${clean(status.version)}` },
      ],
      options,
    ),
    ...open,
    ...row(
      'SENSORS',
      sensors.map((text) => ({ text })),
      options,
    ),
    ...renderToday(status, { ...options, title: 'DAY' }),
  ];
}

function row(label: string, facts: (Fact | null)[], { width, paint }: DownOptions): string[] {
  return renderFacts(label, facts, { width, labelWidth: LABEL_WIDTH, paint });
}

function told(message: string, { width, paint }: DownOptions, indent = 2): string[] {
  return cleanLines(message).flatMap((line) =>
    renderParagraph(' '.repeat(indent), line, { width, tone: 'plain', paint }),
  );
}
