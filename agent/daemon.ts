/**
 * The composition root of `footfall run`: the only place that knows every part, and the order in which they start and
 * stop. Start: database, state, local socket, sensors, uplink. Stop: sensors, a last commit, uplink, database.
 */
import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { driverNamed } from '../drivers/registry.ts';
import type { Parameters } from './analytics/parameters.ts';
import type { Timer } from './clock.ts';
import type { DaemonParts } from './daemon-parts.ts';
import { DayKey } from './day-key.ts';
import { deadLetterRoutes } from './dead-letters.ts';
import { Delivery } from './delivery.ts';
import { AgentError, reasonOf } from './errors.ts';
import { HealthWatch } from './health-watch.ts';
import { Lineage } from './lineage.ts';
import { LiveSettings } from './live-settings.ts';
import type { ReloadOutcome, RunEnd, StatusDocument } from './local/document.ts';
import { metricsOf } from './local/metrics.ts';
import { type LocalServer, startLocalServer } from './local/server.ts';
import { lockStep, readStep } from './lock-step.ts';
import { MetricsPort } from './metrics-port.ts';
import { within } from './patience.ts';
import { Pipeline } from './pipeline.ts';
import { LoopWatch } from './platform/loop.ts';
import { Timeline } from './platform/timeline.ts';
import { Boundary } from './privacy/boundary.ts';
import { recordSensor } from './recording.ts';
import { parametersOf, reload } from './reload.ts';
import { RemoteSettings } from './remote-settings.ts';
import { Sensor } from './sensors.ts';
import { toParameters } from './settings/parameters.ts';
import type { SensorSettings } from './settings/settings.ts';
import { Station, TICK_MS } from './station.ts';
import { factsOf, type StatusParts, stateFactsOf, statusOf } from './status.ts';
import type { Opened, StorageState } from './storage/storage.ts';
import { StorageWatch } from './storage-watch.ts';
import { Tap } from './tap.ts';
import { Timekeeper } from './timekeeper.ts';
import type { StateFacts } from './uplink/port.ts';
import { VERSION } from './version.ts';

/** A status is answered within this and the time to make it. */
const STORAGE_PATIENCE_MS = 100;
/** How long a tick waits for storage; shorter than what a sensor takes for a loop that stalled. */
const TICK_PATIENCE_MS = 2_000;
/** How old what storage holds may be for the verdict that is taken at each tick. */
const STORAGE_AGE_TICKS = 10;

