/**
 * The product end to end on a virtual clock: the daemon itself with decoders, boundary, fold, storage thread and outbox,
 * with everything on but the uplink. A door counts beside the Wi-Fi sensor: a report each 10 s, a person each minute.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { SILENT_BOX } from '../../agent/box.ts';
import { Daemon } from '../../agent/daemon.ts';
import type { Logging } from '../../agent/logging.ts';
import { realClock, VirtualClock } from '../../agent/platform/clock.ts';
import type { SensorSettings, Settings } from '../../agent/settings/settings.ts';
import { openStorageClient } from '../../agent/storage/client.ts';
import { doorLine } from '../../drivers/simulator/encode/door-line.ts';
import { encodeEspBootText, encodeSerialPcapHeader } from '../../drivers/simulator/encode/serial-pcap.ts';
import { MemoryTransport } from '../../drivers/transport/stream.ts';
import { READ_MS, type SightingStream } from './stream.ts';

/** The start of a window, in the store's day. */
const START_MS = Date.UTC(2026, 2, 2, 9);
export const WINDOW_MINUTES = 15;
const GRACE_SECONDS = 10;
const DOOR_REPORT_MS = 10_000;
const PERSON_MS = 60_000;
const ALL_DAY: [number, number][] = [[0, 24 * 60]];

type WifiDriver = 'wifi-pcap' | 'wifi-lines';

/** An error of the agent is one of the benchmark. */
const LOGGING: Logging = {
  logger: () => (level, fields, message) => {
    if (level === 'error') throw new Error(`${message}: ${JSON.stringify(fields)}`);
  },
  setLevels: () => undefined,
  recent: () => [],
  flush: () => undefined,
};

export class Gateway {
  readonly #directory: string;
  readonly #clock: VirtualClock;
  readonly #daemon: Daemon;
  readonly #wifi: MemoryTransport;
  readonly #door: MemoryTransport;
  #now = START_MS;
  #people = 0;
  #doorLines = 0;

  static async start(directory: string, driver: WifiDriver): Promise<Gateway> {
    mkdirSync(join(directory, 'run'));
    const clock = new VirtualClock(START_MS);
    const transports = new Map<string, MemoryTransport>();
    const daemon = await Daemon.start({
      settings: settingsOf(directory, driver),
      password: undefined,
      clock,
      networkClock: realClock(),
      storage: openStorage(directory),
      transport: ({ id }) => {
        const transport = new MemoryTransport();
        transports.set(id, transport);
        return transport;
      },
      random: Math.random,
      box: SILENT_BOX,
      logging: LOGGING,
    });
    const [wifi, door] = ['wifi', 'door'].map((id) => transports.get(id) as MemoryTransport);
    if (driver === 'wifi-pcap') wifi.push(Buffer.concat([encodeEspBootText(), encodeSerialPcapHeader()]));
    return new Gateway(directory, clock, daemon, wifi, door);
  }

  private constructor(
    directory: string,
    clock: VirtualClock,
    daemon: Daemon,
    wifi: MemoryTransport,
    door: MemoryTransport,
  ) {
    this.#directory = directory;
    this.#clock = clock;
    this.#daemon = daemon;
    this.#wifi = wifi;
    this.#door = door;
  }

  /** Takes in one span of a stream, each read at its time, waiting for storage whenever the daemon's tick does. */
  async run(stream: SightingStream): Promise<void> {
    for (const bytes of stream.reads()) {
      this.#now += READ_MS;
      await this.#clock.advanceTo(this.#now);
      this.#wifi.push(bytes);
      if (this.#now % DOOR_REPORT_MS === 0) this.#reportDoor();
    }
  }

  stop(): Promise<void> {
    return this.#daemon.stop();
  }

  /** After `stop`: throws unless every sighting was accepted and is on the disk, and every window due is in the outbox. */
  async verify(sightings: number): Promise<{ windows: number }> {
    const sensor = this.#daemon.status().sensors.find(({ id }) => id === 'wifi');
    expectEqual('sightings accepted by the decoder', sensor?.accepted, sightings);
    const storage = openStorage(this.#directory);
    try {
      const { snapshot, journal } = await storage.open();
      const rows = journal.at(-1)?.lastOrdinal ?? snapshot?.ordinal ?? 0;
      if (rows < sightings) throw new Error(`expected ${sightings} rows or more on the disk, found ${rows}`);
      const due = Math.floor((this.#now - START_MS - GRACE_SECONDS * 1000) / (WINDOW_MINUTES * 60_000));
      const { held } = await storage.state();
      expectEqual('sealed windows in the outbox', held, due);
      return { windows: held };
    } finally {
      await storage.stop();
    }
  }

  #reportDoor(): void {
    if (this.#now % PERSON_MS === 0) this.#people++;
    const left = Math.floor(this.#people / 2);
    const ms = this.#now - START_MS;
    this.#door.push(doorLine({ boot: 1, seq: ++this.#doorLines, in: this.#people, out: left, ms }));
  }
}

function expectEqual(what: string, found: number | undefined, expected: number): void {
  if (found !== expected) throw new Error(`expected ${expected} ${what}, found ${found}`);
}

function openStorage(directory: string) {
  return openStorageClient({ path: join(directory, 'footfall.db'), machineId: 'benchmark' });
}

function settingsOf(directory: string, driver: WifiDriver): Settings {
  const line = { line: 'serial', baud: 921_600, options: {} } as const;
  const sensor = { ...line, gateDbm: -70, swap: false, silentMinutes: 15 };
  const sensors: SensorSettings[] = [
    { ...sensor, id: 'wifi', driver, port: '/dev/benchmark-wifi', role: 'zone', place: 'shop' },
    { ...sensor, id: 'door', driver: 'door-lines', port: '/dev/benchmark-door', role: 'door', place: 'main' },
  ];
  return {
    tenant: 'benchmark',
    gateway: 'benchmark',
    store: {
      id: 'benchmark',
      timeZone: 'UTC',
      hours: { week: Array.from({ length: 7 }, () => ALL_DAY), exceptions: {} },
    },
    sensors,
    counting: { windowMinutes: WINDOW_MINUTES, graceSeconds: GRACE_SECONDS, visitGapSeconds: 300, passingSeconds: 20 },
    storage: {
      directory,
      commitSeconds: 5,
      doorCommitSeconds: 1,
      bufferBytes: 256 * 1024 * 1024,
      bufferHours: 2_160,
    },
    runtimeDirectory: join(directory, 'run'),
    log: { level: 'error', modules: {} },
    clock: { source: 'auto' },
    locked: [],
  };
}
