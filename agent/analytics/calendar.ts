/** The store's local days: opening hours as UTC instants, closings, and the instants at which a day is settled. */
import { DateTime, IANAZone } from 'luxon';
import type { OpeningHours, Parameters } from './parameters.ts';

const DAY_MINUTES = 1440;
/** Hour of the night at which a day without a closing ends: closed days, 24-hour stores, hours past midnight. */
const NIGHT_HOUR = 4;
/** Time for the last people to leave after closing. */
const SETTLE_AFTER_MS = 30 * 60_000;
const CACHED_DAYS = 8;

/** One local day in UTC milliseconds; 23, 24 or 25 hours long. */
export interface LocalDay {
  /** YYYY-MM-DD. */
  date: string;
  start: number;
  end: number;
  /** Opening intervals, ascending. */
  open: [number, number][];
  /** End of the day's business: the last closing, or 04:00 of the next day where there is none. */
  closing: number;
  /** When the day is settled: half an hour after closing, or at that 04:00. */
  settlement: number;
}

/** A pure function of time zone and hours; it caches days. */
export class Calendar {
  readonly #zone: string;
  readonly #hours: OpeningHours;
  readonly #days = new Map<string, LocalDay>();
  #today: LocalDay | null = null;
  /** The span around the last time asked in which the answer stays the same. */
  #from = 0;
  #to = 0;
  #open = false;

  constructor({ timeZone, hours }: Pick<Parameters, 'timeZone' | 'hours'>) {
    if (!IANAZone.isValidZone(timeZone)) throw new RangeError(`expected an IANA time zone, received "${timeZone}"`);
    this.#zone = timeZone;
    this.#hours = hours;
  }

  isOpen(time: number): boolean {
    if (time >= this.#from && time < this.#to) return this.#open;
    const { start, end, open } = this.day(time);
    this.#from = start;
    this.#to = end;
    this.#open = false;
    for (const [opens, closes] of open) {
      if (time >= closes) this.#from = closes;
      else if (time >= opens) {
        this.#from = opens;
        this.#to = closes;
        this.#open = true;
        return true;
      } else {
        this.#to = opens;
        break;
      }
    }
    return this.#open;
  }

  /** The local day that holds `time`. */
  day(time: number): LocalDay {
    if (this.#today !== null && time >= this.#today.start && time < this.#today.end) return this.#today;
    this.#today = this.#dayOf(DateTime.fromMillis(time, { zone: this.#zone }).startOf('day'));
    return this.#today;
  }

  /** Local hour 0 to 23. */
  hour(time: number): number {
    return DateTime.fromMillis(time, { zone: this.#zone }).hour;
  }

  /** The first day settled after `time` whose date is later than `lastDate` ('' for none). */
  nextSettlement(time: number, lastDate: string): LocalDay {
    return this.#first(time, (day) => day.settlement > time && day.date > lastDate);
  }

  /** The first business day that ends after `time`. */
  businessDay(time: number): LocalDay {
    return this.#first(time, (day) => day.closing > time);
  }

  #first(time: number, found: (day: LocalDay) => boolean): LocalDay {
    // A day is settled at 04:00 of the next one at the latest, so the search begins the day before.
    let local = DateTime.fromMillis(time, { zone: this.#zone }).startOf('day').minus({ days: 1 });
    for (;;) {
      const day = this.#dayOf(local);
      if (found(day)) return day;
      local = local.plus({ days: 1 });
    }
  }

  #dayOf(local: DateTime): LocalDay {
    const date = local.toISODate() ?? '';
    let day = this.#days.get(date);
    if (day === undefined) {
      day = this.#createDay(local, date);
      if (this.#days.size >= CACHED_DAYS) this.#days.clear();
      this.#days.set(date, day);
    }
    return day;
  }

  #createDay(local: DateTime, date: string): LocalDay {
    const next = local.plus({ days: 1 }).startOf('day');
    const intervals = this.#intervals(local, date);
    const open = intervals.map(([from, to]): [number, number] => [instant(local, from), instant(local, to)]);
    const night = next.set({ hour: NIGHT_HOUR }).toMillis();
    const last = intervals.at(-1)?.[1] ?? 0;
    const goesOn = last >= DAY_MINUTES && this.#intervals(next, next.toISODate() ?? '')[0]?.[0] === 0;
    // What closes before 04:00 is the night of the day before, which is settled at 04:00.
    const closes = last > NIGHT_HOUR * 60 && !goesOn;
    const closing = closes ? Math.min(instant(local, last), night) : night;
    return {
      date,
      start: local.toMillis(),
      end: next.toMillis(),
      open,
      closing,
      settlement: closes ? Math.min(closing + SETTLE_AFTER_MS, night) : night,
    };
  }

  #intervals(local: DateTime, date: string): [number, number][] {
    const { exceptions, week } = this.#hours;
    const intervals = Object.hasOwn(exceptions, date) ? exceptions[date] : (week[local.weekday - 1] ?? []);
    return [...intervals].sort((one, other) => one[0] - other[0]);
  }
}

/** When the day's key is to be changed next: at the end of the business day, so that fixtures are learnt over night. */
export function nextKeyChange(parameters: Parameters, now: number): number {
  return new Calendar(parameters).businessDay(now).closing;
}

/** Minutes of the local day as it is on the wall clock, whatever the clock change did before. */
function instant(local: DateTime, minutes: number): number {
  const day = local.plus({ days: Math.floor(minutes / DAY_MINUTES) });
  const left = minutes % DAY_MINUTES;
  return day.set({ hour: Math.floor(left / 60), minute: left % 60 }).toMillis();
}
