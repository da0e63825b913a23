/**
 * Encounters and visits. An encounter is a key's run of sightings with no gap above the visit gap. Going inside for the
 * first time in opening hours makes it a visit, counted where it starts; its end counts where it ends: as dwell for an
 * identity that lasts, as a passer-by when it never was inside. The dwell of a random identity would be the life of its
 * address, so it has none.
 */
import { type DeviceColumns, DeviceFlag } from './devices.ts';
import { addToHistogram, bucketOf } from './histogram.ts';
import { MINUTE_MS, type ZoneCounts } from './windows.ts';

/** Between the first and the last sighting inside: less is one burst, which says nothing of how long someone stayed. */
const ONE_BURST_MS = 5_000;
const BOUNCE_MS = 60_000;
const ENGAGED_MS = 300_000;
const ENCOUNTER_BITS = DeviceFlag.encounter | DeviceFlag.heard | DeviceFlag.visit;

/** The UTC minute at whose evaluation a key last heard at `last` has been silent for more than the gap. */
export function endMinute(last: number, gapMs: number): number {
  return Math.floor((last + gapMs) / MINUTE_MS);
}

/** A sighting of an open encounter in opening hours. */
export function continueEncounter(
  columns: DeviceColumns,
  slot: number,
  counts: ZoneCounts,
  time: number,
  inside: boolean,
): void {
  columns.flags[slot] |= DeviceFlag.heard;
  if (!inside) return;
  if ((columns.flags[slot] & DeviceFlag.visit) === 0) {
    columns.flags[slot] |= DeviceFlag.visit;
    columns.insideFirst[slot] = time;
    columns.insideLast[slot] = time;
    counts.visits++;
    return;
  }
  if (time < columns.insideFirst[slot]) columns.insideFirst[slot] = time;
  if (time > columns.insideLast[slot]) columns.insideLast[slot] = time;
}

/** Ends the slot's encounter into the counts of the window in which its silence was long enough. */
export function endEncounter(columns: DeviceColumns, slot: number, counts: ZoneCounts): void {
  const flags = columns.flags[slot];
  columns.flags[slot] = flags & ~ENCOUNTER_BITS;
  if ((flags & DeviceFlag.visit) !== 0) {
    if (lasts(columns, slot)) countDwell(counts, columns.insideLast[slot] - columns.insideFirst[slot]);
  } else if ((flags & DeviceFlag.heard) !== 0) {
    counts.passersBy++;
  }
}

/** Ends the slot's encounter without a result, as a key change does: a visit that would have had a dwell is censored. */
export function censorEncounter(columns: DeviceColumns, slot: number, counts: ZoneCounts): void {
  if ((columns.flags[slot] & DeviceFlag.visit) !== 0 && lasts(columns, slot)) counts.dwell.censored++;
  columns.flags[slot] &= ~ENCOUNTER_BITS;
}

/** The key turned out to be equipment: its open encounter is dropped. A visit counted at its start stays counted. */
export function becomeFixture(columns: DeviceColumns, slot: number): void {
  columns.flags[slot] = DeviceFlag.fixture;
}

function lasts(columns: DeviceColumns, slot: number): boolean {
  return (columns.tag[slot] & 1) !== 0;
}

function countDwell({ dwell }: ZoneCounts, ms: number): void {
  if (ms < ONE_BURST_MS) {
    dwell.heardOnce++;
    return;
  }
  dwell.visits++;
  dwell.ms += ms;
  if (ms < BOUNCE_MS) dwell.bounced++;
  if (ms >= ENGAGED_MS) dwell.engaged++;
  addToHistogram(dwell.histogram, bucketOf(ms), 1);
}
