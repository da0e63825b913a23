/** Numbers, shares, sizes and times for people. Absent values are a dash. */
export const NONE = '–';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June'],
  ...['July', 'August', 'September', 'October', 'November', 'December'],
];

/** `12,345`. */
export function formatCount(count: number | null): string {
  return count === null ? NONE : String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A share from 0 to 1 as `7.9 %`. */
export function formatPercent(share: number | null): string {
  return share === null ? NONE : `${(share * 100).toFixed(1)} %`;
}

/** `512 B`, `96 KiB`, `12.1 MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) {
    if (value < 1_000 || unit === 'GiB')
      return `${value < 10 && unit !== 'B' ? value.toFixed(1) : Math.round(value)} ${unit}`;
    value /= 1_024;
  }
  return NONE;
}

/** The two largest units: `45 s`, `3 min 20 s`, `4 h 12 min`, `2 d 3 h`. Below a second `<1 s`. */
export function formatDuration(ms: number | null): string {
  if (ms === null) return NONE;
  if (ms < SECOND) return ms <= 0 ? '0 s' : '<1 s';
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return join(ms, MINUTE, 'min', SECOND, 's');
  if (ms < DAY) return join(ms, HOUR, 'h', MINUTE, 'min');
  return join(ms, DAY, 'd', HOUR, 'h');
}

/** The largest unit alone, for narrow columns: `45 s`, `3 min`, `4 h`, `2 d`. */
export function formatShortDuration(ms: number): string {
  if (ms < SECOND) return '<1 s';
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  return ms < DAY ? `${Math.floor(ms / HOUR)} h` : `${Math.floor(ms / DAY)} d`;
}

/** `3 min ago`, `never` without a time, `just now` within a second and for a time that has not come. */
export function formatAgo(then: number | null, now: number): string {
  if (then === null) return 'never';
  return now - then < SECOND ? 'just now' : `${formatShortDuration(now - then)} ago`;
}

/** `Monday 2 March` of a local date YYYY-MM-DD. */
export function formatDate(date: string): string {
  const day = new Date(`${date}T12:00:00Z`);
  return `${WEEKDAYS[day.getUTCDay()]} ${day.getUTCDate()} ${MONTHS[day.getUTCMonth()]}`;
}

/** `LocalTime.time` for a single use. */
export function formatTime(ms: number, timeZone: string, now: number): string {
  return new LocalTime(timeZone).time(ms, now);
}

/** `LocalTime.hour` for a single use. */
export function localHour(ms: number, timeZone: string): number {
  return new LocalTime(timeZone).hour(ms);
}

/** The local time of one zone; made once a screen, as making it is slow. */
export class LocalTime {
  readonly #format: Intl.DateTimeFormat;

  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat('en-GB', {
      timeZone,
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      hourCycle: 'h23',
    });
  }

  /** `09:12`, with the date (`1 Mar 09:12`) where it is not the local day of `now`. */
  time(ms: number, now: number): string {
    const there = this.#parts(ms);
    const time = `${pad2(there.hour)}:${pad2(there.minute)}`;
    const date = dayOf(there);
    return date === dayOf(this.#parts(now)) ? time : `${date} ${time}`;
  }

  /** The local hour, 0 to 23. */
  hour(ms: number): number {
    return this.#parts(ms).hour;
  }

  #parts(ms: number) {
    const parts = { month: 0, day: 0, hour: 0, minute: 0 };
    for (const { type, value } of this.#format.formatToParts(ms))
      if (type in parts) parts[type as keyof typeof parts] = Number(value);
    return parts;
  }
}

function dayOf({ day, month }: { day: number; month: number }): string {
  return `${day} ${MONTHS[month - 1].slice(0, 3)}`;
}

function pad2(value: number): string {
  return String(value).padStart(2, '0');
}

function join(ms: number, large: number, largeName: string, small: number, smallName: string): string {
  const rest = Math.floor((ms % large) / small);
  return `${Math.floor(ms / large)} ${largeName}${rest > 0 ? ` ${rest} ${smallName}` : ''}`;
}
