/** The daemon on this machine: its serial ports, its disk, its clock, the supervisor that watches it, until told to end. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HelperProcess } from '../drivers/radio/spawn.ts';
import { type Helper, Lines } from '../drivers/transport/lines.ts';
import { Machine } from './box.ts';
import type { Clock } from './clock.ts';
import { Daemon } from './daemon.ts';
import { type AgentError, reasonOf } from './errors.ts';
import type { SettingsSource } from './live-settings.ts';
import type { RunEnd } from './local/document.ts';
import { endOfFailure, endOfSignal } from './local/run-end.ts';
import {
  beginRun,
  endRun,
  noteWaiting,
  type RunFacts,
  type RunStart,
  readRunFacts,
  type ToldEnd,
  type Waiting,
} from './local/run-record.ts';
import { createLogging, type Log } from './logging.ts';
import { realClock, VirtualClock } from './platform/clock.ts';
import { ClockTrustWatch } from './platform/clock-trust.ts';
import { ServiceNotifier } from './platform/notify.ts';
import { Watchdog } from './platform/watchdog.ts';
import { startOnceAble } from './run-waiting.ts';
import { keepLastGood, loadEffective } from './settings/effective.ts';
import { writeRemote } from './settings/layers.ts';
import { radioSocketOf } from './settings/radio-socket.ts';
import { weighRemote } from './settings/remote-asked.ts';
import { readPassword } from './settings/secrets.ts';
import type { EffectiveSettings, Settings } from './settings/settings.ts';
import { openStorageClient } from './storage/client.ts';
import type { Storage } from './storage/storage.ts';
import { VERSION } from './version.ts';

export interface RunParts {
  effective: EffectiveSettings;
  /** What deserves a word about how the settings came to be. */
  notes: string[];
  /** Starts the helpers of radios itself, where systemd does not. */
  startRadios?: boolean;
  /** UTC milliseconds at which a virtual clock stands still in place of the machine's. */
  virtualStartMs?: number;
  /** Another entry of the storage thread than the product's. */
  storageWorker?: URL;
}

/** Resolves after SIGINT or SIGTERM and an orderly end. */
export async function runDaemon(parts: RunParts): Promise<void> {
  const { effective } = parts;
  const { settings } = effective;
  const networkClock = realClock();
  const logging = createLogging({ log: settings.log });
  const log = logging.logger('daemon');
  const notifier = new ServiceNotifier({
    onFailure: (error) => log('warn', { reason: reasonOf(error) }, 'systemd could not be told'),
  });
  const record = new RunNotes(effective, networkClock.wall(), log);
  process.once('uncaughtExceptionMonitor', (error) => record.end(endOfFailure(error, networkClock.wall(), 'crashed')));
  let daemon: Daemon | null;
  let told: NodeJS.Signals | null;
  try {
    tellSettings(parts, logging.logger('settings'));
    const virtual = parts.virtualStartMs === undefined ? null : new VirtualClock(parts.virtualStartMs);
    const clock = virtual ?? networkClock;
    const from = sourceOf(effective.path, () => clock.wall());
    const radioSocket = (id: string): string => radioSocketOf(settings.runtimeDirectory, id);
    const transports = new Lines({
      clock,
      networkClock,
      random: Math.random,
      radioSocket,
      ...(parts.startRadios === true && { helper: helpersOf(effective.path, networkClock, logging.logger('sensors')) }),
    });
    const password = from.password(settings);
    const start = (): Promise<Daemon> =>
      Daemon.start({
        settings,
        source: { effective, from },
        password,
        clock,
        networkClock,
        storage: openStorage(settings, parts.storageWorker),
        box: new Machine(
          settings.storage.directory,
          networkClock,
          new ClockTrustWatch({ clock: networkClock, source: settings.clock.source }),
        ),
        transport: (sensor) => transports.of(sensor),
        random: Math.random,
        logging,
        begin: () => record.begin(),
        ...(virtual === null ? {} : { advanceTo: (ms: number) => virtual.advanceTo(ms) }),
      });
    const note = ({ message, hint }: AgentError): void => record.wait({ at_ms: networkClock.wall(), message, hint });
    ({ started: daemon, told } = await startOnceAble(start, { clock: networkClock, notifier, log, note }));
    if (daemon !== null) keep(effective, from, log);
  } catch (error) {
    record.end(endOfFailure(error, networkClock.wall(), 'failed'));
    throw error;
  }
  const watchdog = daemon && watchdogOf(daemon, notifier, networkClock, parts.virtualStartMs !== undefined);
  watchdog?.start();
  if (daemon !== null) notifier.ready(`counting with ${settings.sensors.length} sensors`);
  const signal = told ?? (await untilTold(daemon, notifier, logging.logger('settings')));
  notifier.stopping();
  log('info', { signal }, 'stopping');
  await daemon?.stop();
  watchdog?.stop();
  record.end(endOfSignal(signal, networkClock.wall()));
  log('info', {}, 'stopped');
  await notifier.settled();
}

