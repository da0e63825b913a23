/** What each row of the journal does to the sums of the open windows. */
import { type InputBatch, InputKind, SightingFlag } from '../readings.ts';
import { Bindings, isInside, type SensorBinding } from './bindings.ts';
import { Calendar } from './calendar.ts';
import { coveredIn } from './coverage.ts';
import { type CounterReading, counterDifference } from './doors.ts';
import type { Parameters } from './parameters.ts';
import type { FoldState } from './state.ts';
import type { DeviceSighting, Traffic } from './traffic.ts';
import { countFlow, coverageOf, doorOf, type OpenWindows, type WindowState, zoneOf } from './windows.ts';

export class RowCounter {
  /** Follow the newest parameters, and those of the oldest window. */
  bindings: Bindings;
  calendar: Calendar;
  /** Start of the next minute to be evaluated, ms: sightings before it are late. */
  cursorMs = 0;
  readonly #state: FoldState;
  readonly #windows: OpenWindows;
  readonly #traffic: Traffic;
  /** Reused for every row. */
  readonly #sighting: DeviceSighting = { high: 0, low: 0, lasting: false, time: 0, inside: false, open: false };

  constructor(state: FoldState, windows: OpenWindows, traffic: Traffic) {
    this.#state = state;
    this.#windows = windows;
    this.#traffic = traffic;
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

  #applyReading(batch: InputBatch, row: number, { place, sensor }: SensorBinding): void {
    const { role, swap } = sensor;
    switch (batch.kind[row]) {
      case InputKind.sighting:
        if (role === 'zone') this.#countSighting(batch, row, place, sensor.gateDbm);
        break;
      case InputKind.crossing: {
        const entered = swap ? batch.b[row] : batch.a[row];
        const left = swap ? batch.a[row] : batch.b[row];
        if (role === 'door') this.#countPeople(place, this.#timeOf(batch, row), entered, left, false);
        break;
      }
      case InputKind.counter:
        if (role === 'door') this.#countCounter(batch, row, place, swap);
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
        if (reason < rejected.length) rejected[reason] += batch.a[row];
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
    sighting.lasting = !random;
    sighting.time = time;
    sighting.inside = isInside(batch.rssi[row], gateDbm);
    sighting.open = this.calendar.isOpen(time);
    this.#traffic.sight(sighting, 0, window, this.#windows, this.#state.newest);
    if (this.bindings.multizone) this.#traffic.sight(sighting, scope, window, this.#windows, this.#state.newest);
  }

  /** People are never dropped: those too late for their window count in the oldest one, at its start. */
  #countPeople(door: number, time: number, entered: number, left: number, catchUp: boolean): void {
    const window = this.windowAt(time);
    const counts = doorOf(window, door);
    counts.entries += entered;
    counts.exits += left;
    if (catchUp) {
      counts.catchUpEntries += entered;
      counts.catchUpExits += left;
    }
    countFlow(window, time, entered, left);
  }

  #countCounter(batch: InputBatch, row: number, door: number, swap: boolean): void {
    const sensor = batch.sensor[row];
    const { counters } = this.#state;
    const time = this.#timeOf(batch, row);
    const now: CounterReading = {
      entered: batch.a[row],
      left: batch.b[row],
      boot: batch.c[row],
      width: batch.d[row],
      time,
    };
    const difference = counterDifference(counters[sensor], now);
    counters[sensor] = { entered: now.entered, left: now.left, boot: now.boot, time };
    const counts = doorOf(this.windowAt(time), door);
    counts.setAside += difference.setAside;
    if (difference.reset) counts.resets++;
    const { entered, left, catchUp } = difference;
    this.#countPeople(door, time, swap ? left : entered, swap ? entered : left, catchUp);
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
