/** The day so far: the figures a store lives by, and its shape by hour. */
import type { StatusDocument, Today } from '../../local/document.ts';
import { formatCount, formatDate, formatDuration, formatPercent, type LocalTime, NONE } from './format.ts';
import { sparkline } from './sparkline.ts';
import type { Paint, Tone } from './style.ts';
import { clean, cut, pad } from './width.ts';

const LABEL_WIDTH = 19;
const COUNT_WIDTH = 9;
const HOUR_LABEL_WIDTH = 10;
/** Room kept behind a row of hours for its peak. */
const PEAK_WIDTH = 18;

type Figure = [label: string, value: string];

interface TodayOptions {
  width: number;
  paint: Paint;
  local: LocalTime;
  /** Of the whole part: TODAY, unless the document is an old one. */
  title?: string;
}

/** The part of the screen up to the hours' ruler. */
export function renderToday(document: StatusDocument, options: TodayOptions): string[] {
  const { width, paint } = options;
  const { today, time_zone: zone } = document;
  const title = `${paint('dim', pad(options.title ?? 'TODAY', 8))} ${formatDate(today.date)}, ${clean(zone)}`;
  const left = counts(today);
  const right = measures(today);
  const lines = [title];
  for (let row = 0; row < Math.max(left.length, right.length); row++) {
    lines.push(renderPair(left[row], right[row], width, paint));
  }
  return [...lines, ...renderHours(document, options)];
}

function counts(today: Today): Figure[] {
  const figures: Figure[] = [
    ['Entries', formatCount(today.entries)],
    ['Exits', formatCount(today.exits)],
    today.occupancy === null && today.people !== null
      ? ['Inside, by radio', formatCount(today.people)]
      : ['Inside now', formatCount(today.occupancy)],
    ['Device visits', formatCount(today.visits)],
    ['Devices passing', formatCount(today.passers_by)],
  ];
  if (today.transactions !== null) figures.push(['Sales', formatCount(today.transactions)]);
  // A document that was kept by an older release lacks it.
  const ble = today.ble_now ?? null;
  if (ble !== null) figures.push(['BLE phones now', formatCount(ble.phones)]);
  return figures;
}

function measures(today: Today): Figure[] {
  const figures: Figure[] = [
    ['Passing people', passing(today)],
    ['Entry rate 入店率', formatPercent(today.entry_rate)],
    ['  by devices', formatPercent(today.device_entry_rate)],
    ['Dwell 驻店时长', today.dwell_ms === null ? NONE : `${formatDuration(today.dwell_ms)} mean`],
    ['  median', median(today)],
  ];
  if (today.transactions !== null) {
    figures.push(['Conversion 转化率', formatPercent(today.entries ? today.transactions / today.entries : null)]);
  }
  return figures;
}

function passing({ passing_people: people, passing_state: state }: Today): string {
  if (people !== null) return state === 'calibrated' ? formatCount(people) : `${formatCount(people)} (uncalibrated)`;
  return `${NONE} uncalibrated`;
}

function median({ dwell_p50_ms: median, dwell_visits: visits }: Today): string {
  return median === null ? NONE : `${formatDuration(median)} (of ${formatCount(visits)})`;
}

function renderPair(left: Figure | undefined, right: Figure | undefined, width: number, paint: Paint): string {
  const [leftLabel, leftValue] = left ?? ['', ''];
  const [rightLabel, rightValue] = right ?? ['', ''];
  const start = `  ${pad(leftLabel, LABEL_WIDTH)}${paint('strong', pad(leftValue, COUNT_WIDTH, 'right'))}`;
  const gap = width >= 80 ? 8 : 3;
  const used = 2 + LABEL_WIDTH + COUNT_WIDTH + gap + LABEL_WIDTH;
  const end = `${pad(rightLabel, LABEL_WIDTH)}${paint('strong', cut(rightValue, width - used))}`;
  return `${start}${' '.repeat(gap)}${end}`.trimEnd();
}

function renderHours({ today, at_ms: at }: StatusDocument, { width, paint, local }: TodayOptions): string[] {
  const repeat = Math.max(1, Math.floor((width - HOUR_LABEL_WIDTH - 4 - PEAK_WIDTH) / 24));
  const now = local.hour(at);
  const row = (label: string, values: (number | null)[], tone: Tone): string[] => {
    const peak = Math.max(0, ...values.map((value) => value ?? 0));
    if (peak === 0) return [];
    const come = values.map((value, hour) => (hour > now ? null : value));
    const bars = sparkline(come, { repeat });
    const highest = peak < 10 && !Number.isInteger(peak) ? peak.toFixed(1) : formatCount(peak);
    const note = cut(`peak ${highest} at ${values.indexOf(peak)} h`, PEAK_WIDTH);
    return [`  ${pad(label, HOUR_LABEL_WIDTH)}${paint(tone, bars)}  ${paint('dim', note)}`];
  };
  const doors = today.entries !== null;
  const rows = [
    ...row(
      doors ? 'Entries' : 'Visits',
      today.hours.map((hour) => (doors ? hour.entries : hour.visits)),
      'good',
    ),
    ...row(
      'Inside',
      today.hours.map((hour) => hour.inside),
      'plain',
    ),
    ...row(
      'Passing',
      today.hours.map((hour) => hour.passers_by),
      'dim',
    ),
  ];
  return rows.length === 0 ? [] : [...rows, paint('dim', `  ${pad('', HOUR_LABEL_WIDTH)}${ruler(repeat)}`)];
}

function ruler(repeat: number): string {
  const marks = [0, 6, 12, 18].map((hour) => pad(String(hour), 6 * repeat));
  return `${marks.join('')}24`;
}
