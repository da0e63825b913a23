/** A gateway's counting on recorded bytes, without storage or uplink, on a clock in lock-step with the bytes. */
import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import type { DecoderOptions } from '../drivers/driver.ts';
import { driverNamed } from '../drivers/registry.ts';
import { MemoryTransport } from '../drivers/transport/stream.ts';
import { Fold } from './analytics/fold.ts';
import type { Parameters, SensorParameters } from './analytics/parameters.ts';
import type { SealedWindow } from './analytics/records.ts';
import { Intake } from './intake.ts';
import { VirtualClock } from './platform/clock.ts';
import { Boundary } from './privacy/boundary.ts';
import { Sensor, SILENT_MS } from './sensors.ts';
import { Station, TICK_MS } from './station.ts';

export interface ReplayOptions {
  parameters: Parameters;
  /** UTC milliseconds at which the recording starts. */
  startMs: number;
  /** What the decoders of single sensors are told, by id. */
  decoders?: ReadonlyMap<string, DecoderOptions>;
  /** Makes a key at the start and for each day; at random unless given, so that no hash is the same in two runs. */
  newKey?: () => { key: KeyObject; id: number };
  sealed(window: SealedWindow): void;
}

export class Replay {
  readonly station: Station;
  readonly #clock: VirtualClock;
  readonly #transports = new Map<string, MemoryTransport>();
  readonly #options: ReplayOptions;

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.#clock = new VirtualClock(options.startMs);
    const { newKey = randomKey } = options;
    const fold = Fold.start(options.parameters, options.startMs);
    const intake = new Intake(fold, new Boundary({ key: newKey().key }), () => undefined);
    const sensors = options.parameters.sensors.map((parameters) => this.#sensor(parameters, intake));
    this.station = new Station(intake, sensors, newKey, options.startMs);
    this.#tick();
    this.station.start();
    this.#clock.every(TICK_MS, () => this.#tick());
  }

  /** Moves time on; what it seals goes to `sealed`. Never goes back. */
  advanceTo(ms: number): Promise<void> {
    return this.#clock.advanceTo(ms);
  }

  /** Bytes of a sensor that arrive now. */
  deliver(sensor: string, bytes: Uint8Array): void {
    this.#transports.get(sensor)?.push(bytes);
  }

  /** Moves time on until the store's day that holds the last byte is settled and its windows are sealed. */
  async finish(): Promise<void> {
    await this.#clock.advanceTo(this.#clock.wall() + 30 * 3_600_000);
  }

  #tick(): void {
    const now = this.#clock.wall();
    this.station.tick(now);
    this.station.intake.advance(now);
    for (const window of this.station.intake.fold.takeSealed()) this.#options.sealed(window);
    this.station.intake.dropPending();
  }

  #sensor(parameters: SensorParameters, intake: Intake): Sensor {
    const transport = new MemoryTransport();
    this.#transports.set(parameters.id, transport);
    return new Sensor({
      parameters,
      driver: driverNamed(parameters.driver),
      decoder: this.#options.decoders?.get(parameters.id) ?? {},
      transport,
      port: 'replay',
      silentMs: SILENT_MS,
      now: () => this.#clock.wall(),
      intake,
      log: () => undefined,
    });
  }
}

function randomKey(): { key: KeyObject; id: number } {
  return { key: createSecretKey(randomBytes(32)), id: 0 };
}
