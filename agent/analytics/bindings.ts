/** What the sensors feed, looked up by the sensor column of a row. */
import { NO_RSSI } from '../readings.ts';
import type { Parameters, SensorParameters } from './parameters.ts';

/** Scope of the whole store's sums. */
export const STORE_SCOPE = 0;

/** What a sensor's readings are: a zone is fed by Wi-Fi or by Bluetooth, which are never summed. */
export type Feed = 'wifi' | 'ble' | 'door' | 'transactions';

export interface SensorBinding {
  sensor: SensorParameters;
  feed: Feed;
  /** Index of its zone or door; -1 for a till. */
  place: number;
}

/** Names of zones and doors by index, in the order in which they were first known; only grows. */
export interface Places {
  zones: string[];
  doors: string[];
}

export class Bindings {
  readonly parameters: Parameters;
  readonly places: Places;
  /** By sensor index; rows of other sensors are not counted. */
  readonly sensors: (SensorBinding | undefined)[] = [];
  /** True when Wi-Fi tells several zones apart: keys then count in their zone's scope as well as in the store's. */
  readonly multizone: boolean;
  readonly hasWifi: boolean;
  /** Scope of all that Bluetooth hears: the store's where it tells several zones apart, else the zone's; null without any. */
  readonly bleScope: number | null;
  readonly hasDoor: boolean;
  readonly hasTill: boolean;

  /** Adds the places that `parameters` names to `places`. */
  constructor(parameters: Parameters, places: Places) {
    this.parameters = parameters;
    this.places = places;
    const wifi = new Set<number>();
    const ble = new Set<number>();
    for (const sensor of parameters.sensors) {
      const place = placeOf(sensor, places);
      const feed = feedOf(sensor);
      this.sensors[sensor.index] = { sensor, feed, place };
      if (feed === 'wifi') wifi.add(place);
      if (feed === 'ble') ble.add(place);
    }
    this.multizone = wifi.size > 1;
    this.hasWifi = wifi.size > 0;
    const [zone] = ble;
    this.bleScope = zone === undefined ? null : ble.size > 1 ? STORE_SCOPE : this.scopeOf(zone);
    this.hasDoor = parameters.sensors.some(({ role }) => role === 'door');
    this.hasTill = parameters.sensors.some(({ role }) => role === 'transactions');
  }

  /** True when Bluetooth tells several zones apart: its keys then count in the store's scope as well. */
  get multizoneBle(): boolean {
    return this.bleScope === STORE_SCOPE;
  }

  /** Scope of a zone's own sums: 0 is the store. */
  scopeOf(zone: number): number {
    return zone + 1;
  }

  /** Whether a sensor feeds this place now. */
  isBound(feed: Feed, place: string): boolean {
    return this.parameters.sensors.some((sensor) => feedOf(sensor) === feed && sensor.place === place);
  }
}

/**
 * True above the sensor's gate. A format without RSSI cannot tell: its devices are inside only when the gate is as far
 * open as it goes (-127 dBm or less), which says that everything heard is inside.
 */
export function isInside(rssi: number, gateDbm: number): boolean {
  return rssi === NO_RSSI ? gateDbm <= NO_RSSI + 1 : rssi > gateDbm;
}

/** Drivers of Bluetooth sensors are all named `ble-...`. */
export function feedOf({ role, driver }: SensorParameters): Feed {
  if (role !== 'zone') return role;
  return driver.startsWith('ble-') ? 'ble' : 'wifi';
}

function placeOf({ role, place }: SensorParameters, places: Places): number {
  if (role === 'transactions') return -1;
  const names = role === 'zone' ? places.zones : places.doors;
  const index = names.indexOf(place);
  return index >= 0 ? index : names.push(place) - 1;
}
