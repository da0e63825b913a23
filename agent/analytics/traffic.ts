/**
 * The device counter. It counts keys: the address of an identity that lasts, else the fingerprint of the information
 * elements; a random address without a fingerprint is no key. Measured against people counted in a room by the minute,
 * distinct keys above an RSSI gate in a five-minute window, with fixtures left out, came closest (mean absolute error
 * 1.2 to 1.6 people; windows of 3 and 10 minutes, Kalman filters and burst rates were all worse).
 *
 * Scope 0 is the whole store; a store of several zones counts each key in its zone's scope as well.
 */
import { DeviceFlag, DeviceTable } from './devices.ts';
import { beat, FIXTURE_IDLE_MS, METRONOME_IDLE_MS, NIGHT_SLOT_MS, nightPresence } from './fixtures.ts';
import { heardIn, markMinute } from './minute-mask.ts';
import type { Parameters } from './parameters.ts';
import { addVisitor, createVisitors } from './visitors.ts';
import { becomeFixture, censorEncounter, continueEncounter, endEncounter, endMinute } from './visits.ts';
import { MINUTE_MS, type OpenWindows, type WindowState, type ZoneCounts, zoneOf } from './windows.ts';

/** Frames of one scan come within this gap: a phone's burst on one channel. */
const BURST_GAP_MS = 2000;
/** Minutes in which a key counts as present after it was inside. */
const PRESENT_MINUTES = 5;
/** A closed encounter is kept this long, for the minutes it still is present in. */
const KEEP_MS = (PRESENT_MINUTES + 1) * MINUTE_MS;

/** One sighting as the counter takes it. */
export interface DeviceSighting {
  high: number;
  low: number;
  /** Id of the key that the hash was made with. */
  key: number;
  lasting: boolean;
  time: number;
  inside: boolean;
  /** Whether its time lies in opening hours. */
  open: boolean;
}

export class Traffic {
  readonly table: DeviceTable;
  /** Sightings of keys that found the table full: they are in `sightings` only. */
  untracked = 0;

  constructor(table: DeviceTable = new DeviceTable()) {
    this.table = table;
  }

  /** Counts a sighting's key in one scope of its window. */
  sight(sighting: DeviceSighting, scope: number, window: WindowState, windows: OpenWindows, newest: Parameters): void {
    const { time, inside, open, lasting } = sighting;
    const tag = scope * 2 + (lasting ? 1 : 0);
    let slot = this.table.find(sighting.high, sighting.low, tag);
    const known = slot >= 0;
    if (!known) {
      slot = this.table.insert(sighting.high, sighting.low, tag);
      if (slot < 0) {
        this.untracked++;
        return;
      }
    }
    const { columns } = this.table;
    const counts = zoneOf(window, scope);
    const last = known ? columns.last[slot] : -Infinity;
    // What comes late out of order joins the burst and the encounter that are under way.
    const startsBurst = time - last > BURST_GAP_MS;
    const { visitGapMs } = windows.oldest.parameters;
    if ((columns.flags[slot] & DeviceFlag.encounter) !== 0 && time - last > visitGapMs) {
      endEncounter(columns, slot, zoneOf(windows.at(endMinute(last, visitGapMs) * MINUTE_MS, newest), scope));
    }
    if (time > last) columns.last[slot] = time;
    this.#learn(slot, sighting, startsBurst);
    if (inside) markMinute(columns, slot, Math.floor(time / MINUTE_MS));
    if ((columns.flags[slot] & DeviceFlag.fixture) !== 0) return;
    columns.flags[slot] |= DeviceFlag.encounter;
    if (!open) return;
    if (startsBurst) {
      if (inside) counts.burstsInside++;
      else counts.burstsOutside++;
      if (scope === 0) (inside ? window.inside : window.outside)[Math.floor((time - window.start) / MINUTE_MS)]++;
    }
    const { visits } = counts;
    continueEncounter(columns, slot, counts, time, inside);
    if (counts.visits === visits || scope !== 0 || window.parameters.visitors !== true) return;
    window.visitors ??= createVisitors();
    addVisitor(window.visitors, sighting);
  }

