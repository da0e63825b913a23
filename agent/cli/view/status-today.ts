/** The day so far: the figures a store lives by, and its shape by hour. */
import type { StatusDocument, Today } from '../../local/document.ts';
import { formatCount, formatDate, formatDuration, formatPercent, type LocalTime, NONE } from './format.ts';
import { sparkline } from './sparkline.ts';
import type { Paint } from './style.ts';
import { clean, cut, pad } from './width.ts';

const LABEL_WIDTH = 19;
const COUNT_WIDTH = 9;
const HOUR_LABEL_WIDTH = 10;
/** Room kept behind a row of hours for its peak. */
const PEAK_WIDTH = 18;

type Figure = [label: string, value: string];

export function renderToday(document: StatusDocument, width: number, paint: Paint, local: LocalTime): string[] {
  const { today, time_zone: zone } = document;
  const title = `${paint('dim', 'TODAY')}    ${formatDate(today.date)}, ${clean(zone)}`;
  const left = counts(today);
  const right = measures(today);
  const lines = [title];
  for (let row = 0; row < Math.max(left.length, right.length); row++) {
    lines.push(renderPair(left[row], right[row], width, paint));
  }
  return [...lines, ...renderHours(document, width, paint, local)];
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

function renderHours(document: StatusDocument, width: number, paint: Paint, local: LocalTime): string[] {
  const { today, at_ms: at } = document;
  const repeat = Math.max(1, Math.floor((width - HOUR_LABEL_WIDTH - 4 - PEAK_WIDTH) / 24));
  const now = local.hour(at);
  const row = (label: string, values: number[], tone: 'good' | 'dim'): string[] => {
    const peak = Math.max(0, ...values);
    if (peak === 0) return [];
    const come = values.map((value, hour) => (hour > now ? null : value));
    const bars = sparkline(come, { repeat });
    const note = cut(`peak ${formatCount(peak)} at ${values.indexOf(peak)} h`, PEAK_WIDTH);
    return [`  ${pad(label, HOUR_LABEL_WIDTH)}${paint(tone, bars)}  ${paint('dim', note)}`];
  };
  const inside =
    today.entries === null ? today.hours.map((hour) => hour.visits) : today.hours.map((hour) => hour.entries);
  const rows = [
    ...row(today.entries === null ? 'Visits' : 'Entries', inside, 'good'),
    ...row(
      'Passing',
      today.hours.map((hour) => hour.passers_by),
      'dim',
    ),
  ];
  if (rows.length === 0) return [];
  return ['', ...rows, paint('dim', `  ${pad('', HOUR_LABEL_WIDTH)}${ruler(repeat)}`)];
}

function ruler(repeat: number): string {
  const marks = [0, 6, 12, 18].map((hour) => pad(String(hour), 6 * repeat));
  return `${marks.join('')}24`;
}
