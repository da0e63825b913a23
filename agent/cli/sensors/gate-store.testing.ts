/** A simulated store that an installer walks through with a phone, as its sniffer's readings, and the gate it should have. */

import type { Decoder, ReadingSink } from '../../../drivers/driver.ts';
import { driverNamed } from '../../../drivers/registry.ts';
import { AirFrame } from '../../../drivers/simulator/air-frame.ts';
import { Antenna } from '../../../drivers/simulator/antenna.ts';
import { drawAddress } from '../../../drivers/simulator/device.ts';
import { AIR_FORMATS } from '../../../drivers/simulator/formats.ts';
import { Random } from '../../../drivers/simulator/random.ts';
import { SimulatedStore, type StoreParameters } from '../../../drivers/simulator/store.ts';
import { type Burst, BurstGatherer } from './gate-bursts.ts';
import type { Phases } from './gate-phone.ts';

const OPEN = Date.UTC(2026, 2, 2, 9);
const MINUTE = 60_000;
/** As drivers/simulator/receiver.ts has it. */
const ONE_METRE_DBM = -36;
const WEAKEST_DBM = -94;
const NEAR_METRES = 0.5;
const BODY_SHARE = 0.6;

type Place = { x: number; y: number };

export interface Walked {
  phases: Phases;
  /** Everybody else who was heard after the walk, without the installer. */
  crowd: Burst[];
  /** The gate that parts bursts from all over the inside from bursts from the street best, and any gate's Youden's J there. */
  bestDbm: number;
  youden(gateDbm: number): number;
}

/** How the installer goes about: in the middle of the store's depth, at its back, or right at the front hangs the sniffer. */
export interface WalkPlan {
  seed: number;
  hangs: 'middle' | 'back' | 'front';
  /** Minutes from the opening at which it begins: below 0 nobody is there but staff, fixtures and early passers-by. */
  minute: number;
  walkMs?: number;
  /** How long everybody else is heard after it. */
  crowdMs?: number;
  parameters?: Partial<StoreParameters>;
}

export function walkStore({ seed, hangs, minute, walkMs = 180_000, crowdMs = 0, parameters = {} }: WalkPlan): Walked {
  const random = new Random(seed).fork('installer');
  const size = { width: random.uniform(5, 15), depth: random.uniform(6, 20) };
  const depth = { middle: size.depth / 2, back: size.depth - 0.5, front: 0.5 }[hangs];
  const at = { x: random.uniform(-0.3, 0.3) * size.width, y: depth };
  const startMs = OPEN - 20 * MINUTE;
  const sensor = { id: 'sniffer', driver: 'wifi-pcap', at };
  const days = [{ openMs: OPEN, closeMs: OPEN + 600 * MINUTE }];
  const store = new SimulatedStore({ seed, startMs, days, sensors: [sensor], size, ...parameters });
  const others = new Listener();
  const begin = OPEN + minute * MINUTE;
  store.advance(begin + 3 * walkMs + crowdMs, (_id, ms, bytes) => others.hear(ms, bytes));

  const world = store.truth.parameters;
  const antenna = new Antenna(at, world, random.fork('antenna'));
  const rssiAt = (place: Place, slowDb: number): number => {
    const body = random.chance(BODY_SHARE) ? world.bodyLossDb : 0;
    return Math.min(-1, Math.round(antenna.meanDbm(place, ONE_METRE_DBM) + slowDb + antenna.drawShadow() - body));
  };
  const inside = (): Place => ({ x: random.uniform(-0.5, 0.5) * size.width, y: random.uniform(0.5, size.depth) });
  const street = (): Place => ({ x: random.uniform(-0.5, 0.5) * world.reachMetres, y: -world.streetMetres });
  const near = (): Place => ({ x: at.x, y: at.y + NEAR_METRES });

  const phone = new Phone(random, world.frameLoss);
  const slowDb = antenna.drawShadow();
  const part = (fromMs: number, lengthMs: number, where: () => Place): Burst[] => {
    const heard = phone.carry(fromMs, lengthMs, () => rssiAt(where(), slowDb));
    return [...heard, ...others.gatherer.between(fromMs, fromMs + lengthMs)];
  };
  const phases = {
    near: part(begin, walkMs / 4, near),
    inside: part(begin + walkMs / 4, walkMs, inside),
    outside: part(begin + walkMs * 1.25, walkMs, street),
  };
  const sample = (where: () => Place): number[] =>
    Array.from({ length: 2_000 }, () => rssiAt(where(), antenna.drawShadow())).filter((rssi) => rssi >= WEAKEST_DBM);
  const within = sample(inside);
  const without = sample(street);
  const youden = (gate: number): number =>
    within.filter((rssi) => rssi > gate).length / within.length +
    without.filter((rssi) => rssi <= gate).length / without.length -
    1;
  const gates = Array.from({ length: 90 }, (_, index) => WEAKEST_DBM + index);
  const bestDbm = gates.reduce((best, gate) => (youden(gate) > youden(best) ? gate : best));
  const crowd = others.gatherer.between(begin + 3 * walkMs, Number.POSITIVE_INFINITY);
  return { phases, crowd, bestDbm, youden };
}

