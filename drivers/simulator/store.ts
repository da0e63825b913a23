import type { Clock } from '../../agent/clock.ts';
import { AgentError } from '../../agent/errors.ts';
import { Agenda } from './agenda.ts';
import { AgendaClock } from './agenda-clock.ts';
import { BleReceiver } from './ble-receiver.ts';
import { Bluetooth } from './bluetooth.ts';
import { Calendar } from './calendar.ts';
import { Door } from './door.ts';
import { ADVERTISING_FORMATS, AIR_FORMATS, DOOR_FORMATS } from './formats.ts';
import { checkOptions, type SimulatedSensor, type StoreOptions } from './options.ts';
import { drawParameters, type StoreParameters } from './parameters.ts';
import { People } from './people.ts';
import { Random } from './random.ts';
import { Receiver } from './receiver.ts';
import { Residents } from './residents.ts';
import type { Wire } from './scene.ts';
import { SecretStore } from './secrets.ts';
import { Ledger, type Truth } from './truth.ts';

export type { OpenDay } from './calendar.ts';
export type { SimulatedSensor, StoreOptions } from './options.ts';
export type { StoreParameters } from './parameters.ts';
export type { Truth, TruthHour, TruthSensor } from './truth.ts';

type SensorHere = Receiver | BleReceiver | Door;

/** Takes the bytes of a sensor's line; `bytes` is the taker's to keep. */
export type Emit = (sensorId: string, timeMs: number, bytes: Uint8Array) => void;

/**
 * One store's life and the bytes its sensors would send, by seed: the same options give the same bytes, however
 * `advance` is cut into steps. Memory holds who is there now, never what was sent.
 */
export class SimulatedStore {
  readonly truth: Truth;
  readonly #ledger: Ledger;
  readonly #agenda: Agenda;
  readonly #secrets: SecretStore;
  readonly #sensors = new Map<string, SensorHere>();
  readonly #silences = new Map<string, { fromMs: number; toMs: number }[]>();
  #emit: Emit | null = null;

