/**
 * The composition root of `footfall run`: the only place that knows every part, and the order in which they start and
 * stop. Start: database, state, local socket, sensors, uplink. Stop: sensors, a last commit, uplink, database.
 */
import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import type { Driver, Transport } from '../drivers/driver.ts';
import { driverNamed } from '../drivers/registry.ts';
import type { Parameters } from './analytics/parameters.ts';
import type { SealedWindow } from './analytics/records.ts';
import type { Box } from './box.ts';
import type { Clock, Timer } from './clock.ts';
import { encodeWindow } from './contract/batch.ts';
import { DayKey } from './day-key.ts';
import { Delivery } from './delivery.ts';
import { AgentError, reasonOf } from './errors.ts';
import { HealthWatch } from './health-watch.ts';
import { LiveSettings, type SettingsSource } from './live-settings.ts';
import type { ReloadOutcome, RunEnd, StatusDocument } from './local/document.ts';
import { metricsOf } from './local/metrics.ts';
import { type LocalServer, startLocalServer } from './local/server.ts';
import { lockStep, readStep } from './lock-step.ts';
import type { Logging } from './logging.ts';
import { MetricsPort } from './metrics-port.ts';
import { within } from './patience.ts';
import { Pipeline } from './pipeline.ts';
import { LoopWatch } from './platform/loop.ts';
import { Timeline } from './platform/timeline.ts';
import { Boundary } from './privacy/boundary.ts';
import { recordSensor } from './recording.ts';
import { parametersOf, reload } from './reload.ts';
import { Sensor } from './sensors.ts';
import { toParameters } from './settings/parameters.ts';
import type { EffectiveSettings, SensorSettings, Settings } from './settings/settings.ts';
import { Station, TICK_MS } from './station.ts';
import { factsOf, type StatusParts, stateFactsOf, statusOf } from './status.ts';
import type { Batch, Opened, Storage, StorageState } from './storage/storage.ts';
import { StorageWatch } from './storage-watch.ts';
import { Tap } from './tap.ts';
import type { StateFacts } from './uplink/port.ts';
import { VERSION } from './version.ts';

/** A status is answered within this and the time to make it. */
const STORAGE_PATIENCE_MS = 100;
/** How long a tick waits for storage; shorter than what a sensor takes for a loop that stalled. */
const TICK_PATIENCE_MS = 2_000;
/** How old what storage holds may be for the verdict that is taken at each tick. */
const STORAGE_AGE_TICKS = 10;

export interface DaemonParts {
  settings: Settings;
  /** How the settings came to be, and where they are read again; absent where there is no file. */
  source?: { effective: EffectiveSettings; from: SettingsSource };
  /** The broker's password, if any; never part of the settings. */
  password: string | undefined;
  /** Runs everything that counts. */
  clock: Clock;
  /** Runs the uplink: a network has its own time, whatever clock the store is simulated on. */
  networkClock: Clock;
  storage: Storage;
  box: Box;
  /** The line of a sensor: a serial port, or a simulated one. */
  transport(sensor: SensorSettings, driver: Driver): Transport;
  random: () => number;
  logging: Logging;
  /** Called once the database is this daemon's: notes the run, and gives how the one before it ended. */
  begin?: () => RunEnd | null;
  /** Present when the clock is virtual: moves it to a time. */
  advanceTo?: (ms: number) => Promise<void>;
}

export class Daemon {
  readonly #parts: DaemonParts;
  readonly #live: LiveSettings;
  readonly #timeline: Timeline;
  readonly #opened: Opened;
  readonly #lastEnd: RunEnd | null;
  readonly #pipeline: Pipeline;
  readonly #station: Station;
  readonly #delivery: Delivery;
  readonly #health: HealthWatch;
  readonly #tap: Tap;
  readonly #loop = new LoopWatch();
  readonly #startedMs: number;
  readonly #key: DayKey;
  readonly #stored: StorageWatch;
  #storageErrorSince = 0;
  /** Every part is made. */
  #whole = false;
  #ticks = 0;
  /** Monotonic milliseconds of the network's clock. */
  #lastTick: number;
  #ticker: Timer | null = null;
  #server: LocalServer | null = null;
  readonly #metricsPort: MetricsPort;
  #reloading: Promise<unknown> = Promise.resolve();
  #stopping: Promise<void> | null = null;

