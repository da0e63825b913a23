/**
 * What a sealed window says, as it goes on the wire (snake_case, integers, milliseconds, UTC). Every measure is
 * additive or mergeable: several gateways can serve one store and several windows a day by summing. Names and meanings
 * are those of contract v1; `contract/` holds the schemas, the compiler keeps both equal.
 */

import type { ClockTrust } from '../readings.ts';

export interface RecordBase {
  /** `store` for what concerns the whole store, else a door, zone or sensor id. */
  place: string;
  store: string;
  /** 1 when the window is sealed; only the nightly settlement raises it. The higher one wins. */
  rev: number;
  /** Ordinal of the window in this epoch, from 1: with epoch, store, place and kind it is the record's key. */
  window: number;
  /** Start and end of the window, UTC milliseconds since 1970: attributes, never a key. */
  start_ms: number;
  end_ms: number;
  /** Id of the parameter set the record was counted with. */
  parameters: string;
}

/** Flow through one door. */
export interface DoorRecord extends RecordBase {
  kind: 'door';
  entries: number;
  exits: number;
  /** Part of entries and exits that came as one difference over a time when nothing was heard. */
  catch_up_entries: number;
  catch_up_exits: number;
  /**
   * Start of the earliest of those times, UTC milliseconds; null without any. The people are spread evenly over them, as far
   * as windows were still open: those from before them count at the start of the first.
   */
  catch_up_from_ms: number | null;
  /** People in implausible jumps of a counter, set aside and in no other number. */
  set_aside: number;
  /** Times the counter restarted. */
  resets: number;
}

/** People inside the whole store. */
export interface OccupancyRecord extends RecordBase {
  kind: 'occupancy';
  entries: number;
  exits: number;
  /**
   * Exits of windows before this one that found nobody inside, because the entries of that time were caught up in this one.
   */
  already_left: number;
  /**
   * Occupancy at both ends, and its extremes: at_end = at_start + entries - exits - already_left. Without a settlement it
   * may drift and is floored at 0.
   */
  at_start: number;
  at_end: number;
  min: number;
  max: number;
  /** Person-milliseconds spent inside in this window (the integral of occupancy). */
  occupancy_ms: number;
  /** Sum over entries of the time left until the window's end; the same over exits: the additive parts of dwell. */
  entry_ms: number;
  exit_ms: number;
}

export type PeopleState = 'calibrated' | 'uncalibrated';
export type PassingState = 'calibrated' | 'uncalibrated_outside' | 'uncalibrated';

/** Devices heard in one zone. */
export interface TrafficRecord extends RecordBase {
  kind: 'traffic';
  /** Probe requests, and those of them sent from a randomised address. */
  sightings: number;
  random_sightings: number;
  /** Sightings that came too late for their minute; in no other number but `sightings`. */
  late_sightings: number;
  /** Bursts (runs of sightings of one key with gaps under 2 s) above and below the inside gate, fixtures excluded. */
  bursts_inside: number;
  bursts_outside: number;
  /** Keys that went inside in this window; keys whose encounter ended in it without having been inside. */
  visits: number;
  passers_by: number;
  /** Keys known as fixtures at the end of the window. */
  fixtures: number;
  /** Sum over the window's minutes of distinct keys inside in the last five minutes, and the minutes summed. */
  present_minutes: number;
  minutes: number;
  present_max: number;
  /** Mean number of people inside by calibration, and its 90 % interval; null without a calibration. */
  people: number | null;
  people_low: number | null;
  people_high: number | null;
  /** People per device key, through the origin; null without a door. */
  factor: number | null;
  people_state: PeopleState;
}

/** Dwell of identities that last long enough (global addresses). */
export interface DwellRecord extends RecordBase {
  kind: 'dwell';
  /** Visits that ended in this window and were heard over five seconds or more, and their summed dwell. */
  visits: number;
  dwell_ms: number;
  /** Visits cut by a key change or a restart without state; in no other number. */
  censored: number;
  /** Visits heard in one burst only, whose dwell is not known; in no other number. */
  heard_once: number;
  /** Visits under one minute, and of five minutes or more. */
  bounced: number;
  engaged: number;
  /** [bucket, count] with bucket = floor(ln(seconds) / ln(1.02)), for dwell of at least one second; sums merge. */
  histogram: [number, number][];
}

