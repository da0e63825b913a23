/** Opening hours: from the words of the settings file to minutes of each local day. */
import type { OpeningHours } from '../analytics/parameters.ts';

/** Start and end in minutes of the local day; the end is beyond 1440 for hours that go past midnight. */
type Interval = [number, number];
type Report = (key: string, message: string) => void;

const DAY = 1440;
export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const TIME = String.raw`(\d{1,2}):(\d{2})`;
const INTERVAL = new RegExp(`^${TIME}\\s*[-\u2013]\\s*${TIME}$`);

const DAY_NAME = `(${DAYS.join('|')})`;
const CLOCK = String.raw`([01]?\d|2[0-3]):[0-5]\d`;
const FROM_TO = String.raw`\s*${CLOCK}\s*[-\u2013]\s*(${CLOCK}|24:00)\s*`;
/** What an editor can check of a key of `hours`, a key of `exceptions`, and their values. */
export const DAYS_PATTERN = `^(daily|${DAY_NAME}(-${DAY_NAME})?)$`;
export const DATE_PATTERN = String.raw`^2\d{3}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$`;
export const HOURS_PATTERN = String.raw`^(\s*([cC][lL][oO][sS][eE][dD]|24[hH])\s*|${FROM_TO}(,${FROM_TO})*)$`;

/**
 * Reads the weekly hours and the dates that differ; values that are no text are passed over, as the schema has told of
 * them. Hours past midnight go on in the next day, also into and out of an exception.
 * @param report told of each mistake with the key it is at, null for a day that is missing.
 */
export function readHours(
  hours: Readonly<Record<string, unknown>>,
  exceptions: Readonly<Record<string, unknown>>,
  report: { hours: Report; exceptions: Report; missing: (day: string) => void },
): OpeningHours {
  const own = readWeek(hours, report.hours, report.missing);
  const special = new Map<string, Interval[]>();
  for (const [date, text] of Object.entries(exceptions)) {
    if (!isDate(date)) {
      report.exceptions(date, `expected a date such as 2026-12-24, received "${date}"`);
      continue;
    }
    const intervals = readDay(text, (message) => report.exceptions(date, message));
    if (intervals) special.set(date, intervals);
  }
  const week = own.map((day, index) => withSpill(day, own[(index + 6) % 7]));
  return { week, exceptions: spreadExceptions(own, week, special) };
}

function readWeek(hours: Readonly<Record<string, unknown>>, report: Report, missing: (day: string) => void) {
  const week: Interval[][] = DAYS.map(() => []);
  /** The key that says a day's hours, and its length in days: the more specific key wins. */
  const said: ({ key: string; span: number } | undefined)[] = DAYS.map(() => undefined);
  let unreadable = false;
  for (const [key, text] of Object.entries(hours)) {
    const days = daysOf(key);
    if (!days) {
      unreadable = true;
      report(key, `expected a day (mon to sun), days such as mon-fri, or daily, received "${key}"`);
      continue;
    }
    const intervals = readDay(text, (message) => report(key, message)) ?? [];
    const rival = days.find((day) => said[day]?.span === days.length);
    if (rival !== undefined) report(key, `${DAYS[rival]} is said by both "${said[rival]?.key}" and "${key}"; keep one`);
    for (const day of days) {
      const other = said[day];
      if (other && other.span < days.length) continue;
      said[day] = { key, span: days.length };
      week[day] = intervals;
    }
  }
  // A day may be missing only because its key could not be read.
  if (!unreadable) for (const [day, key] of said.entries()) if (!key) missing(DAYS[day]);
  return week;
}

/** Day numbers, Monday 0, of `wed`, `mon-fri`, `fri-mon` or `daily`; null for anything else. */
function daysOf(key: string): number[] | null {
  if (key === 'daily') return DAYS.map((_, day) => day);
  const [first, last, more] = key.split('-').map((name) => DAYS.indexOf(name));
  if (more !== undefined || first < 0 || last === -1) return null;
  if (last === undefined) return [first];
  if (last === first) return null;
  const count = ((last - first + 7) % 7) + 1;
  return Array.from({ length: count }, (_, step) => (first + step) % 7);
}

function readDay(text: unknown, report: (message: string) => void): Interval[] | null {
  if (typeof text !== 'string') return null;
  const words = text.trim().toLowerCase();
  if (words === 'closed') return [];
  if (words === '24h') return [[0, DAY]];
  const intervals: Interval[] = [];
  for (const part of words.split(',')) {
    const interval = readInterval(part.trim());
    if (typeof interval === 'string') {
      report(interval);
      return null;
    }
    intervals.push(interval);
  }
  intervals.sort((a, b) => a[0] - b[0]);
  for (let index = 1; index < intervals.length; index++) {
    if (intervals[index][0] < intervals[index - 1][1]) {
      report(`the hours in "${text}" overlap`);
      return null;
    }
  }
  return intervals;
}

/** The interval, or what is wrong with it. */
function readInterval(text: string): Interval | string {
  const match = INTERVAL.exec(text);
  if (!match) return `expected opening hours such as "09:00-20:00", closed or 24h, received "${text}"`;
  const [startHour, startMinute, endHour, endMinute] = match.slice(1).map(Number);
  const start = startHour * 60 + startMinute;
  const end = endHour * 60 + endMinute;
  if (startMinute > 59 || endMinute > 59 || start >= DAY || end > DAY) {
    return `expected times between 00:00 and 24:00, received "${text}"`;
  }
  if (start === end) return `opens and closes at the same minute in "${text}"; write 24h or closed`;
  return [start, end > start ? end : end + DAY];
}

/** A local day's hours: its own up to midnight, and what the day before left over. */
function withSpill(own: Interval[], before: Interval[]): Interval[] {
  const parts: Interval[] = own.map(([start, end]) => [start, Math.min(end, DAY)]);
  for (const [, end] of before) if (end > DAY) parts.push([0, end - DAY]);
  parts.sort((a, b) => a[0] - b[0]);
  const joined: Interval[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (last && part[0] <= last[1]) last[1] = Math.max(last[1], part[1]);
    else joined.push(part);
  }
  return joined;
}

/** An exception also changes the day after it where either its own or the usual hours go past midnight. */
function spreadExceptions(own: Interval[][], week: Interval[][], special: ReadonlyMap<string, Interval[]>) {
  const result: Record<string, [number, number][]> = {};
  const ownOf = (date: string) => special.get(date) ?? own[weekday(date)];
  for (const date of [...special.keys()].sort()) {
    result[date] = withSpill(ownOf(date), ownOf(shift(date, -1)));
    const next = shift(date, 1);
    if (special.has(next)) continue;
    const changed = withSpill(ownOf(next), ownOf(date));
    if (JSON.stringify(changed) !== JSON.stringify(week[weekday(next)])) result[next] = changed;
  }
  return result;
}

function isDate(text: string): boolean {
  if (!/^2\d{3}-\d{2}-\d{2}$/.test(text)) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

function shift(date: string, days: number): string {
  const moved = new Date(`${date}T00:00:00Z`);
  moved.setUTCDate(moved.getUTCDate() + days);
  return moved.toISOString().slice(0, 10);
}

/** Monday 0. */
function weekday(date: string): number {
  return (new Date(`${date}T00:00:00Z`).getUTCDay() + 6) % 7;
}
