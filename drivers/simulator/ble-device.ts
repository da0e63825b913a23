import {
  airpods,
  appleWatch,
  eddystone,
  fastPairEarphones,
  googlePhone,
  homeKit,
  iBeacon,
  iphone,
  type PayloadMaker,
  receiptPrinter,
  samsungPhone,
  sportsWatch,
  tag,
  television,
} from './advertising-data.ts';
import { drawAddress, type SecretSink } from './device.ts';
import type { Advertisement } from './formats.ts';
import type { Random } from './random.ts';

const MINUTE = 60_000;
/** A resolvable address is replaced after 15 min, give or take (Core 5.4, Vol 3, Part C, appendix A: 900 s). */
const ROTATION = { mean: 15 * MINUTE, deviation: MINUTE, least: 12 * MINUTE, most: 18 * MINUTE };

/** Resolvable and static random addresses, told by their two top bits (Core 5.4, Vol 6, Part B, 1.3.2), and public ones. */
type BleAddressKind = 'resolvable' | 'static' | 'public';

/** Milliseconds between two advertisements, and dBm at one metre: the lowest and the highest. */
interface BleModel {
  payload: PayloadMaker;
  address: BleAddressKind;
  interval: readonly [number, number];
  oneMetreDbm: readonly [number, number];
}

const PHONE = { address: 'resolvable', interval: [200, 2_000], oneMetreDbm: [-66, -58] } as const;
const WORN = { interval: [250, 2_000], oneMetreDbm: [-72, -62] } as const;

const PHONES: readonly BleModel[] = [iphone, googlePhone, samsungPhone].map((payload) => ({ ...PHONE, payload }));
const PHONE_WEIGHTS = [50, 25, 25];
const WATCHES: readonly BleModel[] = [
  { ...WORN, address: 'resolvable', payload: appleWatch },
  { ...WORN, address: 'static', payload: sportsWatch },
];
const EARPHONES: readonly BleModel[] = [airpods, fastPairEarphones].map((payload) => ({
  ...WORN,
  address: 'resolvable',
  payload,
}));
const THINGS: readonly BleModel[] = [
  { payload: iBeacon, address: 'static', interval: [300, 1_000], oneMetreDbm: [-61, -57] },
  { payload: eddystone, address: 'static', interval: [500, 1_000], oneMetreDbm: [-61, -57] },
  { payload: television, address: 'public', interval: [500, 2_000], oneMetreDbm: [-62, -56] },
  { payload: homeKit, address: 'static', interval: [1_000, 2_500], oneMetreDbm: [-66, -58] },
  { payload: receiptPrinter, address: 'public', interval: [500, 1_500], oneMetreDbm: [-66, -58] },
  { payload: tag, address: 'static', interval: [1_000, 4_000], oneMetreDbm: [-72, -62] },
];

/** Something that advertises over Bluetooth: its address and payload as they change. */
export class BleDevice {
  readonly phone: boolean;
  readonly intervalMs: number;
  /** dBm at one metre in the open. */
  readonly oneMetreDbm: number;
  readonly #model: BleModel;
  readonly #secrets: SecretSink;
  readonly #random: Random;
  #advertisement: Advertisement;
  #rotatesMs: number;

  constructor(model: BleModel, phone: boolean, ms: number, random: Random, secrets: SecretSink) {
    this.phone = phone;
    this.intervalMs = random.uniform(...model.interval);
    this.oneMetreDbm = random.uniform(...model.oneMetreDbm);
    this.#model = model;
    this.#secrets = secrets;
    this.#random = random;
    this.#advertisement = this.#draw();
    // Met at a random moment of the life of its address.
    this.#rotatesMs = ms + random.uniform() * this.#drawRotation();
  }

  /** What it advertises at `ms`; the object is another one when the address is. */
  at(ms: number): Advertisement {
    if (ms >= this.#rotatesMs) {
      this.#advertisement = this.#draw();
      this.#rotatesMs = ms + this.#drawRotation();
    }
    return this.#advertisement;
  }

  #drawRotation(): number {
    if (this.#model.address !== 'resolvable') return Number.POSITIVE_INFINITY;
    const { mean, deviation, least, most } = ROTATION;
    return Math.min(Math.max(this.#random.normal(mean, deviation), least), most);
  }

  #draw(): Advertisement {
    const kind = this.#model.address;
    const address = drawAddress(this.#random, false);
    if (kind !== 'public') address[0] = (this.#random.next() & 0x3f) | (kind === 'static' ? 0xc0 : 0x40);
    this.#secrets.address(address);
    return { address, random: kind !== 'public', ...this.#model.payload(this.#random) };
  }
}

/** A phone as its owner comes within reach at `ms`. */
export function drawBlePhone(ms: number, random: Random, secrets: SecretSink): BleDevice {
  return new BleDevice(PHONES[random.weighted(PHONE_WEIGHTS)], true, ms, random, secrets);
}

export function drawWatch(ms: number, random: Random, secrets: SecretSink): BleDevice {
  return new BleDevice(random.choice(WATCHES), false, ms, random, secrets);
}

export function drawEarphones(ms: number, random: Random, secrets: SecretSink): BleDevice {
  return new BleDevice(random.choice(EARPHONES), false, ms, random, secrets);
}

/** Something installed, which keeps its address. */
export function drawBleThing(ms: number, random: Random, secrets: SecretSink): BleDevice {
  return new BleDevice(random.choice(THINGS), false, ms, random, secrets);
}
