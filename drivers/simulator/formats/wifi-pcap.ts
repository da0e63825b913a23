import type { AirFrame } from '../air-frame.ts';
import { encodeBurst, encodeMarauderBanner, encodeMarauderLine } from '../encode/marauder.ts';
import { encodeGlobalHeader, encodeRecord } from '../encode/pcap.ts';
import { encodePpi, encodeShortRadiotap } from '../encode/radiotap.ts';
import { encodeEspBootText, encodeFrameRecord, encodeSerialPcapHeader } from '../encode/serial-pcap.ts';
import type { AirFormat, AirModule } from '../formats.ts';
import type { Random } from '../random.ts';
import { ModuleClock } from './module-clock.ts';

/** Octets of a frame's check sequence. */
const FCS = 4;
const MARAUDER_SNAPSHOT = 2324;
/** Share of frames that the Marauder's console tells of in words. */
const TOLD_SHARE = 0.3;

/** A SerialPcap module; `variant` `dlt105` has no capture header, and so no RSSI, in front of its frames. */
class SerialPcapFormat implements AirFormat {
  readonly #channel: number;
  readonly #bare: boolean;
  readonly #clock: ModuleClock;

  constructor({ sensor, random }: AirModule) {
    this.#channel = sensor.channel ?? 6;
    this.#bare = sensor.variant === 'dlt105';
    this.#clock = new ModuleClock(random);
  }

  boot(ms: number): Uint8Array {
    this.#clock.boot(ms);
    return Buffer.concat([encodeEspBootText(), encodeSerialPcapHeader(this.#bare ? 105 : 127)]);
  }

  frame(ms: number, frame: AirFrame, rssi: number): Uint8Array {
    const uptimeUs = this.#clock.uptimeUs(ms);
    if (this.#bare) return encodeRecord(uptimeUs, frame.encoded);
    return encodeFrameRecord(frame.encoded, uptimeUs, rssi, this.#channel);
  }
}

/**
 * An ESP32 Marauder: bursts of records between lines of console text, the global header in the first burst. `variant`
 * `marauder` sends bare frames, `marauder-ppi` PPI and radiotap in front of them; both without their check sequence.
 */
class MarauderFormat implements AirFormat {
  readonly #channel: number;
  readonly #ppi: boolean;
  readonly #clock: ModuleClock;
  readonly #random: Random;
  /** The global header, until the first burst. */
  #header: Uint8Array = new Uint8Array(0);

  constructor({ sensor, random }: AirModule) {
    this.#channel = sensor.channel ?? 6;
    this.#ppi = sensor.variant === 'marauder-ppi';
    this.#random = random;
    this.#clock = new ModuleClock(random);
  }

  boot(ms: number): Uint8Array {
    this.#clock.boot(ms);
    this.#header = encodeGlobalHeader(this.#ppi ? 192 : 105, MARAUDER_SNAPSHOT);
    return Buffer.concat([encodeEspBootText(), encodeMarauderBanner()]);
  }

  frame(ms: number, frame: AirFrame, rssi: number): Uint8Array {
    const bare = frame.encoded.subarray(0, frame.encoded.length - FCS);
    const before = this.#ppi ? [encodePpi(rssi, this.#channel), encodeShortRadiotap(rssi, this.#channel)] : [];
    const burst = encodeBurst(this.#header, encodeRecord(this.#clock.uptimeUs(ms), ...before, bare));
    this.#header = new Uint8Array(0);
    if (!this.#random.chance(TOLD_SHARE)) return burst;
    const { address, ssid } = frame.request;
    return Buffer.concat([encodeMarauderLine(rssi, this.#channel, address, ssid), burst]);
  }
}

const VARIANTS: Readonly<Record<string, new (module: AirModule) => AirFormat>> = {
  serialpcap: SerialPcapFormat,
  dlt105: SerialPcapFormat,
  marauder: MarauderFormat,
  'marauder-ppi': MarauderFormat,
};

/** pcap records stamped by the module's own crystal, a few milliseconds before they arrive. */
export class PcapFormat implements AirFormat {
  readonly #module: AirFormat;

  /** Throws where the variant is none of `serialpcap` (the default), `dlt105`, `marauder` and `marauder-ppi`. */
  constructor(module: AirModule) {
    const variant = module.sensor.variant ?? 'serialpcap';
    const Format = Object.hasOwn(VARIANTS, variant) ? VARIANTS[variant] : undefined;
    if (Format === undefined) {
      throw new Error(`a simulated wifi-pcap sensor is one of ${Object.keys(VARIANTS).join(', ')}, not ${variant}`);
    }
    this.#module = new Format(module);
  }

  boot(ms: number): Uint8Array {
    return this.#module.boot(ms);
  }

  frame(ms: number, frame: AirFrame, rssi: number): Uint8Array {
    return this.#module.frame(ms, frame, rssi);
  }
}
