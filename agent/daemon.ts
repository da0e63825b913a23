/**
 * The composition root of `footfall run`: the only place that knows every part, and the order in which they start and
 * stop. Start: database, state, local socket, sensors, uplink. Stop: sensors, a last commit, uplink, database.
 */
import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Driver, Transport } from '../drivers/driver.ts';
import { driverNamed } from '../drivers/registry.ts';
import type { Parameters } from './analytics/parameters.ts';
import type { SealedWindow } from './analytics/records.ts';
import type { Clock, Timer } from './clock.ts';
import { encodeWindow } from './contract/batch.ts';
import type { StatusDocument } from './local/document.ts';
import { type LocalServer, startLocalServer } from './local/server.ts';
import { lockStep, readStep } from './lock-step.ts';
import { Pipeline } from './pipeline.ts';
import { readClockTrust } from './platform/clock-trust.ts';
import { LoopWatch } from './platform/loop.ts';
import { Timeline } from './platform/timeline.ts';
import { Boundary } from './privacy/boundary.ts';
import { loadKey, replaceKey } from './privacy/keys.ts';
import { Sensor } from './sensors.ts';
import { toParameters } from './settings/parameters.ts';
import type { SensorSettings, Settings } from './settings/settings.ts';
import { Station, TICK_MS } from './station.ts';
import { statusOf } from './status.ts';
import type { Batch, Opened, Storage, StorageState } from './storage/storage.ts';
import type { StateFacts } from './uplink/port.ts';
import { createUplink, type Uplink } from './uplink/uplink.ts';
import { VERSION } from './version.ts';

/** A status is answered within this and the time to make it. */
const STORAGE_PATIENCE_MS = 100;

export type Log = (
  level: 'debug' | 'info' | 'warn' | 'error',
  fields: Record<string, unknown>,
  message: string,
) => void;

export interface DaemonParts {
  settings: Settings;
  /** The broker's password, if any; never part of the settings. */
  password: string | undefined;
  /** Runs everything that counts. */
  clock: Clock;
  /** Runs the uplink: a network has its own time, whatever clock the store is simulated on. */
  networkClock: Clock;
  storage: Storage;
  /** The line of a sensor: a serial port, or a simulated one. */
  transport(sensor: SensorSettings, driver: Driver): Transport;
  random: () => number;
  log: Log;
  /** Present when the clock is virtual: moves it to a time. */
  advanceTo?: (ms: number) => Promise<void>;
}

export class Daemon {
  readonly #parts: DaemonParts;
  readonly #timeline: Timeline;
  readonly #opened: Opened;
  readonly #pipeline: Pipeline;
  readonly #station: Station;
  readonly #uplink: Uplink | null;
  readonly #loop = new LoopWatch();
  readonly #startedMs: number;
  #keyOrigin: 'kept' | 'made';
  readonly #keyOnTmpfs: boolean;
  #storageState: StorageState;
  #storageErrorSince = 0;
  #ticker: Timer | null = null;
  #server: LocalServer | null = null;
  #stopping: Promise<void> | null = null;

  /** Opens the database, rebuilds the state and starts every part. Throws AgentErrors; nothing is left running then. */
  static async start(parts: DaemonParts): Promise<Daemon> {
    let daemon: Daemon | null = null;
    try {
      const opened = await parts.storage.open();
      daemon = new Daemon(parts, opened, await parts.storage.state());
      await daemon.#begin();
      return daemon;
    } catch (error) {
      if (daemon !== null) await daemon.#release();
      else await parts.storage.stop();
      throw error;
    }
  }

