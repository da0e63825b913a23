/** What the sensors feed, looked up by the sensor column of a row. */
import type { Parameters, SensorParameters } from './parameters.ts';

/** RSSI column of a format that carries none. */
const NO_RSSI = -128;

export interface SensorBinding {
  sensor: SensorParameters;
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
  /** True when several zones are told apart: keys then count in their zone's scope as well as in the store's. */
  readonly multizone: boolean;
  readonly hasZone: boolean;
  readonly hasDoor: boolean;
  readonly hasTill: boolean;

  /** Adds the places that `parameters` names to `places`. */
  constructor(parameters: Parameters, places: Places) {
    this.parameters = parameters;
    this.places = places;
    const zones = new Set<string>();
    for (const sensor of parameters.sensors) {
      this.sensors[sensor.index] = { sensor, place: placeOf(sensor, places) };
      if (sensor.role === 'zone') zones.add(sensor.place);
    }
    this.multizone = zones.size > 1;
    this.hasZone = zones.size > 0;
    this.hasDoor = parameters.sensors.some(({ role }) => role === 'door');
    this.hasTill = parameters.sensors.some(({ role }) => role === 'transactions');
  }

  /** Scope of a zone's own sums: 0 is the store. */
  scopeOf(zone: number): number {
    return zone + 1;
  }

  /** Whether a sensor feeds this place now. */
  isBound(role: 'zone' | 'door', place: string): boolean {
    return this.parameters.sensors.some((sensor) => sensor.role === role && sensor.place === place);
  }
}

/**
 * True above the sensor's gate. A format without RSSI cannot tell: its devices are inside only when the gate is as far
 * open as it goes (-127 dBm or less), which says that everything heard is inside.
 */
export function isInside(rssi: number, gateDbm: number): boolean {
  return rssi === NO_RSSI ? gateDbm <= NO_RSSI + 1 : rssi > gateDbm;
}

function placeOf({ role, place }: SensorParameters, places: Places): number {
  if (role === 'transactions') return -1;
  const names = role === 'zone' ? places.zones : places.doors;
  const index = names.indexOf(place);
  return index >= 0 ? index : names.push(place) - 1;
}
