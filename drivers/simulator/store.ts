import { AgentError } from '../../agent/errors.ts';
import { Agenda } from './agenda.ts';
import { Calendar } from './calendar.ts';
import { Door } from './door.ts';
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
  readonly #sensors = new Map<string, Receiver | Door>();
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
    const receivers = this.#createReceivers(
      sensors.filter((sensor) => sensor.driver !== 'door-lines'),
      parameters,
      random,
    );
    const doors = this.#createDoors(
      sensors.filter((sensor) => sensor.driver === 'door-lines'),
      parameters,
      random,
    );
    const scene = {
      startMs,
      agenda,
      calendar: new Calendar(days, parameters, random.fork('calendar')),
      parameters,
      ledger,
      secrets: this.#secrets,
      receivers,
      doors,
      people: random.fork('people'),
      phones: random.fork('phones'),
      probing: random.fork('probing'),
      doorways: random.fork('doorways'),
    };
    agenda.at(startMs, () => {
      for (const receiver of receivers) receiver.boot(startMs);
      for (const door of doors) door.boot();
      new Residents(scene, random.fork('residents')).start();
      new People(scene).start();
    });
  }

  /** Simulated UTC milliseconds up to which everything was emitted. */
  get now(): number {
    return this.#agenda.now;
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
   * What an installer's phone has at a sniffer in the mean, dBm, held on the street in front of the door: a walk test.
   * @throws AgentError('simulator_sensor') for an id that is no sniffer's.
   */
  streetDbm(sensorId: string): number {
    const sensor = this.#sensor(sensorId);
    if (sensor instanceof Receiver) return sensor.meanDbm({ x: 0, y: -this.truth.parameters.streetMetres });
    throw new AgentError('simulator_sensor', `${sensorId} is a door`, 'Name a sniffer.');
  }

  /** Fault: the sensor restarts at `atMs`, a sniffer in the middle of a frame; a door's totals begin again at zero. */
  reboot(sensorId: string, atMs: number): void {
    const sensor = this.#sensor(sensorId);
    this.#requireFuture('reboot at', atMs);
    this.#agenda.at(atMs, () => (sensor instanceof Door ? sensor.boot() : sensor.reboot(this.#agenda.now)));
  }

  /** Fault: what the sensor sends in [fromMs, toMs) is lost, as with its line unplugged; a door goes on counting. */
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

  /** Sniffers without a place stand evenly along the store's depth. */
  #createReceivers(sensors: SimulatedSensor[], parameters: StoreParameters, random: Random): Receiver[] {
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
      const receiver = new Receiver(sensor, at, world);
      this.#sensors.set(sensor.id, receiver);
      return receiver;
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
      const now = this.#agenda.now;
      const silences = this.#silences.get(sensorId);
      if (silences?.some(({ fromMs, toMs }) => now >= fromMs && now < toMs)) return false;
      this.#emit?.(sensorId, now, bytes);
      return true;
    };
  }

  #countsOf(sensorId: string) {
    const counts = this.#ledger.sensors.get(sensorId);
    if (counts === undefined) throw new Error(`sensor ${sensorId} has no ledger`);
    return counts;
  }

  #sensor(sensorId: string): Receiver | Door {
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