/** Readings as `listenToLine` has them: addresses by what they are, as it all stays in the test. */
export class Listener {
  readonly gatherer = new BurstGatherer();
  readonly #decoder: Decoder = driverNamed('wifi-pcap').createDecoder();
  readonly #sink: ReadingSink = {
    sighting: ({ address, time, fingerprintHigh, fingerprintLow, rssi, channel }) =>
      this.gatherer.take({
        ...({ kind: 'sighting', at_ms: time, sensor: 'sniffer' } as const),
        device: `${address.high}.${address.low}`,
        random: address.local,
        fingerprint: fingerprintHigh === 0 && fingerprintLow === 0 ? null : `${fingerprintHigh}.${fingerprintLow}`,
        ...{ rssi, channel },
      }),
    advertisement: () => undefined,
    crossing: () => undefined,
    counter: () => undefined,
    transaction: () => undefined,
  };

  hear(ms: number, bytes: Uint8Array): void {
    this.#decoder.push(bytes, ms, this.#sink);
  }
}

/** A phone with its Wi-Fi page open: a burst of one to four frames each 5 to 12 s, another random address for each. */
class Phone {
  readonly #random: Random;
  readonly #frameLoss: number;
  readonly #listener = new Listener();
  readonly #format: ReturnType<(typeof AIR_FORMATS)[string]>;

  constructor(random: Random, frameLoss: number) {
    this.#random = random;
    this.#frameLoss = frameLoss;
    const secrets = { address: () => undefined, ssid: () => undefined };
    const sensor = { id: 'sniffer', driver: 'wifi-pcap' };
    this.#format = AIR_FORMATS['wifi-pcap']({ sensor, random: random.fork('module'), secrets });
    this.#listener.hear(OPEN - 30 * MINUTE, this.#format.boot(OPEN - 30 * MINUTE));
  }

  carry(fromMs: number, lengthMs: number, rssi: () => number): Burst[] {
    const random = this.#random;
    for (let ms = fromMs + random.uniform(0, 5_000); ms < fromMs + lengthMs; ms += random.uniform(5_000, 12_000)) {
      const address = drawAddress(random, true);
      const dbm = rssi();
      for (let frame = random.integer(1, 4); frame > 0; frame--) {
        if (dbm < WEAKEST_DBM || random.chance(this.#frameLoss)) continue;
        const request = { address, sequence: frame, model: 0, ssid: '', dsChannel: 6, variation: random.next() };
        this.#listener.hear(Math.round(ms), this.#format.frame(Math.round(ms), new AirFrame(request), dbm));
      }
    }
    return this.#listener.gatherer.between(fromMs, fromMs + lengthMs);
  }
}
