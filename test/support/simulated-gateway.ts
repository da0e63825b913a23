/** A daemon in this process whose sensors are those of a simulated store, both on one virtual clock. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { SILENT_BOX } from '../../agent/box.ts';
import { Daemon } from '../../agent/daemon.ts';
import type { DaemonParts } from '../../agent/daemon-parts.ts';
import { createLogging } from '../../agent/logging.ts';
import { realClock, VirtualClock } from '../../agent/platform/clock.ts';
import { countersOf, loadModbusProfile } from '../../agent/settings/modbus-profile.ts';
import { DRIVER_FACTS, isSensorDriver } from '../../agent/settings/sensor-drivers.ts';
import type { SensorOptions, SensorSettings, Settings } from '../../agent/settings/settings.ts';
import { openStorageClient } from '../../agent/storage/client.ts';
import type { Transport } from '../../drivers/driver.ts';
import type { SimulatedSensor, SimulatedStore } from '../../drivers/simulator/store.ts';
import { Bus } from '../../drivers/transport/bus.ts';
import { MemoryTransport } from '../../drivers/transport/stream.ts';

/** Lines are read this often, as ports are now and then. */
const STEP_MS = 250;
/** After a question its line is read this often, until there is an answer or none is to be expected any more. */
const ANSWER_STEP_MS = 5;
const ANSWER_PATIENCE_MS = 1_000;
/** Broker, uplink and collector have the loop to themselves now and then. */
const YIELD_MS = 60_000;

/** What went over a sensor's line since the start. */
export interface Traffic {
  /** What the sensor sent, and how often: a frame or a line each time, or several that belong together. */
  sentBytes: number;
  sentChunks: number;
  /** What of it met a line that was not there. */
  lostBytes: number;
  /** What was said to it, of frames to another unit on the same line too. */
  toldBytes: number;
  toldFrames: number;
}

export interface SimulatedGatewayOptions {
  store: SimulatedStore;
  settings: Settings;
  /** Virtual milliseconds between two reads of the lines. */
  stepMs?: number;
  /** Parts of the daemon that are others than those of a plain test. */
  parts?: Partial<DaemonParts>;
}

interface Line {
  transport: MemoryTransport;
  /** For sensors with a unit, which share the line of their port. */
  bus: Bus;
  /** Sensors on it. */
  ids: Set<string>;
  /** Last time a frame was said on it, and bytes came. */
  saidMs: number;
  heardMs: number;
  /** It is read closely, as an answer is expected. */
  listening: boolean;
}

/**
 * Bytes reach the daemon at most a step after the sensor sent them, answers within 5 ms. The store is at the daemon's time
 * whenever something is said, so a conversation takes the time it takes.
 */
export class SimulatedGateway {
  readonly clock: VirtualClock;
  readonly #store: SimulatedStore;
  readonly #lines = new Map<string, Line>();
  readonly #lineOfSensor = new Map<string, Line>();
  readonly #traffic = new Map<string, Traffic>();
  readonly #said: { line: Line; frame: Uint8Array }[] = [];
  #daemon: Daemon | null = null;

