import type { AirFrame } from '../air-frame.ts';
import { drawAddress } from '../device.ts';
import { encodeEspBootText } from '../encode/serial-pcap.ts';
import { vendorsOf, wifiJsonLine } from '../encode/wifi-json.ts';
import type { AirFormat, AirModule } from '../formats.ts';
import type { Random } from '../random.ts';
import { ModuleClock } from './module-clock.ts';

const NOTHING = new Uint8Array(0);
/** Share of the lines that come with one of the store's access point. */
const BEACON_SHARE = 0.3;
const BEACON_LENGTH = 268;
const BEACON_DBM = -48;

/** An ESP32 that prints a JSON object a frame, those of the store's own access point among them. */
export class JsonFormat implements AirFormat {
  readonly #channel: number;
  readonly #accessPoint: Uint8Array;
  readonly #clock: ModuleClock;
  readonly #random: Random;

  constructor({ sensor, random, secrets }: AirModule) {
    this.#channel = sensor.channel ?? 6;
    this.#random = random;
    this.#clock = new ModuleClock(random);
    this.#accessPoint = drawAddress(random, false);
    secrets.address(this.#accessPoint);
  }

  boot(ms: number): Uint8Array {
    this.#clock.boot(ms);
    return encodeEspBootText();
  }

  frame(ms: number, frame: AirFrame, rssi: number): Uint8Array {
    const common = { uptimeMs: this.#clock.uptimeUs(ms) / 1000, channel: this.#channel };
    const line = wifiJsonLine({
      ...common,
      rssi,
      length: frame.encoded.length,
      source: frame.request.address,
      ssid: Buffer.from(frame.request.ssid, 'utf8'),
      vendors: vendorsOf(frame.encoded),
    });
    if (!this.#random.chance(BEACON_SHARE)) return line;
    const beacon = wifiJsonLine({
      ...common,
      rssi: BEACON_DBM,
      subtype: 'Beacon',
      length: BEACON_LENGTH,
      source: this.#accessPoint,
      third: this.#accessPoint,
      ssid: NOTHING,
      vendors: [],
    });
    return Buffer.concat([beacon, line]);
  }
}
