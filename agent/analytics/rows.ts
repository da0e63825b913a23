/** What each row of the journal does to the sums of the open windows. */
import { AdvertisementFlag, type InputBatch, InputKind, REJECTIONS, SightingFlag } from '../readings.ts';
import type { Advertisers } from './advertisers.ts';
import { Bindings, isInside, type SensorBinding, STORE_SCOPE } from './bindings.ts';
import { Calendar } from './calendar.ts';
import { type Share, shareOut } from './catch-up.ts';
import { coveredIn } from './coverage.ts';
import { type CounterReading, counterDifference } from './doors.ts';
import { exitsWithoutEntry } from './occupancy.ts';
import type { Parameters, SensorParameters } from './parameters.ts';
import { endOf } from './settlement.ts';
import type { FoldState } from './state.ts';
import type { DeviceSighting, Traffic } from './traffic.ts';
import { advertisersOf, countFlow, coverageOf, doorOf, type OpenWindows, type WindowState, zoneOf } from './windows.ts';

export class RowCounter {
  /** Follow the newest parameters, and those of the oldest window. */
  bindings: Bindings;
  calendar: Calendar;
  /** From when on sightings are in time, ms: the start of the next minute to be evaluated, in windows that are open. */
  cursorMs = 0;
  readonly #state: FoldState;
  readonly #windows: OpenWindows;
  readonly #traffic: Traffic;
  readonly #advertisers: Advertisers;
  /** Reused for every row. */
  readonly #sighting: DeviceSighting = {
    high: 0,
    low: 0,
    key: 0,
    lasting: false,
    time: 0,
    inside: false,
    open: false,
  };

  constructor(state: FoldState, windows: OpenWindows, traffic: Traffic, advertisers: Advertisers) {
    this.#state = state;
    this.#windows = windows;
    this.#traffic = traffic;
    this.#advertisers = advertisers;
    this.bindings = new Bindings(state.newest, state.places);
    this.calendar = new Calendar(windows.oldest.parameters);
  }

  /** Counts one row; time has been advanced to its `at`. */
  apply(batch: InputBatch, row: number): void {
    const kind = batch.kind[row];
    if (kind === InputKind.key) this.#changeKey(batch, row);
    else if (kind === InputKind.parameters) this.#changeParameters(batch.payloads.get(row));
    else {
      const binding = this.bindings.sensors[batch.sensor[row]];
      if (binding !== undefined) this.#applyReading(batch, row, binding);
    }
  }

  #applyReading(batch: InputBatch, row: number, { place, feed, sensor }: SensorBinding): void {
    const { role, swap } = sensor;
    switch (batch.kind[row]) {
      case InputKind.sighting:
        if (feed === 'wifi') this.#countSighting(batch, row, place, sensor.gateDbm);
        break;
      case InputKind.advertisement:
        if (feed === 'ble') this.#countAdvertisement(batch, row, place, sensor.gateDbm);
        break;
      case InputKind.crossing: {
        const entered = swap ? batch.b[row] : batch.a[row];
        const left = swap ? batch.a[row] : batch.b[row];
        if (role === 'door') this.#countPeople(place, this.#timeOf(batch, row), entered, left, null);
        break;
      }
      case InputKind.counter:
        if (role === 'door') this.#countCounter(batch, row, place, sensor);
        break;
      case InputKind.transaction:
        this.windowAt(this.#timeOf(batch, row)).transactions += batch.a[row];
        break;
      case InputKind.sensor:
        this.#countReport(batch, row);
        break;
      case InputKind.rejection: {
        const { rejected } = coverageOf(this.windowAt(this.#timeOf(batch, row)), sensor.index);
        const reason = batch.channel[row];
        if (reason < REJECTIONS.length) rejected[reason] = (rejected[reason] ?? 0) + batch.a[row];
        break;
      }
    }
  }

  #countSighting(batch: InputBatch, row: number, zone: number, gateDbm: number): void {
    const time = this.#timeOf(batch, row);
    const scope = this.bindings.scopeOf(zone);
    if (time < this.cursorMs) {
      const counts = zoneOf(this.#windows.oldest, scope);
      counts.sightings++;
      counts.late++;
      return;
    }
    const window = this.windowAt(time);
    const counts = zoneOf(window, scope);
    counts.sightings++;
    const random = (batch.flags[row] & SightingFlag.random) !== 0;
    if (random) counts.random++;
    const high = random ? batch.c[row] : batch.a[row];
    const low = random ? batch.d[row] : batch.b[row];
    if (random && high === 0 && low === 0) return;
    const sighting = this.#sighting;
    sighting.high = high;
    sighting.low = low;
    sighting.key = this.#state.key;
    sighting.lasting = !random;
    sighting.time = time;
    sighting.inside = isInside(batch.rssi[row], gateDbm);
    sighting.open = this.calendar.isOpen(time);
    this.#traffic.sight(sighting, 0, window, this.#windows, this.#state.newest);
    if (this.bindings.multizone) this.#traffic.sight(sighting, scope, window, this.#windows, this.#state.newest);
  }

  #countAdvertisement(batch: InputBatch, row: number, zone: number, gateDbm: number): void {
    const own = this.bindings.scopeOf(zone);
    this.#countAdvertiser(batch, row, own, gateDbm);
    if (this.bindings.multizoneBle) this.#countAdvertiser(batch, row, STORE_SCOPE, gateDbm);
  }

  #countAdvertiser(batch: InputBatch, row: number, scope: number, gateDbm: number): void {
    const time = this.#timeOf(batch, row);
    const flags = batch.flags[row];
    const late = time < this.cursorMs;
    const window = late ? this.#windows.oldest : this.windowAt(time);
    const counts = advertisersOf(window, scope);
    counts.advertisements++;
    if ((flags & AdvertisementFlag.random) !== 0) counts.random++;
    if (late) counts.late++;
    if (late || !isInside(batch.rssi[row], gateDbm)) return;
    // What people carry counts in opening hours only; what stays can be told at any time.
    const fixture = (flags & AdvertisementFlag.fixture) !== 0;
    if (!fixture && !this.calendar.isOpen(time)) return;
    this.#advertisers.hear(batch.a[row], batch.b[row], flags, scope, time, window);
  }

  /**
   * People are never dropped: those too late for their window count in the oldest one, at its start.
   * @param silentFrom since when nothing was heard of them, for those that are caught up.
   */
  #countPeople(door: number, time: number, entered: number, left: number, silentFrom: number | null): void {
    const window = this.windowAt(time);
    const counts = doorOf(window, door);
    counts.entries += entered;
    counts.exits += left;
    if (silentFrom !== null && entered + left > 0) {
      counts.catchUpEntries += entered;
      counts.catchUpExits += left;
      counts.catchUpFrom = Math.min(counts.catchUpFrom ?? silentFrom, silentFrom);
    }
    countFlow(window, time, entered, left);
  }

  #countCounter(batch: InputBatch, row: number, door: number, { driver, swap }: SensorParameters): void {
    const sensor = batch.sensor[row];
    const { counters } = this.#state;
    const time = this.#timeOf(batch, row);
    const now: CounterReading = {
      entered: batch.a[row],
      left: batch.b[row],
      boot: batch.c[row],
      time,
      width: batch.d[row],
      driver,
    };
    const difference = counterDifference(counters[sensor], now);
    if (difference === null) return;
    // A reading of a moment ago that is ahead all the same must not make the silence before the next one longer.
    now.time = Math.max(time, counters[sensor]?.time ?? time);
    counters[sensor] = now;
    const counts = doorOf(this.windowAt(time), door);
    counts.setAside += difference.setAside;
    if (difference.reset) counts.resets++;
    const { silentFrom } = difference;
    const [entered, left] = swap ? [difference.left, difference.entered] : [difference.entered, difference.left];
    // One person who breaks a silence has come just now, as far as anyone can tell.
    if (silentFrom === null || entered + left <= 1) this.#countPeople(door, time, entered, left, silentFrom);
    else this.#catchUp(door, silentFrom, time, entered, left);
  }

  #catchUp(door: number, from: number, to: number, entered: number, left: number): void {
    const open = this.#windows.oldest.start;
    this.#makeUp(from, entered - left);
    for (const share of shareOut(from, to, open, entered, left)) {
      this.#countPeople(door, share.time, share.entered, share.left, from);
      if (share.time < open) this.#countEarlier(from, open - share.time, share);
    }
    // What was taken for an empty shop taught, or would teach, that phones come without people.
    for (const window of this.#windows.states) if (window.end > from && window.start <= to) window.estimated = true;
    for (const window of this.#state.day.windows) if (endOf(window) > from) window.evidence = null;
  }

  /**
   * Where one door was silent and people left by others, the occupancy fell to 0 and exits found nobody inside. The entries
   * that are caught up are theirs: those people are not inside now.
   * @param net entries less exits of the silence.
   */
  #makeUp(from: number, net: number): void {
    const { day } = this.#state;
    const { oldest, states } = this.#windows;
    const missing = exitsWithoutEntry(day.windows.filter((window) => endOf(window) > from));
    const made = states.reduce((sum, { alreadyLeft }) => sum + alreadyLeft, 0);
    oldest.alreadyLeft += Math.max(0, Math.min(missing - made, net));
  }

  /** What people of this business day add for the time before the windows that can still be counted in. */
  #countEarlier(from: number, earlierMs: number, { entered, left }: Share): void {
    const { day, today, settledAt } = this.#state;
    // How many of them came before the settlement nobody knows.
    if (from < settledAt) return;
    const { entryMs, exitMs } = day.earlier ?? { entryMs: 0, exitMs: 0 };
    day.earlier = { entryMs: entryMs + entered * earlierMs, exitMs: exitMs + left * earlierMs };
    today.occupancyMs += (entered - left) * earlierMs;
  }

  #countReport(batch: InputBatch, row: number): void {
    const sensor = batch.sensor[row];
    const time = this.#timeOf(batch, row);
    const coverage = coverageOf(this.windowAt(time), sensor);
    coverage.bytes += batch.a[row];
    coverage.accepted += batch.b[row];
    const covered = batch.c[row];
    for (const window of this.#windows.states) {
      const part = coveredIn(window, time + 1, covered);
      if (part > 0) coverageOf(window, sensor).coveredMs += part;
    }
  }

  #changeKey(batch: InputBatch, row: number): void {
    this.#traffic.changeKey(this.windowAt(this.#timeOf(batch, row)));
    this.#state.key = batch.a[row];
  }

  /** Sensors hold at once; a window already begun keeps its other parameters. */
  #changeParameters(payload: string | undefined): void {
    if (payload === undefined) throw new Error('expected the parameters of a parameters row, found none');
    this.windowAt(this.#state.at);
    this.#state.newest = JSON.parse(payload) as Parameters;
    this.bindings = new Bindings(this.#state.newest, this.#state.places);
  }

  #timeOf(batch: InputBatch, row: number): number {
    return Math.min(batch.time[row], this.#state.at);
  }

  /** The window that `time` counts in. */
  windowAt(time: number): WindowState {
    return this.#windows.at(time, this.#state.newest);
  }
}