  /** Starts at the time of the store. */
  static async start({ store, settings, stepMs = STEP_MS, parts }: SimulatedGatewayOptions): Promise<SimulatedGateway> {
    const gateway = new SimulatedGateway(store);
    mkdirSync(settings.runtimeDirectory, { recursive: true, mode: 0o700 });
    gateway.#daemon = await Daemon.start({
      settings,
      password: undefined,
      clock: gateway.clock,
      networkClock: realClock(),
      storage: openStorageClient({ path: join(settings.storage.directory, 'footfall.db'), machineId: 'simulated' }),
      transport: (sensor) => gateway.#transport(sensor),
      random: () => 0.5,
      box: SILENT_BOX,
      logging: createLogging({ log: settings.log }),
      ...parts,
    });
    gateway.clock.every(stepMs, () => gateway.#read());
    return gateway;
  }

  private constructor(store: SimulatedStore) {
    this.#store = store;
    this.clock = new VirtualClock(store.now);
  }

  get daemon(): Daemon {
    if (this.#daemon === null) throw new Error('the daemon was not started');
    return this.#daemon;
  }

  /** What went over the lines, by sensor. */
  get traffic(): ReadonlyMap<string, Readonly<Traffic>> {
    return this.#traffic;
  }

  /** The line of a sensor, to be hung up and restored. */
  line(sensorId: string): MemoryTransport {
    const line = this.#lineOfSensor.get(sensorId);
    if (line === undefined) throw new Error(`no sensor is called ${sensorId}`);
    return line.transport;
  }

  /** Lives on until `ms`; then everything that was sent by then has been taken in. */
  async advanceTo(ms: number): Promise<void> {
    while (this.clock.wall() < ms) {
      await this.clock.advanceTo(Math.min(ms, this.clock.wall() + YIELD_MS));
      await setImmediate();
    }
    this.#read();
  }

  /** Stops the daemon in order. */
  async stop(): Promise<void> {
    await this.#daemon?.stop();
  }

  #transport({ id, port, options }: SensorSettings): Transport {
    const alone = options.unit === undefined;
    const line = this.#line(alone ? `sensor ${id}` : `port ${port}`);
    line.ids.add(id);
    this.#lineOfSensor.set(id, line);
    return alone ? line.transport : line.bus.member();
  }

  #line(name: string): Line {
    const known = this.#lines.get(name);
    if (known !== undefined) return known;
    const take = (frame: Uint8Array): void => {
      this.#said.push({ line, frame: Uint8Array.from(frame) });
      // Not at once: the driver is in the middle of what it does.
      this.clock.after(0, () => this.#say());
    };
    const transport = new MemoryTransport({ clock: this.clock, take });
    const bus = new Bus(transport, this.clock);
    const line: Line = { transport, bus, ids: new Set(), saidMs: 0, heardMs: 0, listening: false };
    this.#lines.set(name, line);
    return line;
  }

  /** The store catches up with the daemon; what its sensors sent meanwhile arrives. */
  #read(): void {
    const now = this.clock.wall();
    const chunks: [string, Uint8Array][] = [];
    this.#store.advance(now, (id, _ms, bytes) => chunks.push([id, bytes]));
    for (const [id, bytes] of chunks) {
      const line = this.#lineOfSensor.get(id);
      if (line === undefined) continue;
      const traffic = this.#trafficOf(id);
      traffic.sentBytes += bytes.length;
      traffic.sentChunks++;
      line.heardMs = now;
      if (!line.transport.push(bytes)) traffic.lostBytes += bytes.length;
    }
  }

  /** What was said reaches everyone on its line. */
  #say(): void {
    if (this.#said.length === 0) return;
    this.#read();
    const now = this.clock.wall();
    for (const { line, frame } of this.#said.splice(0)) {
      for (const id of line.ids) {
        const traffic = this.#trafficOf(id);
        traffic.toldBytes += frame.length;
        traffic.toldFrames++;
        this.#store.receive(id, frame);
      }
      line.saidMs = now;
      if (!line.listening) this.#listen(line);
    }
  }

  /** Reads closely until the line is answered. */
  #listen(line: Line): void {
    line.listening = true;
    this.clock.after(ANSWER_STEP_MS, () => {
      this.#read();
      line.listening = line.heardMs <= line.saidMs && this.clock.wall() - line.saidMs < ANSWER_PATIENCE_MS;
      if (line.listening) this.#listen(line);
    });
  }

  #trafficOf(id: string): Traffic {
    const known = this.#traffic.get(id);
    if (known !== undefined) return known;
    const traffic = { sentBytes: 0, sentChunks: 0, lostBytes: 0, toldBytes: 0, toldFrames: 0 };
    this.#traffic.set(id, traffic);
    return traffic;
  }
}

/**
 * A simulated sensor as the settings would have it: a sniffer in the zone `shop`, a door of its own name, each at a port of
 * its own. Sensors with a unit and the same port share a bus.
 */
export function sensorSettings(sensor: SimulatedSensor, changes: Partial<SensorSettings> = {}): SensorSettings {
  const { id, driver } = sensor;
  if (!isSensorDriver(driver)) throw new Error(`${driver} is no driver`);
  const { kind, line, baud } = DRIVER_FACTS[driver];
  const door = kind === 'door';
  return {
    id,
    driver,
    line,
    port: `simulated/${id}`,
    baud,
    role: door ? 'door' : 'zone',
    place: door ? id : 'shop',
    gateDbm: -70,
    swap: false,
    silentMinutes: 15,
    options: optionsOf(sensor),
    ...changes,
  };
}

/** Profiles of the settings for the Modbus modules of the simulator, where they are not called the same. */
const PROFILES: Readonly<Record<string, string>> = { moxa: 'moxa-r1212' };

/** What an installer would set for such a module. */
function optionsOf({ driver, unit, variant, channel }: SimulatedSensor): SensorOptions {
  const options: SensorOptions = unit === undefined ? {} : { unit };
  if (driver === 'door-modbus' && variant !== undefined) {
    options.modbus = countersOf(loadModbusProfile(PROFILES[variant] ?? variant), { in: 1, out: 2 });
  }
  if (driver === 'door-contact' && variant === 'both') options.counts = 'both';
  if (driver === 'ble-sniffle' && (channel === 38 || channel === 39)) options.advertisingChannel = channel;
  return options;
}

/** Settings of a store that is always open, in UTC, with its data in a directory. */
export function gatewaySettings(
  directory: string,
  sensors: readonly SensorSettings[],
  changes: Partial<Settings> = {},
): Settings {
  const always = Array.from({ length: 7 }, (): [number, number][] => [[0, 1_440]]);
  return {
    tenant: 'lab',
    gateway: 'simulated',
    store: { id: 'shop', timeZone: 'UTC', hours: { week: always, exceptions: {} } },
    sensors: [...sensors],
    counting: { windowMinutes: 15, graceSeconds: 10, visitGapSeconds: 300, passingSeconds: 20 },
    storage: {
      directory: join(directory, 'data'),
      commitSeconds: 5,
      doorCommitSeconds: 1,
      bufferBytes: 256 * 1024 * 1024,
      bufferHours: 2_160,
    },
    runtimeDirectory: join(directory, 'run'),
    log: { level: 'silent', modules: {} },
    clock: { source: 'auto' },
    locked: [],
    ...changes,
  };
}
