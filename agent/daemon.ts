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
import type { Batch, Opened, Storage, StorageState } from './storage/storage.ts';
import type { StateFacts, UplinkState } from './uplink/port.ts';
import { createUplink, type Uplink } from './uplink/uplink.ts';
import { verdictOf } from './verdict.ts';
import { VERSION } from './version.ts';

/** How long bytes that were sent may take to arrive at a port. */
const LOCK_STEP_PATIENCE_MS = 20_000;

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
    const opened = await parts.storage.open();
    try {
      const daemon = new Daemon(parts, opened, await parts.storage.state());
      await daemon.#begin();
      return daemon;
    } catch (error) {
      await parts.storage.stop();
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
    // Until the state is rebuilt the timeline has no floor but the wall clock; Timeline is made right after.
    let now = (): number => Math.floor(parts.clock.wall());
    this.#pipeline = Pipeline.restore(
      {
        storage,
        now: () => now(),
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
    this.#timeline = new Timeline(parts.clock, intake.fold.at);
    now = () => this.#timeline.now();
    this.#startedMs = now();
    if (key.origin === 'made' && opened.snapshot !== null) {
      intake.arriveAt(now());
      intake.keyChanged(true);
      log(
        'warn',
        {},
        "the day's key is gone, as after a power-off; a new one is in use and open visits end as censored",
      );
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
        status: () => this.status(),
        ...(advanceTo === undefined ? {} : { advance: (body: unknown) => this.#lockStep(body, advanceTo) }),
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

  async #tick(): Promise<void> {
    this.#timeline.follow();
    const now = this.#timeline.now();
    this.#station.tick(now);
    await this.#pipeline.tick();
    if (this.#pipeline.storageError === null) this.#storageErrorSince = 0;
    else if (this.#storageErrorSince === 0) this.#storageErrorSince = now;
  }

  #makeKey(): KeyObject {
    this.#keyOrigin = 'made';
    this.#parts.log('info', {}, "the day's key was replaced");
    return replaceKey(this.#parts.settings.runtimeDirectory).key;
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

  /** Moves the virtual clock, then takes in exactly the bytes that were sent up to then: nothing is left in a port. */
  async #lockStep(body: unknown, advanceTo: (ms: number) => Promise<void>): Promise<unknown> {
    const { to_ms: toMs, delivered = {} } = body as { to_ms: number; delivered?: Record<string, number> };
    await advanceTo(toMs);
    const { networkClock } = this.#parts;
    const deadline = networkClock.monotonic() + LOCK_STEP_PATIENCE_MS;
    for (const sensor of this.#station.sensors) {
      const expected = delivered[sensor.id] ?? 0;
      const { transport } = sensor.options;
      while (transport.delivered < expected) {
        transport.poll();
        if (transport.delivered >= expected) break;
        if (networkClock.monotonic() > deadline)
          return { error: `${sensor.id}: ${transport.delivered} of ${expected} bytes came` };
        await new Promise<void>((resolve) => networkClock.after(0, resolve));
      }
    }
    return { at_ms: this.#timeline.now(), ordinal: this.#pipeline.intake.lastOrdinal };
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

  /** All that `footfall status` shows. Never waits for storage: its figures are those of the last time it answered. */
  status(): StatusDocument {
    const { settings, networkClock, storage } = this.#parts;
    // Asked for in passing: a stalled disk must not stall the answer.
    void storage.state().then(
      (state) => {
        this.#storageState = state;
      },
      () => undefined,
    );
    const now = this.#timeline.now();
    const { intake } = this.#pipeline;
    const live = intake.fold.live();
    const held = this.#storageState;
    const sensors = this.#station.sensors.map((sensor) => sensor.status());
    const uplink = this.#uplinkState(now - networkClock.wall());
    const memory = process.memoryUsage();
    return {
      v: 1,
      version: VERSION,
      tenant: settings.tenant,
      gateway: settings.gateway,
      store: settings.store.id,
      time_zone: settings.store.timeZone,
      at_ms: now,
      started_ms: this.#startedMs,
      verdict: verdictOf({
        nowMs: now,
        startedMs: this.#startedMs,
        sensors,
        uplink,
        held: held.held,
        deadLetters: held.deadLetters,
        storageError: this.#pipeline.storageError,
        storageErrorSinceMs: this.#storageErrorSince,
        keyOnTmpfs: this.#keyOnTmpfs,
      }),
      sensors,
      today: live.today,
      window: live.window,
      buffer: {
        epoch: this.#opened.epoch,
        held: held.held,
        held_bytes: held.heldBytes,
        oldest_sequence: held.oldestSequence,
        sealed_through: this.#pipeline.sealedThrough,
        dead_letters: held.deadLetters,
        database_bytes: held.databaseBytes,
        uncommitted: this.#pipeline.uncommitted,
        last_commit_ms: this.#pipeline.lastCommit,
        storage_error: this.#pipeline.storageError,
      },
      uplink: { ...uplink, url: settings.uplink?.url ?? '' },
      clock: { virtual: this.#parts.advanceTo !== undefined, key: this.#keyOnTmpfs ? this.#keyOrigin : 'not_tmpfs' },
      process: {
        pid: process.pid,
        rss_bytes: memory.rss,
        heap_bytes: memory.heapUsed,
        ordinal: intake.lastOrdinal,
        longest_stall_ms: this.#loop.longestMs,
      },
    };
  }

  /** The uplink's state with its wall-clock times moved onto the store's timeline, which a virtual clock has elsewhere. */
  #uplinkState(shiftMs: number): UplinkState {
    const state = this.#uplink?.state();
    if (state === undefined) {
      return {
        phase: 'off',
        since: this.#startedMs,
        protocol: null,
        lastError: null,
        lastAcknowledgedAt: null,
        lastPublishedAt: null,
        inFlight: 0,
        published: 0,
        acknowledged: 0,
        rejected: 0,
        resent: 0,
      };
    }
    const shift = (ms: number | null): number | null => (ms === null ? null : Math.round(ms + shiftMs));
    return {
      ...state,
      since: Math.round(state.since + shiftMs),
      lastAcknowledgedAt: shift(state.lastAcknowledgedAt),
      lastPublishedAt: shift(state.lastPublishedAt),
    };
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