/** Entry rate 入店率, numerator and denominator apart. */
export interface EntryRecord extends RecordBase {
  kind: 'entry';
  /** Door entries; null where no door is counted. */
  entries: number | null;
  /** People passing in front, visitors included, corrected for exposure; null where uncalibrated. */
  passing_people: number | null;
  passing_state: PassingState;
  /** By device: visits / (visits + passers_by). */
  visits: number;
  passers_by: number;
  transactions: number | null;
}

/**
 * Bluetooth advertisers heard in one zone, or in all of them (`store`, where there are several): an index of how busy it
 * is, never a number of people and never distinct devices of more than a minute. An address counts by what its payloads
 * say it is: what people carry (phones), what stays (fixtures), and what does not tell.
 */
export interface BleRecord extends RecordBase {
  kind: 'ble';
  /** Advertisements at any hour and signal strength, those of them with a random address, and those too late to count on. */
  advertisements: number;
  random_advertisements: number;
  late_advertisements: number;
  /** Advertisements of addresses beyond what can be told apart at once, as in a flood; in no number below. */
  untracked_advertisements: number;
  /**
   * Sums over the window's minutes of distinct addresses heard above the gate in each (device-minutes). Phones and others
   * in opening hours only.
   */
  phone_minutes: number;
  fixture_minutes: number;
  other_minutes: number;
  /** The most phones of one minute. */
  phones_max: number;
  /** Minutes summed, and those of them in opening hours. */
  minutes: number;
  open_minutes: number;
}

/** How much of the window a sensor was heard: a zero is not a missing. */
export interface CoverageRecord extends RecordBase {
  kind: 'coverage';
  driver: string;
  covered_ms: number;
  bytes: number;
  accepted: number;
  rejected: Record<string, number>;
}

/** The store's day, settled after closing. `start_ms` and `end_ms` span the local day (23, 24 or 25 hours). */
export interface DayRecord extends RecordBase {
  kind: 'day';
  /** Local calendar date, YYYY-MM-DD. */
  date: string;
  entries: number;
  exits: number;
  /** Additive parts over the day: sums of time left until the day's end. */
  entry_ms: number;
  exit_ms: number;
  /** Mean dwell 驻店时长 by Little's law after drift is closed, and its standard error; null without both flows. */
  dwell_ms: number | null;
  dwell_error_ms: number | null;
  /** entries - exits before the settlement: what the doors missed. */
  drift: number;
  occupancy_max: number;
  visits: number;
  passers_by: number;
  passing_people: number | null;
  transactions: number | null;
  /** Share of the day's sensor time that was covered, in thousandths. */
  coverage_permille: number;
}

/**
 * The distinct devices that visited on the day of a `day` record, where the settings share them: a HyperLogLog sketch for
 * unions over days, stores and gateways whose hashes are of one key. A gateway has a key of its own, and a new one each day:
 * sketches of different keys have no hash in common, so their union only adds them up.
 */
export interface VisitorsRecord extends RecordBase {
  kind: 'visitors';
  date: string;
  /** Storage bytes of postgresql-hll (version 1, sparse or full) in lower-case hexadecimal; null below ten visitors a key. */
  sketch: string | null;
  /** Binary logarithm of the number of registers, and the bits of each. */
  log2m: number;
  regwidth: number;
  /** Distinct devices by the sketch, told also where that is null. */
  estimate: number;
  /** Keys that the hashes were made with: a device heard under two of them counts twice. */
  keys: number;
  /** Visits behind it; fewer than those of the day where the sharing began in the course of it. */
  visits: number;
  /** Share of those visits that came from a randomised address, to 1 / 1000; null without any. */
  random_share: number | null;
}

export type WindowRecord =
  | DoorRecord
  | OccupancyRecord
  | TrafficRecord
  | DwellRecord
  | EntryRecord
  | BleRecord
  | CoverageRecord
  | DayRecord
  | VisitorsRecord;

/** One sealed window with all its records; sealed even when nothing happened. */
export interface SealedWindow {
  ordinal: number;
  startMs: number;
  endMs: number;
  /** Windows between the last one and this that were not sealed because time jumped too far ahead. */
  skipped: number;
  /** True while the state was rebuilt without a readable snapshot: counts may be low. */
  warmUp: boolean;
  /** How far the clock could be trusted while it was counted, at its worst. */
  clock: ClockTrust;
  /** Milliseconds by which its times were corrected after it was counted; null where the clock was left as it was. */
  correctedMs: number | null;
  records: WindowRecord[];
}
