import { AirFrame } from './air-frame.ts';
import { Antenna } from './antenna.ts';
import { drawAddress, type SecretSink } from './device.ts';
import { AIR_FORMATS, type AirFormat } from './formats.ts';
import type { SimulatedSensor } from './options.ts';
import type { StoreParameters } from './parameters.ts';
import type { Place } from './place.ts';
import type { Random } from './random.ts';
import type { Wire } from './scene.ts';
import type { TruthSensor } from './truth.ts';

/** dBm at one metre in the open, and the weakest signal a cheap sniffer still decodes. */
const ONE_METRE_DBM = -36;
const WEAKEST_DBM = -94;

/** A Wi-Fi sniffer: hears frames through the radio model and writes them to its line. */
export class Receiver {
  readonly id: string;
  readonly #antenna: Antenna;
  readonly #format: AirFormat;
  readonly #counts: TruthSensor;
  readonly #secrets: SecretSink;
  readonly #random: Random;
  readonly #wire: Wire;

  constructor(
    sensor: SimulatedSensor,
    at: { x: number; y: number },
    world: { parameters: StoreParameters; counts: TruthSensor; secrets: SecretSink; random: Random; wire: Wire },
  ) {
    this.id = sensor.id;
    this.#antenna = new Antenna(at, world.parameters, world.random);
    this.#counts = world.counts;
    this.#secrets = world.secrets;
    this.#random = world.random;
    this.#wire = world.wire;
    const make = AIR_FORMATS[sensor.driver];
    if (make === undefined) throw new Error(`${sensor.driver} is no Wi-Fi sniffer`);
    this.#format = make({ sensor, random: world.random.fork('module'), secrets: world.secrets });
  }

  /** Half of the shadowing's variance, in dB. */
  drawShadow(): number {
    return this.#antenna.drawShadow();
  }

  /** Power on. */
  boot(ms: number): void {
    this.#wire(this.#format.boot(ms));
  }

  /** A restart in the middle of a frame: half a frame, then the boot. */
  reboot(ms: number): void {
    const request = {
      address: drawAddress(this.#random, true),
      sequence: this.#random.integer(0, 4095),
      model: 0,
      ssid: '',
      dsChannel: 1,
      variation: this.#random.next(),
    };
    this.#secrets.address(request.address);
    const bytes = this.#format.frame(ms, new AirFrame(request), -60);
    this.#wire(bytes.subarray(0, bytes.length >> 1));
    this.#counts.lost++;
    this.boot(ms);
  }

  /** What a phone has here in the mean, dBm. */
  meanDbm(from: { x: number; y: number }): number {
    return this.#antenna.meanDbm(from, ONE_METRE_DBM);
  }

  /** Hears a frame, or not; shadowing includes any body. */
  receive(ms: number, frame: AirFrame, from: Place, shadowDb: number): void {
    const rssi = Math.min(Math.round(this.meanDbm(from) + shadowDb), -1);
    const missed = this.#antenna.misses();
    if (missed || rssi < WEAKEST_DBM || !this.#wire(this.#format.frame(ms, frame, rssi))) this.#counts.lost++;
    else this.#counts.sightings++;
  }
}