function openStorage(settings: Settings, workerUrl: URL | undefined): Storage {
  const { directory, bufferBytes, bufferHours } = settings.storage;
  return openStorageClient({
    path: join(directory, 'footfall.db'),
    machineId: readMachineId(),
    bounds: { bytes: bufferBytes, windows: Math.ceil((bufferHours * 60) / settings.counting.windowMinutes) },
    ...(workerUrl === undefined ? {} : { workerUrl }),
    onError: (error) => {
      throw error;
    },
  });
}

/**
 * SIGHUP reads the settings again, SIGINT and SIGTERM end. Once is enough: timeout(1) and a process group give the signal
 * twice, and the second must not cut off the last commit.
 */
function untilTold(daemon: Daemon | null, notifier: ServiceNotifier, log: Log): Promise<NodeJS.Signals> {
  const again = (): void => {
    notifier.reloading();
    (daemon?.reload() ?? Promise.resolve())
      .catch((error: unknown) => log('error', { reason: reasonOf(error) }, 'the settings could not be read again'))
      .finally(() => notifier.ready('counting'));
  };
  process.on('SIGHUP', again);
  return new Promise<NodeJS.Signals>((resolve) => {
    process.on('SIGINT', resolve);
    process.on('SIGTERM', resolve);
  });
}

/** Signs of life only while whole ticks, fold and storage, are completed: a daemon that hangs is started anew. */
function watchdogOf(
  daemon: Daemon,
  notifier: ServiceNotifier,
  clock: ReturnType<typeof realClock>,
  virtual: boolean,
): Watchdog | null {
  const intervalMs = notifier.watchdogMs;
  if (intervalMs === null) return null;
  // A virtual clock ticks when it is told to: its standing still is no fault.
  const healthy = (): boolean => virtual || daemon.sinceTickMs < intervalMs;
  return new Watchdog({ notifier, clock, intervalMs, healthy });
}

function sourceOf(path: string, nowMs: () => number): SettingsSource {
  return {
    load: () => loadEffective({ path, nowMs: nowMs() }),
    password: (settings) => readPassword(settings),
    keepLastGood,
    remote: { weigh: (message) => weighRemote(path, message), keep: writeRemote },
  };
}

function tellSettings({ effective, notes }: RunParts, log: Log): void {
  const { mistakes, path } = effective;
  if (effective.source === 'last_good') {
    log('error', { path, mistakes }, 'the settings file is broken; starting with the last good settings');
  }
  for (const note of notes) log('warn', { note }, 'a setting over the file is left out');
}

function keep(effective: EffectiveSettings, from: SettingsSource, log: Log): void {
  try {
    from.keepLastGood(effective);
  } catch (error) {
    log('warn', { reason: reasonOf(error) }, 'the settings could not be kept for a start under a broken file');
  }
}

/** The note of this run beside the database. */
class RunNotes {
  readonly #places: { directory: string; runtimeDirectory: string };
  readonly #start: RunStart;
  readonly #facts: RunFacts;
  readonly #log: Log;

  constructor({ settings, path }: EffectiveSettings, startedMs: number, log: Log) {
    this.#places = { directory: settings.storage.directory, runtimeDirectory: settings.runtimeDirectory };
    this.#facts = readRunFacts(takeServiceResult(settings.runtimeDirectory));
    this.#start = {
      pid: process.pid,
      bootId: this.#facts.bootId,
      startedMs: Math.floor(startedMs),
      version: VERSION,
      settingsPath: path,
    };
    this.#log = log;
  }

  /** How the run before this one ended. */
  begin(): RunEnd | null {
    const { previous, kept } = beginRun(this.#places, this.#start, this.#facts);
    if (!kept) this.#log('warn', {}, 'the run could not be noted; how it ends will not be known');
    return previous;
  }

  /** Why it cannot begin yet. */
  wait(waiting: Waiting): void {
    mkdirSync(this.#places.runtimeDirectory, { recursive: true, mode: 0o750 });
    noteWaiting(this.#places, this.#start, { ...waiting, at_ms: Math.floor(waiting.at_ms) }, this.#facts);
  }

  end(end: ToldEnd): void {
    endRun(this.#places, this.#start, end, this.#facts);
  }
}

/**
 * What systemd made of the run before this one (`watchdog`, `oom-kill`): the unit's ExecStopPost leaves it, because systemd
 * forgets at the next start. Null where nobody left anything.
 */
function takeServiceResult(runtimeDirectory: string): string | null {
  const path = join(runtimeDirectory, 'service-result');
  try {
    const result = readFileSync(path, 'utf8').trim();
    rmSync(path);
    return /^[a-z-]{1,32}$/.test(result) ? result : null;
  } catch {
    return null;
  }
}

/** Helpers that run as children of this process. */
function helpersOf(settings: string, clock: Clock, log: Log): (sensorId: string, socket: string) => Helper {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  return (sensorId, socket) =>
    new HelperProcess({
      main,
      sensorId,
      settings,
      socket,
      clock,
      random: Math.random,
      log: (line) => log('info', { sensor: sensorId, line }, 'the radio helper says'),
    });
}

/** This machine's identity, so that a cloned card or a copied database begins an epoch of its own (machine-id(5)). */
function readMachineId(): string {
  try {
    return readFileSync('/etc/machine-id', 'utf8').trim();
  } catch {
    return '';
  }
}
