/** The screen of `footfall sensors test`: what one sensor says, and what to do where it does not. */
import type { TestSummary, TestVerdict } from '../sensors/test-tally.ts';
import { formatAgo, formatBytes, formatCount, formatDuration, formatPercent, NONE } from './format.ts';
import type { RenderOptions } from './status.ts';
import { type Paint, painter, type Tone } from './style.ts';
import { renderTable } from './table.ts';
import { clean, cut, fold } from './width.ts';

const VERDICTS: Record<TestVerdict, { mark: string; words: string; tone: Tone }> = {
  good: { mark: '●', words: 'HEARD', tone: 'good' },
  silent: { mark: '○', words: 'NOTHING HEARD', tone: 'bad' },
  rejected: { mark: '◐', words: 'MOSTLY REJECTED', tone: 'bad' },
  down: { mark: '○', words: 'DOWN', tone: 'bad' },
};
const LABEL = 11;
const LONGEST_NAME = 24;

/** Every line ends in a newline, and none is wider than `width`. */
export function renderTest(summary: TestSummary, { width, colour }: RenderOptions): string {
  const paint = painter(colour);
  const { mark, words, tone } = VERDICTS[summary.verdict];
  const through = summary.source === 'daemon' ? 'through the daemon' : 'on its own line';
  const lines = [
    `${paint(tone, `${mark} ${words}`)}  ${cut(clean(summary.sensor), LONGEST_NAME)}  ${paint('dim', `${summary.driver}, ${through}`)}`,
    ...told(summary, width, paint),
    '',
    row('frames', `${formatCount(summary.frames)}, ${rate(summary.frames_per_second)} (${formatBytes(summary.bytes)})`),
    row('readings', `${formatCount(summary.readings)}, ${rate(summary.readings_per_second)}`),
    row('last one', ageOf(summary)),
    row('heard for', formatDuration(summary.seconds * 1_000)),
    ...figures(summary),
    ...rejections(summary, width, paint),
  ];
  return `${lines.join('\n')}\n`;
}

/** One line, for a log. */
export function testLine(summary: TestSummary): string {
  const { frames, readings, rejected, seconds, rssi, door, transactions, state } = summary;
  const refused = rejected.reduce((sum, { count }) => sum + count, 0);
  const parts = [
    `${Math.round(seconds)} s`,
    state,
    `frames ${frames}`,
    `readings ${readings}`,
    `rejected ${refused}`,
    ...(rssi === null ? [] : [`median ${rssi.median} dBm`]),
    ...(door === null ? [] : [`in ${door.in}`, `out ${door.out}`]),
    ...(transactions === null ? [] : [`sales ${transactions}`]),
  ];
  return parts.join('  ');
}

function told({ message, hint }: TestSummary, width: number, paint: Paint): string[] {
  return [
    ...(message === '' ? [] : fold(clean(message), width - 2).map((line) => `  ${line}`)),
    ...(hint === '' ? [] : fold(clean(hint), width - 2).map((line) => paint('dim', `  ${line}`))),
  ];
}

function ageOf({ last_reading_age_ms: age }: TestSummary): string {
  return age === null ? 'none yet' : formatAgo(-age, 0);
}

function figures({ rssi, gate_dbm: gate, devices, door, transactions, dropped }: TestSummary): string[] {
  const lines: string[] = [];
  if (devices !== null) lines.push(row('devices', `${formatCount(devices)} (random addresses count again and again)`));
  if (rssi !== null) {
    lines.push(
      row(
        'RSSI',
        `median ${rssi.median}, most ${rssi.p10} to ${rssi.p90}, all ${rssi.weakest} to ${rssi.strongest} dBm`,
      ),
    );
    lines.push(row('gate', `${gate} dBm: ${formatPercent(rssi.above_gate)} of the readings are above, inside`));
  } else if (gate !== null) lines.push(row('RSSI', NONE));
  if (door !== null) {
    const { in: entered, out, total_in: totalIn, total_out: totalOut, restarts } = door;
    lines.push(row('people', `${formatCount(entered)} in, ${formatCount(out)} out`));
    if (totalIn !== null) lines.push(row('its totals', `${formatCount(totalIn)} in, ${formatCount(totalOut)} out`));
    if (restarts > 0) lines.push(row('restarts', `${restarts}: its totals went back`));
  }
  if (transactions !== null) lines.push(row('sales', formatCount(transactions)));
  if (dropped > 0) lines.push(row('left out', `${formatCount(dropped)} readings, as they came too fast to show`));
  return lines;
}

function rejections({ rejected, frames }: TestSummary, width: number, paint: Paint): string[] {
  if (rejected.length === 0) return [row('rejected', 'none')];
  const all = rejected.reduce((sum, { count }) => sum + count, 0);
  const rows = rejected.toSorted((one, other) => other.count - one.count);
  const table = renderTable(
    [{ title: 'REJECTED' }, { title: '', align: 'right' }, { title: 'WHAT IT MEANS', shrinkTo: 20 }],
    rows.map(({ reason, count, meaning }) => [reason, formatCount(count), meaning]),
    { width, paint },
  );
  const advice = rows.flatMap(({ reason, advice: what }) =>
    fold(`${reason}: ${what}`, width - 2).map((line) => paint('dim', `  ${line}`)),
  );
  return ['', `${formatPercent(all / (all + frames))} of what came was rejected`, '', ...table, '', ...advice];
}

function rate(perSecond: number): string {
  return `${perSecond < 10 ? perSecond.toFixed(1) : formatCount(perSecond)} a second`;
}

function row(label: string, text: string): string {
  return `${label.padEnd(LABEL)}${text}`;
}