export class Daemon {
  readonly #parts: DaemonParts;
  readonly #live: LiveSettings;
  /** Null where nobody but this machine may set anything. */
  readonly #remote: RemoteSettings | null;
  readonly #timeline: Timeline;
  readonly #timekeeper: Timekeeper;
  readonly #lineage: Lineage;
  readonly #lastEnd: RunEnd | null;
  readonly #pipeline: Pipeline;
  readonly #station: Station;
  readonly #delivery: Delivery;
  readonly #health: HealthWatch;
  readonly #tap: Tap;
  readonly #loop = new LoopWatch();
  /** On the timeline. */
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
    const { settings, storage, logging, networkClock, box, clock } = parts;
    this.#parts = parts;
    this.#lastEnd = lastEnd;
    this.#stored = new StorageWatch(storage, networkClock, storageState);
    this.#lastTick = networkClock.monotonic();
    this.#timeline = new Timeline(parts.clock);
    const now = (): number => this.#timeline.now();
    const utc = (): number => this.#timeline.utc();
    this.#tap = new Tap(utc);
    this.#live = new LiveSettings(settings, parts.source?.effective ?? null, now());
    this.#key = new DayKey(settings.runtimeDirectory);
    const { key, id } = this.#key.first;
    const log = logging.logger('daemon');
    const event = (code: string, message: string): void => this.#health.event(code, message, utc());
    let behindMs = 0;
    this.#lineage = new Lineage(opened, { settings: () => this.#live.current, clock, log, event });
    this.#pipeline = Pipeline.restore(
      {
        storage,
        now,
        resume: (atMs) => {
          behindMs = this.#timeline.goOnFrom(atMs);
        },
        ...this.#lineage.encoders,
        renewed: (renewed) => this.#renewed(renewed),
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
    this.#startedMs = now();
    const { fold } = intake;
    const lost = fold.key !== id && fold.key !== 0;
    if (fold.key !== id) {
      intake.arriveAt(now());
      intake.keyChanged(id, lost);
      if (lost) log('warn', {}, "the day's key is another one, as after a power-off; open visits end as censored");
    }
    const clockTrust = () => box.clockTrust;
    this.#timekeeper = new Timekeeper({
      timeline: this.#timeline,
      intake,
      clockTrust,
      poweredOff: lost,
      behindMs,
      log,
      event,
    });
    intake.tap = this.#tap;
    const sensors = settings.sensors.map((sensor) => this.#sensor(sensor, fold.parameters));
    this.#station = new Station(intake, sensors, () => this.#makeKey(), this.#startedMs);
    this.#health = new HealthWatch({
      open: opened.openHealth,
      nowMs: this.#startedMs,
      storage,
      changed: (change) => this.#tap.health(change),
    });
    event('daemon_started', `version ${VERSION}`);
    this.#lineage.tell();
    this.#metricsPort = new MetricsPort(() => this.#metrics(), log);
    const source = parts.source?.from.remote;
    const remote = source && {
      ...{ source, live: this.#live, clock: networkClock, log: logging.logger('settings') },
      reload: () => this.reload(),
      changed: () => this.#delivery.stateChanged(),
    };
    this.#remote = remote === undefined ? null : new RemoteSettings(remote);
    this.#delivery = new Delivery({
      outbox: storage,
      epoch: opened.epoch,
      facts: () => this.#stateFacts(),
      clock: networkClock,
      random: parts.random,
      log: logging.logger('uplink'),
      observe: (message) => this.#tap.message(message),
      conflict: () => {
        if (this.#lineage.conflicted()) this.#pipeline.beginAnew();
      },
      ...(this.#remote !== null && { configure: (payload: Uint8Array) => void this.#remote?.take(payload) }),
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
    const { advanceTo, box, clock, password, source, storage } = this.#parts;
    const now = (): number => this.#timeline.now();
    const event = (code: string, message: string): void => this.#health.event(code, message, this.#timeline.utc());
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
        deadLetters: deadLetterRoutes({ storage, event, held: (sequence) => this.#delivery.notify(sequence) }),
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
      { epoch: this.#lineage.epoch, ordinal: this.#pipeline.intake.lastOrdinal, sealed: this.#pipeline.sealedThrough },
      'counting',
    );
  }

  #log() {
    return this.#parts.logging.logger('daemon');
  }

  async #advance(body: unknown, advanceTo: (ms: number) => Promise<void>): Promise<unknown> {
    await lockStep(readStep(body), this.#station.sensors, this.#parts.networkClock, advanceTo);
    return { at_ms: this.#timeline.utc(), ordinal: this.#pipeline.intake.lastOrdinal };
  }

  async #tick(): Promise<void> {
    const { clock, networkClock } = this.#parts;
    this.#timekeeper.tick();
    const now = this.#timeline.now();
    this.#station.tick(now);
    // Silence, the day's key and the verdict do not wait for a stalled disk; a virtual clock stands still meanwhile.
    const patience = clock === networkClock ? TICK_PATIENCE_MS : Number.POSITIVE_INFINITY;
    const done = await within(networkClock, patience, this.#pipeline.tick());
    if (this.#pipeline.storageError === null) this.#storageErrorSince = 0;
    else if (this.#storageErrorSince === 0) this.#storageErrorSince = this.#timeline.utc();
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

  #renewed(opened: Opened): void {
    this.#lineage.goOnIn(opened);
    // The uplink speaks of the epoch, and the name it connects by is of the epoch too.
    void this.#delivery.renew(opened.epoch);
  }

  async #stateFacts(): Promise<StateFacts> {
    const state = await this.#parts.storage.state();
    return stateFactsOf(this.#pipeline, this.#station.sensors, this.#lineage.opened, state, this.#live.remote);
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
      atMs: this.#timeline.utc(),
      startedMs: this.#startedMs + this.#pipeline.intake.correction,
      pipeline: this.#pipeline,
      sensors: this.#station.sensors,
      storage: this.#stored.state,
      storageErrorSinceMs: this.#storageErrorSince,
      opened: this.#lineage.opened,
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
    this.#health.event('settings_read', what, this.#timeline.utc());
    this.#delivery.stateChanged();
    return outcome;
  }

  /** Stops in order and loses nothing that was read. Safe to call again. */
  stop(): Promise<void> {
    this.#stopping ??= this.#end();
    return this.#stopping;
  }

  async #end(): Promise<void> {
    this.#ticker?.cancel();
    await this.#remote?.stop();
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
    this.#health.event('daemon_stopped', 'in order', this.#timeline.utc());
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
