/** Numbers, shares, sizes and times for people. Absent values are a dash. */
export const NONE = '–';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

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

/** Local time as `09:12`, with the date (`1 Mar 09:12`) where it is not the local day of `now`. */
export function formatTime(ms: number, timeZone: string, now: number): string {
  const there = localParts(ms, timeZone);
  const time = `${there.hour}:${there.minute}`;
  return there.date === localParts(now, timeZone).date ? time : `${there.date} ${time}`;
}

/** The local hour, 0 to 23. */
export function localHour(ms: number, timeZone: string): number {
  return Number(localParts(ms, timeZone).hour);
}

/** `Monday 2 March` of a local date YYYY-MM-DD. */
export function formatDate(date: string): string {
  const options = { weekday: 'long', day: 'numeric', month: 'long', timeZone: 'UTC' } as const;
  return new Intl.DateTimeFormat('en-GB', options).format(new Date(`${date}T12:00:00Z`)).replace(',', '');
}

function localParts(ms: number, timeZone: string): { date: string; hour: string; minute: string } {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type, value]));
  return {
    date: `${parts.get('day')} ${parts.get('month')}`,
    hour: parts.get('hour') ?? '',
    minute: parts.get('minute') ?? '',
  };
}

function join(ms: number, large: number, largeName: string, small: number, smallName: string): string {
  const rest = Math.floor((ms % large) / small);
  return `${Math.floor(ms / large)} ${largeName}${rest > 0 ? ` ${rest} ${smallName}` : ''}`;
}
