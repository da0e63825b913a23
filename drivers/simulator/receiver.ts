import { AirFrame } from './air-frame.ts';
import { drawAddress, type SecretSink } from './device.ts';
import { encodeEspBootText, encodeFrameRecord, encodeSerialPcapHeader } from './encode/serial-pcap.ts';
import { wifiLine } from './encode/wifi-line.ts';
import type { SimulatedSensor } from './options.ts';
import type { StoreParameters } from './parameters.ts';
import type { Place } from './place.ts';
import type { Random } from './random.ts';
import type { Wire } from './scene.ts';
import type { TruthSensor } from './truth.ts';

/** dBm at one metre in the open, and the weakest signal a cheap sniffer still decodes. */
const ONE_METRE_DBM = -36;
const WEAKEST_DBM = -94;
const NEAREST_METRES = 0.5;

/** A Wi-Fi sniffer: hears frames through the radio model and writes them to its line. */
export class Receiver {
  readonly id: string;
  readonly #at: { x: number; y: number };
  readonly #format: Format;
  readonly #parameters: StoreParameters;
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
    this.#at = at;
    this.#parameters = world.parameters;
    this.#counts = world.counts;
    this.#secrets = world.secrets;
    this.#random = world.random;
    this.#wire = world.wire;
    const make = sensor.driver === 'wifi-pcap' ? PcapFormat : LinesFormat;
    this.#format = new make(sensor, world.random.fork('module'), world.secrets);
  }

  /** Half of the shadowing's variance, in dB. */
  drawShadow(): number {
    return this.#random.normal(0, this.#parameters.shadowingDb * Math.SQRT1_2);
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

  /** Log-distance path loss, and the front where the sender is outside. */
  meanDbm(from: { x: number; y: number }): number {
    const { pathLossExponent, frontLossDb } = this.#parameters;
    const distance = Math.max(Math.hypot(from.x - this.#at.x, from.y - this.#at.y), NEAREST_METRES);
    const front = from.y < 0 && this.#at.y >= 0 ? frontLossDb : 0;
    return ONE_METRE_DBM - 10 * pathLossExponent * Math.log10(distance) - front;
  }

  /** Hears a frame, or not; shadowing includes any body. */
  receive(ms: number, frame: AirFrame, from: Place, shadowDb: number): void {
    const rssi = Math.min(Math.round(this.meanDbm(from) + shadowDb), -1);
    const missed = this.#random.chance(this.#parameters.frameLoss);
    if (missed || rssi < WEAKEST_DBM || !this.#wire(this.#format.frame(ms, frame, rssi))) this.#counts.lost++;
    else this.#counts.sightings++;
  }
}

interface Format {
  boot(ms: number): Uint8Array;
  frame(ms: number, frame: AirFrame, rssi: number): Uint8Array;
}

/** pcap records stamped by the module's own crystal, a few milliseconds before they arrive. */
class PcapFormat implements Format {
  readonly #channel: number;
  readonly #latencyUs: number;
  /** Crystal error: parts per million. */
  readonly #ppm: number;
  #bootMs = 0;

  constructor(sensor: SimulatedSensor, random: Random) {
    this.#channel = sensor.channel ?? 6;
    this.#latencyUs = random.uniform(1_000, 15_000);
    this.#ppm = random.uniform(-40, 40);
  }

  boot(ms: number): Uint8Array {
    // The program starts some time after power, and its clock runs since power.
    this.#bootMs = ms - 400;
    return Buffer.concat([encodeEspBootText(), encodeSerialPcapHeader()]);
  }

  frame(ms: number, frame: AirFrame, rssi: number): Uint8Array {
    const uptimeUs = (ms - this.#bootMs) * 1000 * (1 + this.#ppm / 1e6) - this.#latencyUs;
    return encodeFrameRecord(frame.encoded, uptimeUs, rssi, this.#channel);
  }
}

/** Lines of a module that reports every frame: now and then one of the store's own access point comes with it. */
class LinesFormat implements Format {
  readonly #fields: 6 | 9 | 10;
  readonly #channel: number;
  readonly #ownAddress: Uint8Array;
  readonly #accessPoint: Uint8Array;
  readonly #random: Random;

  constructor(sensor: SimulatedSensor, random: Random, secrets: SecretSink) {
    this.#fields = sensor.fields ?? 6;
    this.#channel = sensor.channel ?? 6;
    this.#random = random;
    this.#ownAddress = drawAddress(random, false);
    this.#accessPoint = drawAddress(random, false);
    secrets.address(this.#ownAddress);
    secrets.address(this.#accessPoint);
  }

  boot(): Uint8Array {
    return encodeEspBootText();
  }

  frame(_ms: number, frame: AirFrame, rssi: number): Uint8Array {
    const common = { fields: this.#fields, channel: this.#channel, ownAddress: this.#ownAddress };
    const line = wifiLine({ ...common, source: frame.request.address, rssi, ssid: frame.request.ssid });
    if (!this.#random.chance(0.3)) return line;
    const beacon = wifiLine({ ...common, source: this.#accessPoint, subtype: 8, rssi: -48 });
    return Buffer.concat([beacon, line]);
  }
}