  /** @throws AgentError('simulator_options') for an option that makes no sense. */
  constructor(options: StoreOptions) {
    checkOptions(options);
    const { seed, startMs, days, sensors, keepSecrets, ...fixed } = options;
    const random = new Random(seed);
    const parameters = drawParameters(random.fork('parameters'), fixed);
    const agenda = new Agenda(startMs);
    const ledger = new Ledger(
      parameters,
      sensors.map((sensor) => sensor.id),
      startMs,
    );
    this.truth = ledger;
    this.#ledger = ledger;
    this.#agenda = agenda;
    this.#secrets = new SecretStore(keepSecrets === true);
    const make = { parameters, random };
    const receivers = this.#createSniffers(
      sensors.filter(({ driver }) => driver in AIR_FORMATS),
      Receiver,
      make,
    );
    const bleReceivers = this.#createSniffers(
      sensors.filter(({ driver }) => driver in ADVERTISING_FORMATS),
      BleReceiver,
      make,
    );
    const doors = this.#createDoors(
      sensors.filter(({ driver }) => driver in DOOR_FORMATS),
      parameters,
      random,
    );
    const shared = {
      agenda,
      calendar: new Calendar(days, parameters, random.fork('calendar')),
      parameters,
      ledger,
      secrets: this.#secrets,
    };
    const bluetooth =
      bleReceivers.length === 0
        ? null
        : new Bluetooth({ ...shared, receivers: bleReceivers, random: random.fork('bluetooth') });
    const scene = {
      ...shared,
      startMs,
      receivers,
      bluetooth,
      doors,
      people: random.fork('people'),
      phones: random.fork('phones'),
      probing: random.fork('probing'),
      doorways: random.fork('doorways'),
    };
    agenda.at(startMs, () => {
      for (const receiver of [...receivers, ...bleReceivers]) receiver.boot(startMs);
      for (const door of doors) door.boot();
      bluetooth?.start();
      new Residents(scene, random.fork('residents')).start();
      new People(scene).start();
    });
  }

  /** Simulated UTC milliseconds up to which everything was emitted. */
  get now(): number {
    return this.#agenda.now;
  }

  /** The simulated time as a clock, for a gateway that is simulated beside the store: its timers run within `advance`. */
  get clock(): Clock {
    return new AgendaClock(this.#agenda);
  }

  /** Pending events: a measure of the memory in use. */
  get pending(): number {
    return this.#agenda.pending;
  }

  /**
   * Emits all bytes up to and including `untilMs`, in time order.
   * @throws AgentError('simulator_time') when `untilMs` is before what was emitted already.
   */
  advance(untilMs: number, emit: Emit): void {
    this.#requireFuture('advance to', untilMs);
    this.#emit = emit;
    try {
      this.#agenda.run(untilMs);
    } finally {
      this.#emit = null;
    }
    this.#ledger.settle(this.#agenda.now);
  }

  /**
   * Bytes that the gateway sends to a sensor, at the simulated time; lost while its line is silent. They reach it, and
   * what it answers is emitted, within `advance`: in the one under way, else in the next.
   * @throws AgentError('simulator_sensor') for an id that no sensor has.
   */
  receive(sensorId: string, bytes: Uint8Array): void {
    const sensor = this.#sensor(sensorId);
    if (sensor instanceof Receiver || this.#silent(sensorId)) return;
    // The caller may use its buffer again; slice() of a Buffer would be a view of it.
    const frame = Uint8Array.from(bytes);
    this.#agenda.at(this.#agenda.now, () => {
      if (sensor instanceof Door) sensor.receive(frame);
      else sensor.tell(this.#agenda.now, frame);
    });
  }

  /**
   * What an installer's phone has at a sniffer in the mean, dBm, held on the street in front of the door: a walk test.
   * @throws AgentError('simulator_sensor') for an id that is no sniffer's.
   */
  streetDbm(sensorId: string): number {
    const sensor = this.#sensor(sensorId);
    if (sensor instanceof Door) throw new AgentError('simulator_sensor', `${sensorId} is a door`, 'Name a sniffer.');
    return sensor.meanDbm({ x: 0, y: -this.truth.parameters.streetMetres });
  }

  /** Fault: the sensor restarts at `atMs`, a sniffer in the middle of a frame; a door's totals begin again at zero. */
  reboot(sensorId: string, atMs: number): void {
    const sensor = this.#sensor(sensorId);
    this.#requireFuture('reboot at', atMs);
    this.#agenda.at(atMs, () => (sensor instanceof Door ? sensor.boot() : sensor.reboot(this.#agenda.now)));
  }

  /** Fault: what goes over the sensor's line in [fromMs, toMs) is lost, as if it were unplugged; a door goes on counting. */
  silence(sensorId: string, fromMs: number, toMs: number): void {
    this.#sensor(sensorId);
    this.#requireFuture('silence from', fromMs);
    this.#silences.set(sensorId, [...(this.#silences.get(sensorId) ?? []), { fromMs, toMs }]);
  }

  /**
   * Every address and SSID that any device has used so far, for tests that look for leaks. The arrays are snapshots.
   * @throws AgentError('simulator_secrets') without the option `keepSecrets`.
   */
  secrets(): { addresses: Uint8Array[]; ssids: string[] } {
    return this.#secrets.all();
  }

  /** Sniffers of a kind without a place stand evenly along the store's depth. */
  #createSniffers<S extends Receiver | BleReceiver>(
    sensors: SimulatedSensor[],
    Sniffer: new (...parameters: ConstructorParameters<typeof Receiver>) => S,
    { parameters, random }: { parameters: StoreParameters; random: Random },
  ): S[] {
    return sensors.map((sensor, index) => {
      const world = {
        parameters,
        counts: this.#countsOf(sensor.id),
        secrets: this.#secrets,
        random: random.fork(`radio:${sensor.id}`),
        wire: this.#wireOf(sensor.id),
      };
      const side = world.random.uniform(-0.3, 0.3);
      const at = sensor.at ?? {
        x: side * parameters.size.width,
        y: (parameters.size.depth * (index + 0.5)) / sensors.length,
      };
      const sniffer = new Sniffer(sensor, at, world);
      this.#sensors.set(sensor.id, sniffer);
      return sniffer;
    });
  }

  #createDoors(sensors: SimulatedSensor[], parameters: StoreParameters, random: Random): Door[] {
    return sensors.map((sensor) => {
      const door = new Door(sensor, {
        agenda: this.#agenda,
        parameters,
        counts: this.#countsOf(sensor.id),
        random: random.fork(`door:${sensor.id}`),
        wire: this.#wireOf(sensor.id),
      });
      this.#sensors.set(sensor.id, door);
      return door;
    });
  }

  #wireOf(sensorId: string): Wire {
    return (bytes) => {
      if (this.#silent(sensorId)) return false;
      this.#emit?.(sensorId, this.#agenda.now, bytes);
      return true;
    };
  }

  #silent(sensorId: string): boolean {
    const now = this.#agenda.now;
    return this.#silences.get(sensorId)?.some(({ fromMs, toMs }) => now >= fromMs && now < toMs) === true;
  }

  #countsOf(sensorId: string) {
    const counts = this.#ledger.sensors.get(sensorId);
    if (counts === undefined) throw new Error(`sensor ${sensorId} has no ledger`);
    return counts;
  }

  #sensor(sensorId: string): SensorHere {
    const sensor = this.#sensors.get(sensorId);
    if (sensor !== undefined) return sensor;
    const known = [...this.#sensors.keys()].join(', ');
    throw new AgentError('simulator_sensor', `No simulated sensor is called ${sensorId}`, `Use one of: ${known}.`);
  }

  #requireFuture(what: string, ms: number): void {
    if (ms >= this.#agenda.now) return;
    const found = `cannot ${what} ${ms}, the simulation is at ${this.#agenda.now}`;
    throw new AgentError('simulator_time', `Simulated time never goes back: ${found}`, 'Give a later time.');
  }
}