  /**
   * Evaluates one UTC minute: ends encounters silent for the gap, counts who is present, forgets who is long gone.
   * @returns distinct keys present in the five minutes up to this one, by scope.
   */
  evaluate(minute: number, window: WindowState): number[] {
    const { table } = this;
    const end = (minute + 1) * MINUTE_MS;
    const { visitGapMs } = window.parameters;
    const present = window.zones.map(() => 0);
    for (const counts of window.zones) counts.fixtures = 0;
    // Backwards, because removing a slot moves one already seen into its place.
    for (let slot = table.size - 1; slot >= 0; slot--) {
      const { columns } = table;
      const scope = columns.tag[slot] >> 1;
      const last = columns.last[slot];
      if ((columns.flags[slot] & DeviceFlag.fixture) !== 0) {
        if (end - last > FIXTURE_IDLE_MS) table.remove(slot);
        else zoneOf(window, scope).fixtures++;
        continue;
      }
      if (heardIn(columns, slot, minute, PRESENT_MINUTES)) present[scope] = (present[scope] ?? 0) + 1;
      if ((columns.flags[slot] & DeviceFlag.encounter) !== 0) {
        if (last + visitGapMs >= end) continue;
        endEncounter(columns, slot, zoneOf(window, scope));
      }
      if (end - last > this.#keepMs(slot)) table.remove(slot);
    }
    for (let scope = 0; scope < window.zones.length; scope++) {
      present[scope] ??= 0;
      countMinute(window.zones[scope], present[scope]);
    }
    return present;
  }

  /** The day's key changed: hashes mean nothing any more. */
  changeKey(window: WindowState): void {
    const { table } = this;
    for (let slot = 0; slot < table.size; slot++) {
      censorEncounter(table.columns, slot, zoneOf(window, table.columns.tag[slot] >> 1));
    }
    table.clear();
  }

  /** Time was corrected from `before` to `after`: what is open goes on as if it had always been so late. */
  correct(before: number, after: number): void {
    const { columns, size } = this.table;
    for (const column of [
      columns.last,
      columns.insideFirst,
      columns.insideLast,
      columns.firstBurst,
      columns.lastBurst,
    ]) {
      for (let slot = 0; slot < size; slot++) if (column[slot] > 0) column[slot] += after - before;
    }
    moveSlots(columns.minute, size, before, after, MINUTE_MS);
    moveSlots(columns.lastNightSlot, size, before, after, NIGHT_SLOT_MS);
  }

  /** Ends every encounter as if its gap had passed, for a jump of time over days. */
  expire(window: WindowState): void {
    const { table } = this;
    for (let slot = 0; slot < table.size; slot++) {
      const { columns } = table;
      if ((columns.flags[slot] & DeviceFlag.encounter) === 0) continue;
      endEncounter(columns, slot, zoneOf(window, columns.tag[slot] >> 1));
    }
    table.clear();
  }

  #learn(slot: number, { lasting, time, inside, open }: DeviceSighting, startsBurst: boolean): void {
    if (!lasting) return;
    const { columns } = this.table;
    const metronome = startsBurst && beat(columns, slot, time);
    const stays = inside && !open && nightPresence(columns, slot, time);
    if (metronome || stays) becomeFixture(columns, slot);
  }

  #keepMs(slot: number): number {
    const { tag, nightSlots } = this.table.columns;
    if ((tag[slot] & 1) === 0) return KEEP_MS;
    return nightSlots[slot] > 0 ? FIXTURE_IDLE_MS : METRONOME_IDLE_MS;
  }
}

/** Numbers of spans of time go on as far back as they were. */
function moveSlots(column: Uint32Array, size: number, before: number, after: number, span: number): void {
  const ahead = Math.floor(after / span) - Math.floor(before / span);
  for (let slot = 0; slot < size; slot++) column[slot] = Math.max(0, column[slot] + ahead);
}

function countMinute(counts: ZoneCounts, present: number): void {
  counts.minutes++;
  counts.present += present;
  if (present > counts.presentMax) counts.presentMax = present;
}
