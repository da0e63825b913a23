import { AgentError } from '../../agent/errors.ts';
import type { OpenDay } from './calendar.ts';
import { ADVERTISING_FORMATS, AIR_FORMATS, DOOR_FORMATS } from './formats.ts';
import type { StoreParameters } from './parameters.ts';

export interface SimulatedSensor {
  id: string;
  /** Name of a driver that has a format here. */
  driver: string;
  /** Fields of a wifi-lines line; 6 where absent. */
  fields?: 6 | 9 | 10;
  /**
   * Channel a sniffer is tuned to; 6 where absent. Of a Bluetooth one the advertising channel it stays on, 37 to 39;
   * absent, ble-sniffle stays on 37 and the others change.
   */
  channel?: number;
  /** Metres from the door along the front and into the store; spread over the store where absent. */
  at?: { x: number; y: number };
  /** Whether door lines carry a checksum. */
  checksum?: boolean;
  /** Address on a bus; 1 where absent. */
  unit?: number;
  /** What a format offers several of, such as a version of its protocol. */
  variant?: string;
}

/** What a store is made of. Every parameter that is not given is drawn by the seed. */
export interface StoreOptions extends Partial<StoreParameters> {
  seed: number;
  /** UTC milliseconds at which the sensors are powered and the simulation begins. */
  startMs: number;
  /** Openings in ascending order, without overlap. */
  days: readonly OpenDay[];
  sensors: readonly SimulatedSensor[];
  /** Keeps every address and SSID for `secrets()`; grows with the run. */
  keepSecrets?: boolean;
}

/** Parameters that are shares or chances, 0 to 1. */
const SHARES = [
  'closedShare',
  'entersShare',
  'entersSwing',
  'campaignChance',
  'turnRoundShare',
  'advertiserShare',
  'frameLoss',
  'doorMiss',
  'doorGroupShort',
  'doorTurnBack',
] as const;
/** Parameters that must be above zero. */
const POSITIVE = [
  'passersPerHour',
  'stayMedianMs',
  'staySigma',
  'reachMetres',
  'streetMetres',
  'pathLossExponent',
  'doorMissRatio',
] as const;
/** Parameters that must not be below zero. */
const AT_LEAST_ZERO = ['phonesPerPerson', 'shadowingDb', 'bodyLossDb', 'frontLossDb'] as const;

/** Parameters that count things. */
const WHOLE = ['staff', 'fixtures', 'advertisingFixtures'] as const;

/** Throws AgentError('simulator_options') naming the first option that makes no sense. */
export function checkOptions(options: StoreOptions): void {
  if (!Number.isInteger(options.seed)) fail('seed', 'an integer', options.seed);
  if (!Number.isSafeInteger(options.startMs)) fail('startMs', 'whole UTC milliseconds', options.startMs);
  let previousClose = options.startMs;
  for (const [index, day] of options.days.entries()) {
    if (!(day.openMs >= previousClose)) {
      fail(`days[${index}].openMs`, `${previousClose} or later: the start, or the closing before`, day.openMs);
    }
    if (!(day.closeMs > day.openMs)) fail(`days[${index}].closeMs`, 'later than openMs', day.closeMs);
    previousClose = day.closeMs;
  }
  const ids = new Set<string>();
  const drivers = Object.keys({ ...AIR_FORMATS, ...ADVERTISING_FORMATS, ...DOOR_FORMATS });
  for (const [index, { id, driver, channel }] of options.sensors.entries()) {
    if (id === '' || ids.has(id)) fail(`sensors[${index}].id`, 'a name that no other sensor has', id);
    if (!drivers.includes(driver)) fail(`sensors[${index}].driver`, `one of ${drivers.join(', ')}`, driver);
    if (driver in ADVERTISING_FORMATS && channel !== undefined && ![37, 38, 39].includes(channel)) {
      fail(`sensors[${index}].channel`, '37, 38 or 39', channel);
    }
    ids.add(id);
  }
  checkEach(options, SHARES, 'between 0 and 1', (value) => value >= 0 && value <= 1);
  checkEach(options, POSITIVE, 'above 0', (value) => value > 0 && value < Number.POSITIVE_INFINITY);
  checkEach(options, WHOLE, 'a whole number, 0 or more', (value) => Number.isSafeInteger(value) && value >= 0);
  checkEach(options, AT_LEAST_ZERO, '0 or more', (value) => value >= 0 && value < Number.POSITIVE_INFINITY);
}

function checkEach<K extends keyof StoreParameters>(
  options: StoreOptions,
  names: readonly K[],
  expected: string,
  holds: (value: number) => boolean,
): void {
  for (const name of names) {
    const value = options[name];
    if (value !== undefined && !(typeof value === 'number' && holds(value))) fail(name, expected, value);
  }
}

function fail(name: string, expected: string, found: unknown): never {
  throw new AgentError(
    'simulator_options',
    `${name} of a simulated store must be ${expected}, found ${JSON.stringify(found) ?? 'nothing'}`,
    `Correct ${name}.`,
  );
}