  /** Opens the database, rebuilds the state and starts every part. Throws AgentErrors; nothing is left running then. */
  static async start(parts: DaemonParts): Promise<Daemon> {
    let daemon: Daemon | null = null;
    try {
      const opened = await parts.storage.open();
      const lastEnd = parts.begin?.() ?? null;
      daemon = new Daemon(parts, opened, await parts.storage.state(), lastEnd);
      await daemon.#begin();
      return daemon;
    } catch (error) {
      if (daemon !== null) await daemon.#release();
      else await parts.storage.stop();
      throw error;
    }
  }

  private constructor(parts: DaemonParts, opened: Opened, storageState: StorageState, lastEnd: RunEnd | null) {
    const { settings, storage, logging, networkClock } = parts;
    this.#parts = parts;
    this.#opened = opened;
    this.#lastEnd = lastEnd;
    this.#stored = new StorageWatch(storage, networkClock, storageState);
    this.#lastTick = networkClock.monotonic();
    this.#timeline = new Timeline(parts.clock);
    const now = (): number => this.#timeline.now();
    this.#tap = new Tap(now);
    this.#live = new LiveSettings(settings, parts.source?.effective ?? null, now());
    this.#key = new DayKey(settings.runtimeDirectory);
    const { key, id } = this.#key.first;
    this.#pipeline = Pipeline.restore(
      {
        storage,
        now,
        encode: (window, firstSequence) => this.#encode(window, firstSequence),
        commitMs: settings.storage.commitSeconds * 1_000,
        doorCommitMs: settings.storage.doorCommitSeconds * 1_000,
        // A state that is made good at the start is closed before there is a status to keep.
        status: () => (this.#whole ? JSON.stringify(this.status()) : null),
        closing: (windows, batches) => {
          for (const window of windows) this.#tap.window(window, batches);
        },
        sealed: (sequence) => {
          if (this.#whole) this.#delivery.notify(sequence);
        },
        log: logging.logger('counting'),
      },
      opened,
      new Boundary({ key }),
      (previous) => toParameters(settings, previous),
    );
    const { intake } = this.#pipeline;
    this.#timeline.goOnFrom(intake.fold.at);
    this.#startedMs = now();
    const { fold } = intake;
    if (fold.key !== id) {
      const lost = fold.key !== 0;
      intake.arriveAt(now());
      intake.keyChanged(id, lost);
      if (lost) {
        const message = "the day's key is another one, as after a power-off; open visits end as censored";
        logging.logger('daemon')('warn', {}, message);
      }
    }
    intake.tap = this.#tap;
    const sensors = settings.sensors.map((sensor) => this.#sensor(sensor, fold.parameters));
    this.#station = new Station(intake, sensors, () => this.#makeKey(), this.#startedMs);
    this.#health = new HealthWatch({
      open: opened.openHealth,
      nowMs: this.#startedMs,
      storage,
      changed: (change) => this.#tap.health(change),
    });
    this.#health.event('daemon_started', `version ${VERSION}`, this.#startedMs);
    this.#metricsPort = new MetricsPort(() => this.#metrics(), logging.logger('daemon'));
    this.#delivery = new Delivery({
      outbox: storage,
      epoch: opened.epoch,
      facts: () => this.#stateFacts(),
      clock: networkClock,
      random: parts.random,
      log: logging.logger('uplink'),
      observe: (message) => this.#tap.message(message),
    });
    this.#whole = true;
  }

  /** Where the local socket is. */
  get socketPath(): string {
    return join(this.#parts.settings.runtimeDirectory, 'footfall.sock');
  }

  /** How long ago the last whole tick, fold and storage, was completed: what a watchdog needs to know. Milliseconds. */
  get sinceTickMs(): number {
    return this.#parts.networkClock.monotonic() - this.#lastTick;
  }

  async #begin(): Promise<void> {
    const { advanceTo, box, clock, password, source } = this.#parts;
    const now = (): number => this.#timeline.now();
    const event = (code: string, message: string): void => this.#health.event(code, message, now());
    await box.start();
    this.#server = await startLocalServer({
      path: this.socketPath,
      routes: {
        status: () => this.freshStatus(),
        health: (limit) => this.#health.history(limit),
        log: () => this.#parts.logging.recent(),
        metrics: () => this.#metrics(),
        tail: (filter, sink) => this.#tap.listen(filter, sink),
        record: (sensor, sink) => recordSensor({ station: this.#station, now, event }, sensor, sink),
        ...(source === undefined ? {} : { reload: () => this.reload() }),
        ...(advanceTo === undefined ? {} : { advance: (body: unknown) => this.#advance(body, advanceTo) }),
      },
    });
    await this.#metricsPort.use(this.#live.current.metrics?.port);
    await this.#tick();
    this.#station.start();
    this.#ticker = clock.every(TICK_MS, () => this.#tick());
    await this.#delivery.use(this.#live.current, password);
    this.#log()(
      'info',
      { epoch: this.#opened.epoch, ordinal: this.#pipeline.intake.lastOrdinal, sealed: this.#pipeline.sealedThrough },
      'counting',
    );
  }

  #log() {
    return this.#parts.logging.logger('daemon');
  }

  async #advance(body: unknown, advanceTo: (ms: number) => Promise<void>): Promise<unknown> {
    await lockStep(readStep(body), this.#station.sensors, this.#parts.networkClock, advanceTo);
    return { at_ms: this.#timeline.now(), ordinal: this.#pipeline.intake.lastOrdinal };
  }

  async #tick(): Promise<void> {
    const { clock, networkClock } = this.#parts;
    this.#timeline.follow();
    const now = this.#timeline.now();
    this.#station.tick(now);
    // Silence, the day's key and the verdict do not wait for a stalled disk; a virtual clock stands still meanwhile.
    const patience = clock === networkClock ? TICK_PATIENCE_MS : Number.POSITIVE_INFINITY;
    const done = await within(networkClock, patience, this.#pipeline.tick());
    if (this.#pipeline.storageError === null) this.#storageErrorSince = 0;
    else if (this.#storageErrorSince === 0) this.#storageErrorSince = now;
    if (this.#ticks++ % STORAGE_AGE_TICKS === 0) void this.#stored.ask();
    this.#health.judge(factsOf(this.#statusParts()));
    void this.#health.store();
    // By the wall clock, as overrides are written: the timeline may be ahead of one that was set back.
    this.#live.endOverrides(clock.wall(), () => this.reload(), this.#parts.logging.logger('settings'));
    if (done) this.#lastTick = networkClock.monotonic();
  }

  #makeKey(): { key: KeyObject; id: number } {
    this.#log()('info', {}, "the day's key was replaced");
    return this.#key.replace();
  }

  #sensor(sensor: SensorSettings, parameters: Parameters): Sensor {
    const driver = driverNamed(sensor.driver);
    return new Sensor({
      parameters: parametersOf(sensor.id, parameters),
      driver,
      decoder: sensor.options,
      transport: this.#parts.transport(sensor, driver),
      port: sensor.port,
      silentMs: sensor.silentMinutes * 60_000,
      now: () => this.#timeline.now(),
      intake: this.#pipeline.intake,
      log: this.#parts.logging.logger('sensors'),
    });
  }

  #encode(window: SealedWindow, firstSequence: number): Batch[] {
    const settings = this.#live.current;
    const { clock, box } = this.#parts;
    const origin = {
      tenant: settings.tenant,
      gateway: settings.gateway,
      epoch: this.#opened.epoch,
      store: settings.store.id,
      timeZone: settings.store.timeZone,
      version: VERSION,
      clock: box.clockTrust,
      sealedAtMs: Math.floor(clock.wall()),
    };
    return encodeWindow(window, origin, firstSequence);
  }

  async #stateFacts(): Promise<StateFacts> {
    const { oldestSequence } = await this.#parts.storage.state();
    return stateFactsOf(this.#pipeline, this.#station.sensors, this.#opened.previous, oldestSequence);
  }

  /** The status with what storage holds now; a stalled disk does not stall the answer for longer than a moment. */
  async freshStatus(): Promise<StatusDocument> {
    await this.#stored.askWithin(STORAGE_PATIENCE_MS);
    return this.status();
  }

  async #metrics(): Promise<string> {
    return metricsOf(await this.freshStatus());
  }

  /** The status with what storage held when it was last asked. */
  status(): StatusDocument {
    return statusOf({ ...this.#statusParts(), judge: (facts) => this.#health.judge(facts) });
  }

  #statusParts(): Omit<StatusParts, 'judge'> {
    const { box, clock, networkClock } = this.#parts;
    return {
      settings: this.#live.current,
      settingsState: this.#live.document(),
      atMs: this.#timeline.now(),
      startedMs: this.#startedMs,
      pipeline: this.#pipeline,
      sensors: this.#station.sensors,
      storage: this.#stored.state,
      storageErrorSinceMs: this.#storageErrorSince,
      epoch: this.#opened.epoch,
      uplink: this.#delivery.state(),
      networkNowMs: networkClock.wall(),
      virtual: clock !== networkClock,
      key: this.#key.state,
      clockTrust: box.clockTrust,
      disk: box.disk,
      temperatureC: box.temperatureC,
      lastEnd: this.#lastEnd,
      longestStallMs: this.#loop.longestMs,
    };
  }

  /**
   * Reads the settings again and applies what can be applied while counting goes on; the rest waits for a restart. A
   * broken file changes nothing. One reload at a time. Throws AgentErrors where the settings cannot be had at all.
   */
  reload(): Promise<ReloadOutcome> {
    const reloaded = this.#reloading.then(() => this.#reload());
    this.#reloading = reloaded.catch(() => undefined);
    return reloaded;
  }

  async #reload(): Promise<ReloadOutcome> {
    const { source, logging, box } = this.#parts;
    if (source === undefined) throw new AgentError('settings_absent', 'expected a settings file, found none to reload');
    const outcome = await reload(
      {
        live: this.#live,
        logging,
        box,
        pipeline: this.#pipeline,
        station: this.#station,
        delivery: this.#delivery,
        metricsPort: this.#metricsPort,
        sensor: (settings, parameters) => this.#sensor(settings, parameters),
        now: () => this.#timeline.now(),
      },
      source.from,
    );
    const what = outcome.state === 'last_good' ? 'refused' : outcome.applied.join(', ') || 'nothing changed';
    this.#health.event('settings_read', what, this.#timeline.now());
    return outcome;
  }

  /** Stops in order and loses nothing that was read. Safe to call again. */
  stop(): Promise<void> {
    this.#stopping ??= this.#end();
    return this.#stopping;
  }

  async #end(): Promise<void> {
    this.#ticker?.cancel();
    await this.#reloading;
    await this.#station.stop();
    await this.#pipeline.tick();
    await this.#pipeline.flush();
    await this.#delivery.stop();
    await this.#rememberEnd();
    await this.#release();
  }

  /** The last state, for whoever asks while no daemon runs. */
  async #rememberEnd(): Promise<void> {
    this.#health.event('daemon_stopped', 'in order', this.#timeline.now());
    await this.#health.store();
    await this.#stored.ask();
    await this.#parts.storage.keepStatus(JSON.stringify(this.status())).catch((error: unknown) => {
      this.#log()('warn', { reason: reasonOf(error) }, 'the last status could not be kept');
    });
  }

  async #release(): Promise<void> {
    await this.#server?.stop();
    await this.#metricsPort.stop();
    await this.#parts.storage.stop();
    this.#parts.box.stop();
    this.#loop.stop();
  }
}
