import { Antenna } from './antenna.ts';
import { drawAddress, type SecretSink } from './device.ts';
import { ADVERTISING_FORMATS, type Advertisement, type AdvertisingFormat } from './formats.ts';
import type { SimulatedSensor } from './options.ts';
import type { StoreParameters } from './parameters.ts';
import type { Random } from './random.ts';
import type { Wire } from './scene.ts';
import type { TruthSensor } from './truth.ts';

/** The weakest signal a sniffer still decodes, and how far multipath moves one advertisement from the next, dB. */
const WEAKEST_DBM = -95;
const FADING_DB = 3;
const CHANNELS = [37, 38, 39] as const;
/** What an installer's phone has at one metre. */
const PHONE_ONE_METRE_DBM = -62;
/** Modules that stay on this advertising channel until they are told another. */
const STAYS_ON: Readonly<Record<string, number>> = { 'ble-sniffle': 37 };

/** A Bluetooth sniffer: hears advertisements through the radio model and writes them to its line. */
export class BleReceiver {
  readonly id: string;
  readonly #antenna: Antenna;
  readonly #format: AdvertisingFormat;
  /** The one channel it stays on, 0 for a receiver that changes: each event is on all three, it hears it on one. */
  readonly #channel: number;
  readonly #counts: TruthSensor;
  readonly #secrets: SecretSink;
  readonly #random: Random;
  /** Apart, so that a fault changes nothing else in the store. */
  readonly #faults: Random;
  readonly #wire: Wire;

  constructor(
    sensor: SimulatedSensor,
    at: { x: number; y: number },
    world: { parameters: StoreParameters; counts: TruthSensor; secrets: SecretSink; random: Random; wire: Wire },
  ) {
    this.id = sensor.id;
    this.#antenna = new Antenna(at, world.parameters, world.random);
    this.#channel = sensor.channel ?? STAYS_ON[sensor.driver] ?? 0;
    this.#counts = world.counts;
    this.#secrets = world.secrets;
    this.#random = world.random;
    this.#faults = world.random.fork('faults');
    this.#wire = world.wire;
    const make = ADVERTISING_FORMATS[sensor.driver];
    if (make === undefined) throw new Error(`${sensor.driver} is no Bluetooth sniffer`);
    this.#format = make({ sensor, random: world.random.fork('module'), secrets: world.secrets });
  }

  /** Half of the shadowing's variance, in dB. */
  drawShadow(): number {
    return this.#antenna.drawShadow();
  }

  /** What a sender has here in the mean, dBm. */
  meanDbm(from: { readonly x: number; readonly y: number }, oneMetreDbm = PHONE_ONE_METRE_DBM): number {
    return this.#antenna.meanDbm(from, oneMetreDbm);
  }

  /** Whether anything may be heard of a sender with this signal. */
  reaches(dbm: number): boolean {
    return dbm + FADING_DB >= WEAKEST_DBM;
  }

  /** Power on. */
  boot(ms: number): void {
    this.#write(this.#format.boot(ms));
  }

  /** A restart in the middle of a frame: half a frame, then the boot. */
  reboot(ms: number): void {
    const address = drawAddress(this.#faults, true);
    this.#secrets.address(address);
    const advertisement: Advertisement = { address, random: true, type: 0, data: Uint8Array.of(2, 1, 6) };
    const bytes = this.#format.advertisement(ms, advertisement, -60, this.#channel || CHANNELS[0]);
    this.#write(bytes.subarray(0, bytes.length >> 1));
    this.#counts.lost++;
    this.boot(ms);
  }

  /** Bytes from the gateway. */
  tell(ms: number, bytes: Uint8Array): void {
    const answer = this.#format.receive?.(ms, bytes);
    if (answer !== undefined) this.#write(answer);
  }

  /** Hears an advertisement, or not; shadowing and any body are in `dbm`. */
  receive(ms: number, advertisement: Advertisement, dbm: number): void {
    const rssi = Math.min(Math.round(dbm) + this.#random.integer(-FADING_DB, FADING_DB), -1);
    const heard = rssi >= WEAKEST_DBM && !this.#antenna.misses();
    if (heard && this.#write(this.#format.advertisement(ms, advertisement, rssi, this.#hearsOn()))) {
      this.#counts.advertisements++;
    } else this.#counts.lost++;
  }

  #hearsOn(): number {
    return this.#channel === 0 ? this.#random.choice(CHANNELS) : this.#channel;
  }

  /** False where there was nothing to write, as of a module that was not told to listen, or the line is silent. */
  #write(bytes: Uint8Array): boolean {
    return bytes.length > 0 && this.#wire(bytes);
  }
}
