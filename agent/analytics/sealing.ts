/** What a window says once it is complete: its sums made into records. */
import { type Bindings, STORE_SCOPE } from './bindings.ts';
import { burstSumsOf } from './burst-rates.ts';
import type { Calibration, Evidence } from './calibration.ts';
import { coveredMs, rejectedByName, wellCovered } from './coverage.ts';
import { histogramEntries } from './histogram.ts';
import { type Occupancy, occupancyOf } from './occupancy.ts';
import { type Passing, passingPeople } from './passing.ts';
import type {
  BleRecord,
  DoorRecord,
  DwellRecord,
  EntryRecord,
  RecordBase,
  TrafficRecord,
  WindowRecord,
} from './records.ts';
import {
  type AdvertiserCounts,
  advertisersOf,
  type DoorCounts,
  doorOf,
  MINUTE_MS,
  type WindowState,
  type ZoneCounts,
  zoneOf,
} from './windows.ts';

/** Place of records that concern the whole store. */
const STORE = 'store';

/** The store's figures of one window. */
export interface WindowSummary {
  occupancy: Occupancy;
  passing: Passing;
  visits: number;
  passersBy: number;
}

export function summarise(
  window: WindowState,
  atStart: number,
  bindings: Bindings,
  calibration: Calibration,
): WindowSummary {
  const occupancy = occupancyOf(window, atStart);
  const { visits, passersBy, burstsOutside } = zoneOf(window, 0);
  const entries = bindings.hasDoor ? occupancy.entries : null;
  const sums = { burstsOutside, personMinutes: occupancy.occupancyMs / MINUTE_MS, entries };
  const passing = passingPeople(calibration, sums, window.parameters.passingSeconds);
  return { occupancy, passing, visits, passersBy };
}

/** What a window teaches besides its occupancy; null unless it was open, heard throughout on both sides, and at its time. */
export function evidenceOf(window: WindowState, bindings: Bindings): Omit<Evidence, 'personMinutes'> | null {
  const minutes = window.parameters.windowMinutes;
  const { present, minutes: evaluated } = zoneOf(window, 0);
  const whole = window.openMinutes === minutes && evaluated === minutes && !window.estimated;
  if (!whole || !bindings.hasDoor || !bindings.hasWifi || !wellCovered(window, bindings.parameters.sensors))
    return null;
  return { keyMinutes: present, bursts: burstSumsOf(window) };
}

type Base = Omit<RecordBase, 'place'>;

/** All records of a window but its occupancy and its day's, in an order that its inputs alone decide. */
export function windowRecords(
  window: WindowState,
  base: Base,
  summary: WindowSummary,
  bindings: Bindings,
  calibration: Calibration,
): WindowRecord[] {
  const { doors, zones } = bindings.places;
  const records: WindowRecord[] = [];
  doors.forEach((place, door) => {
    const counts = doorOf(window, door);
    if (bindings.isBound('door', place) || anyCount(counts)) records.push(doorRecord(base, place, counts));
  });
  zones.forEach((place, zone) => {
    const own = zoneOf(window, bindings.scopeOf(zone));
    if (!bindings.isBound('wifi', place) && own.sightings === 0) return;
    const keys = bindings.multizone ? own : zoneOf(window, 0);
    records.push(trafficRecord(base, place, own, keys, calibration), dwellRecord(base, place, keys));
  });
  records.push(...bleRecords(window, base, bindings));
  records.push(entryRecord(base, window, summary, bindings));
  for (const { index, id, driver } of bindings.parameters.sensors) {
    const coverage = window.sensors[index];
    records.push({
      kind: 'coverage',
      place: id,
      ...base,
      driver,
      covered_ms: coveredMs(window, index),
      bytes: coverage?.bytes ?? 0,
      accepted: coverage?.accepted ?? 0,
      rejected: rejectedByName(coverage),
    });
  }
  return records;
}

