import type { AirFrame } from '../air-frame.ts';
import { drawAddress } from '../device.ts';
import { encodeEspBootText } from '../encode/serial-pcap.ts';
import { wifiLine } from '../encode/wifi-line.ts';
import type { AirFormat, AirModule } from '../formats.ts';
import type { Random } from '../random.ts';

/** Lines of a module that reports every frame: now and then one of the store's own access point comes with it. */
export class LinesFormat implements AirFormat {
  readonly #fields: 6 | 9 | 10;
  readonly #channel: number;
  readonly #ownAddress: Uint8Array;
  readonly #accessPoint: Uint8Array;
  readonly #random: Random;

  constructor({ sensor, random, secrets }: AirModule) {
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
