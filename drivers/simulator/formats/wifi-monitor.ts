import type { AirFrame } from '../air-frame.ts';
import { encodeGlobalHeader } from '../encode/pcap.ts';
import { encodeFrameRecord } from '../encode/serial-pcap.ts';
import type { AirFormat, AirModule } from '../formats.ts';

/** tcpdump's own, where it is given none. */
const SNAPSHOT = 262_144;

/** tcpdump on a dongle in monitor mode: a capture file as a stream, times by the host's wall clock. */
export class MonitorFormat implements AirFormat {
  readonly #channel: number;
  readonly #latencyMs: number;

  constructor({ sensor, random }: AirModule) {
    this.#channel = sensor.channel ?? 6;
    this.#latencyMs = random.uniform(0.2, 5);
  }

  boot(): Uint8Array {
    return encodeGlobalHeader(127, SNAPSHOT);
  }

  frame(ms: number, frame: AirFrame, rssi: number): Uint8Array {
    return encodeFrameRecord(frame.encoded, (ms - this.#latencyMs) * 1000, rssi, this.#channel);
  }
}