  private constructor(parts: DaemonParts, opened: Opened, storageState: StorageState) {
    const { settings, storage, log } = parts;
    this.#parts = parts;
    this.#opened = opened;
    this.#storageState = storageState;
    const key = loadKey(settings.runtimeDirectory);
    this.#keyOrigin = key.origin;
    this.#keyOnTmpfs = key.tmpfs;
    const boundary = new Boundary({ key: key.key });
    this.#timeline = new Timeline(parts.clock);
    const now = (): number => this.#timeline.now();
    this.#pipeline = Pipeline.restore(
      {
        storage,
        now,
        encode: (window, firstSequence) => this.#encode(window, firstSequence),
        commitMs: settings.storage.commitSeconds * 1_000,
        doorCommitMs: settings.storage.doorCommitSeconds * 1_000,
        sealed: (sequence) => this.#uplink?.notify(sequence),
        log,
      },
      opened,
      boundary,
      (previous) => toParameters(settings, previous),
    );
    const { intake } = this.#pipeline;
    this.#timeline.goOnFrom(intake.fold.at);
    this.#startedMs = now();
    const { fold } = intake;
    if (fold.key !== key.id) {
      const lost = fold.key !== 0;
      intake.arriveAt(now());
      intake.keyChanged(key.id, lost);
      if (lost) log('warn', {}, "the day's key is another one, as after a power-off; open visits end as censored");
    }
    const sensors = settings.sensors.map((sensor) => this.#sensor(sensor, intake.fold.parameters));
    this.#station = new Station(intake, sensors, () => this.#makeKey(), this.#startedMs);
    const { uplink } = settings;
    this.#uplink =
      uplink === undefined
        ? null
        : createUplink(
            {
              ...uplink,
              tenant: settings.tenant,
              gateway: settings.gateway,
              epoch: opened.epoch,
              ...(parts.password === undefined ? {} : { password: parts.password }),
            },
            { outbox: storage, facts: () => this.#stateFacts(), clock: parts.networkClock, random: parts.random, log },
          );
  }

  /** Where the local socket is. */
  get socketPath(): string {
    return join(this.#parts.settings.runtimeDirectory, 'footfall.sock');
  }

  async #begin(): Promise<void> {
    const { clock, advanceTo, log } = this.#parts;
    this.#server = await startLocalServer({
      path: this.socketPath,
      routes: {
        status: () => this.freshStatus(),
        ...(advanceTo === undefined ? {} : { advance: (body: unknown) => this.#advance(body, advanceTo) }),
      },
    });
    await this.#tick();
    this.#station.start();
    this.#ticker = clock.every(TICK_MS, () => this.#tick());
    this.#uplink?.start();
    log(
      'info',
      { epoch: this.#opened.epoch, ordinal: this.#pipeline.intake.lastOrdinal, sealed: this.#pipeline.sealedThrough },
      'counting',
    );
  }

  async #advance(body: unknown, advanceTo: (ms: number) => Promise<void>): Promise<unknown> {
    await lockStep(readStep(body), this.#station.sensors, this.#parts.networkClock, advanceTo);
    return { at_ms: this.#timeline.now(), ordinal: this.#pipeline.intake.lastOrdinal };
  }

  async #tick(): Promise<void> {
    this.#timeline.follow();
    const now = this.#timeline.now();
    this.#station.tick(now);
    await this.#pipeline.tick();
    if (this.#pipeline.storageError === null) this.#storageErrorSince = 0;
    else if (this.#storageErrorSince === 0) this.#storageErrorSince = now;
  }

  #makeKey(): { key: KeyObject; id: number } {
    this.#keyOrigin = 'made';
    this.#parts.log('info', {}, "the day's key was replaced");
    return replaceKey(this.#parts.settings.runtimeDirectory);
  }

  #sensor(sensor: SensorSettings, { sensors }: Parameters): Sensor {
    const driver = driverNamed(sensor.driver);
    const parameters = sensors.find(({ id }) => id === sensor.id);
    if (parameters === undefined) throw new Error(`no parameters for sensor ${sensor.id}`);
    return new Sensor({
      parameters,
      driver,
      ...(sensor.linkType === undefined ? {} : { linkType: sensor.linkType }),
      transport: this.#parts.transport(sensor, driver),
      port: sensor.port,
      now: () => this.#timeline.now(),
      intake: this.#pipeline.intake,
      log: this.#parts.log,
    });
  }

  #encode(window: SealedWindow, firstSequence: number): Batch[] {
    const { settings, clock } = this.#parts;
    const origin = {
      tenant: settings.tenant,
      gateway: settings.gateway,
      epoch: this.#opened.epoch,
      store: settings.store.id,
      timeZone: settings.store.timeZone,
      version: VERSION,
      clock: readClockTrust(),
      sealedAtMs: Math.floor(clock.wall()),
    };
    return encodeWindow(window, origin, firstSequence);
  }

  async #stateFacts(): Promise<StateFacts> {
    this.#storageState = await this.#parts.storage.state();
    return {
      sealedThrough: this.#pipeline.sealedThrough,
      oldestHeld: this.#storageState.oldestSequence,
      previous: this.#opened.previous,
      parameters: this.#pipeline.intake.fold.parameters.id,
      version: VERSION,
      sensors: this.#station.sensors.map((sensor) => {
        const { id, driver, state } = sensor.status();
        return { id, driver, state };
      }),
    };
  }

  /** The status with what storage holds now; a stalled disk does not stall the answer for longer than a moment. */
  async freshStatus(): Promise<StatusDocument> {
    const { networkClock, storage } = this.#parts;
    await new Promise<void>((resolve) => {
      const patience = networkClock.after(STORAGE_PATIENCE_MS, resolve);
      storage
        .state()
        .then((state) => {
          this.#storageState = state;
        })
        .catch(() => undefined)
        .finally(() => {
          patience.cancel();
          resolve();
        });
    });
    return this.status();
  }

  /** The status with what storage held when it was last asked. */
  status(): StatusDocument {
    const { settings, networkClock } = this.#parts;
    return statusOf({
      settings,
      atMs: this.#timeline.now(),
      startedMs: this.#startedMs,
      pipeline: this.#pipeline,
      sensors: this.#station.sensors,
      storage: this.#storageState,
      storageErrorSinceMs: this.#storageErrorSince,
      epoch: this.#opened.epoch,
      uplink: this.#uplink?.state() ?? null,
      networkNowMs: networkClock.wall(),
      virtual: this.#parts.advanceTo !== undefined,
      key: this.#keyOnTmpfs ? this.#keyOrigin : 'not_tmpfs',
      longestStallMs: this.#loop.longestMs,
    });
  }

  /** Stops in order and loses nothing that was read. Safe to call again. */
  stop(): Promise<void> {
    this.#stopping ??= this.#end();
    return this.#stopping;
  }

  async #end(): Promise<void> {
    this.#ticker?.cancel();
    await this.#station.stop();
    await this.#pipeline.tick();
    await this.#pipeline.flush();
    await this.#uplink?.stop();
    await this.#release();
  }

  async #release(): Promise<void> {
    await this.#server?.stop();
    await this.#parts.storage.stop();
    this.#loop.stop();
  }
}

/** This machine's identity, so that a cloned card or a copied database begins an epoch of its own (machine-id(5)). */
export function readMachineId(): string {
  try {
    return readFileSync('/etc/machine-id', 'utf8').trim();
  } catch {
    return '';
  }
}
