/** Probe requests and advertisements, gathered into bursts: what a phone sends at one moment. */
import type { LiveReading } from './live.ts';

/** Longest span of a burst of probe requests, milliseconds; of an advertiser, which never stops, the grain. */
const BURST_MS = 2_000;
/** Kept at most; the oldest go first. */
const MOST_BURSTS = 50_000;
/** Devices whose burst is open; a flood of addresses closes all. */
const MOST_OPEN = 20_000;
const NO_RSSI = -128;

export interface Burst {
  /** UTC milliseconds of its first frame. */
  at: number;
  /**
   * dBm of its strongest frame: counting takes a device to be inside as soon as one frame is above the gate
   * (agent/analytics/bindings.ts).
   */
  rssi: number;
  /** What a device keeps from one burst to the next; null for a random address that tells nothing else. */
  identity: string | null;
  /** The address, which a device with a random one may change. */
  device: string;
}

export class BurstGatherer {
  #bursts: Burst[] = [];
  readonly #open = new Map<string, Burst>();

  take(reading: LiveReading): void {
    if (reading.kind !== 'sighting' && reading.kind !== 'ble') return;
    const { device, rssi, at_ms: at } = reading;
    // Installed beacons and tags are no one's phone.
    if (rssi === null || rssi <= NO_RSSI || (reading.kind === 'ble' && reading.advertiser === 'fixture')) return;
    const open = this.#open.get(device);
    if (open !== undefined && at - open.at < BURST_MS) {
      open.rssi = Math.max(open.rssi, rssi);
      return;
    }
    if (this.#open.size >= MOST_OPEN) this.#open.clear();
    const burst = { at, rssi, device, identity: identityOf(reading) };
    this.#open.set(device, burst);
    this.#bursts.push(burst);
    if (this.#bursts.length > MOST_BURSTS) this.#bursts = this.#bursts.slice(MOST_BURSTS / 2);
  }

  /** Those that began in [fromMs, toMs), in the order in which they were heard. */
  between(fromMs: number, toMs: number): Burst[] {
    return this.#bursts.filter(({ at }) => at >= fromMs && at < toMs);
  }
}

/** A BLE address lasts for a quarter of an hour, a random Wi-Fi address for a burst, what the phone says it can do for good. */
function identityOf(reading: Extract<LiveReading, { kind: 'sighting' | 'ble' }>): string | null {
  if (reading.kind === 'ble' || !reading.random) return `address ${reading.device}`;
  return reading.fingerprint === null ? null : `fingerprint ${reading.fingerprint}`;
}