function doorRecord(base: Base, place: string, counts: DoorCounts): DoorRecord {
  return {
    kind: 'door',
    place,
    ...base,
    entries: counts.entries,
    exits: counts.exits,
    catch_up_entries: counts.catchUpEntries,
    catch_up_exits: counts.catchUpExits,
    catch_up_from_ms: counts.catchUpFrom ?? null,
    set_aside: counts.setAside,
    resets: counts.resets,
  };
}

/** @param own the zone's sightings; `keys` the scope its keys are counted in. */
function trafficRecord(
  base: Base,
  place: string,
  own: ZoneCounts,
  keys: ZoneCounts,
  calibration: Calibration,
): TrafficRecord {
  const { factor } = calibration;
  const people = factor === null || keys.peopleMinutes === 0 ? null : keys.people / keys.peopleMinutes;
  const interval = people === null ? null : calibration.interval(people);
  return {
    kind: 'traffic',
    place,
    ...base,
    sightings: own.sightings,
    random_sightings: own.random,
    late_sightings: own.late,
    bursts_inside: keys.burstsInside,
    bursts_outside: keys.burstsOutside,
    visits: keys.visits,
    passers_by: keys.passersBy,
    fixtures: keys.fixtures,
    present_minutes: keys.present,
    minutes: keys.minutes,
    present_max: keys.presentMax,
    people: rounded(people, 100),
    people_low: rounded(interval?.low ?? null, 100),
    people_high: rounded(interval?.high ?? null, 100),
    factor: rounded(factor, 10_000),
    people_state: people === null ? 'uncalibrated' : 'calibrated',
  };
}

function dwellRecord(base: Base, place: string, { dwell }: ZoneCounts): DwellRecord {
  return {
    kind: 'dwell',
    place,
    ...base,
    visits: dwell.visits,
    dwell_ms: dwell.ms,
    censored: dwell.censored,
    heard_once: dwell.heardOnce,
    bounced: dwell.bounced,
    engaged: dwell.engaged,
    histogram: histogramEntries(dwell.histogram),
  };
}

function entryRecord(base: Base, window: WindowState, summary: WindowSummary, bindings: Bindings): EntryRecord {
  return {
    kind: 'entry',
    place: STORE,
    ...base,
    entries: bindings.hasDoor ? summary.occupancy.entries : null,
    passing_people: summary.passing.people,
    passing_state: summary.passing.state,
    visits: summary.visits,
    passers_by: summary.passersBy,
    transactions: bindings.hasTill ? window.transactions : null,
  };
}

/** One for each zone that Bluetooth hears, and one for the store, over all of them, where there are several. */
function bleRecords(window: WindowState, base: Base, bindings: Bindings): BleRecord[] {
  const { zones } = bindings.places;
  const records = zones.flatMap((place, zone) => {
    const counts = advertisersOf(window, bindings.scopeOf(zone));
    const told = bindings.isBound('ble', place) || counts.advertisements > 0;
    return told ? [bleRecord(base, place, window, counts)] : [];
  });
  // A zone that is called so has that key.
  if (bindings.multizoneBle && !zones.includes(STORE)) {
    records.push(bleRecord(base, STORE, window, advertisersOf(window, STORE_SCOPE)));
  }
  return records;
}

function bleRecord(base: Base, place: string, window: WindowState, counts: AdvertiserCounts): BleRecord {
  return {
    kind: 'ble',
    place,
    ...base,
    advertisements: counts.advertisements,
    random_advertisements: counts.random,
    late_advertisements: counts.late,
    untracked_advertisements: counts.untracked,
    phone_minutes: counts.phoneMinutes,
    fixture_minutes: counts.fixtureMinutes,
    other_minutes: counts.otherMinutes,
    phones_max: counts.phonesMax,
    minutes: zoneOf(window, STORE_SCOPE).minutes,
    open_minutes: window.openMinutes,
  };
}

function anyCount(counts: DoorCounts): boolean {
  return Object.values(counts).some((count) => count !== null && count > 0);
}

/** Rounded to 1 / `parts`, so that the last bits of a float stay off the wire. */
function rounded(value: number | null, parts: number): number | null {
  return value === null ? null : Math.round(value * parts) / parts;
}
