/** One sensor, heard on its own line by its own driver, while no daemon runs. Nothing of it is kept. */
import type { DecoderCounts, ReadingSink } from '../../../drivers/driver.ts';
import { driverNamed } from '../../../drivers/registry.ts';
import { Lines } from '../../../drivers/transport/lines.ts';
import type { Clock } from '../../clock.ts';
import { radioSocketOf } from '../../settings/radio-socket.ts';
import type { SensorSettings } from '../../settings/settings.ts';
import type { LiveCounts, LiveSensor, TakeReading } from './live.ts';

/** Devices told apart at a time; a flood of addresses starts over, and takes no more memory. */
const MOST_DEVICES = 20_000;
const NO_RSSI = -128;

interface LineListening {
  sensor: SensorSettings;
  /** Holds, beside it, the sockets of the radio helpers. */
  runtimeDirectory: string;
  clock: Clock;
  now: () => number;
  take: TakeReading;
}

export function listenToLine({ sensor, runtimeDirectory, clock, now, take }: LineListening): LiveSensor {
  const decoder = driverNamed(sensor.driver).createDecoder({
    ...sensor.options,
    role: sensor.role === 'transactions' ? 'transactions' : 'door',
  });
  const lines = new Lines({
    clock,
    networkClock: clock,
    random: Math.random,
    // As the daemon finds it: systemd gives the helpers a directory of their own.
    radioSocket: (id) => radioSocketOf(runtimeDirectory, id),
  });
  const transport = lines.of(sensor);
  const sink = sinkOf(sensor, take);
  let up = false;
  let detail: string | null = 'not opened yet';
  transport.start({
    ...(decoder.speaker && { speaker: decoder.speaker }),
    bytes: (chunk) => decoder.push(chunk, now(), sink),
    up: () => {
      up = true;
      detail = null;
      decoder.reopened?.();
    },
    down: (reason) => {
      up = false;
      detail = reason;
    },
  });
  return {
    source: 'line',
    now,
    counts: async () => ({ state: up ? 'up' : 'down', detail, ...countsOf(decoder.counts) }),
    stop: () => transport.stop(),
  };
}

function countsOf({ bytes, accepted, rejected }: DecoderCounts): Omit<LiveCounts, 'state' | 'detail'> {
  return {
    bytes,
    accepted,
    rejected: Object.fromEntries(Object.entries(rejected).filter(([, count]) => count > 0)),
    dropped: 0,
  };
}

/** Readings as the daemon would tell them; devices by the order in which they were first heard. */
function sinkOf({ id, swap }: SensorSettings, take: TakeReading): ReadingSink {
  const wifi = new Names();
  const ble = new Names();
  const fingerprints = new Names();
  const door = (at: number, [entered, left]: [number, number], total: boolean): void => {
    const [inwards, outwards] = swap ? [left, entered] : [entered, left];
    take({ kind: 'door', at_ms: at, sensor: id, in: inwards, out: outwards, total });
  };
  return {
    sighting({ address, time, fingerprintHigh, fingerprintLow, rssi, channel }) {
      const known = fingerprintHigh !== 0 || fingerprintLow !== 0;
      take({
        ...({ kind: 'sighting', at_ms: time, sensor: id } as const),
        device: wifi.of(address.high * 2 ** 24 + address.low),
        random: address.local,
        fingerprint: known ? fingerprints.of(fingerprintHigh * 2 ** 32 + fingerprintLow) : null,
        rssi,
        channel: channel === 0 ? null : channel,
      });
    },
    advertisement({ address, random, time, advertiser, rssi, channel }) {
      take({
        ...({ kind: 'ble', at_ms: time, sensor: id } as const),
        device: ble.of(address.high * 2 ** 24 + address.low),
        random,
        advertiser,
        rssi: rssi === NO_RSSI ? null : rssi,
        channel: channel === 0 ? null : channel,
      });
    },
    crossing: (time, entered, left) => door(time, [entered, left], false),
    counter: (time, entered, left) => door(time, [entered, left], true),
    transaction: (time, count) => take({ kind: 'till', at_ms: time, sensor: id, transactions: count }),
  };
}

/** Numbers in place of what must not be told, in order of appearance. */
class Names {
  readonly #known = new Map<number, string>();
  #next = 1;

  of(secret: number): string {
    let name = this.#known.get(secret);
    if (name === undefined) {
      if (this.#known.size === MOST_DEVICES) this.#known.clear();
      name = (this.#next++).toString(16).padStart(8, '0');
      this.#known.set(secret, name);
    }
    return name;
  }
}
