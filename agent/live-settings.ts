/** The settings of a running daemon: what is in force, what a reload finds, and what waits for a restart. */
import { reasonOf } from './errors.ts';
import type { ReloadOutcome, StatusDocument } from './local/document.ts';
import type { Log } from './logging.ts';
import type { RemoteSource } from './remote-settings.ts';
import { changesBetween } from './settings/changes.ts';
import type { EffectiveSettings, RemoteOutcome, Settings } from './settings/settings.ts';

const RETRY_MS = 60_000;

/** Where settings come from while the daemon runs. */
export interface SettingsSource {
  /** Reads the file and the layers over it; the last good one where the file is broken. Throws AgentErrors. */
  load(): EffectiveSettings & { notes: string[] };
  /** Throws AgentErrors; no message holds the password. */
  password(settings: Settings): string | undefined;
  /** Keeps the text for a start under a broken file. Throws where it cannot be written. */
  keepLastGood(effective: EffectiveSettings): void;
  /** What the central platform asks for; absent where it may ask for nothing. */
  remote?: RemoteSource;
}

export interface Reloaded {
  effective: EffectiveSettings;
  /** What holds from now on: the new settings, with those of the start where only a restart can change them. */
  settings: Settings;
  outcome: ReloadOutcome;
}

export class LiveSettings {
  #settings: Settings;
  #path: string | null;
  #state: StatusDocument['settings']['state'] = 'current';
  #loadedMs: number;
  #mistakes: string[] = [];
  #restartKeys: string[] = [];
  #overrides: EffectiveSettings['overrides'] = [];
  #remote: RemoteOutcome | null = null;
  #notBeforeMs = 0;

  /** @param effective how they came to be; null where there is no file, as in a demo. */
  constructor(settings: Settings, effective: EffectiveSettings | null, nowMs: number) {
    this.#settings = settings;
    this.#path = effective?.path ?? null;
    this.#loadedMs = nowMs;
    if (effective !== null) this.#note(effective);
  }

  get current(): Settings {
    return this.#settings;
  }

  /** What became of the settings that the centre asked for last; null before the first. */
  get remote(): RemoteOutcome | null {
    return this.#remote;
  }

  /** A message of the centre was rejected, and nothing else has changed. */
  noteRemote(outcome: RemoteOutcome): void {
    this.#remote = outcome;
  }

  /** UTC milliseconds at which the next override ends; Infinity without one. */
  get nextExpiryMs(): number {
    return this.#overrides.reduce((first, { untilMs }) => Math.min(first, untilMs), Number.POSITIVE_INFINITY);
  }

  /**
   * Has the settings read again once an override has ended; where that fails, again after a minute.
   * @param wallMs by the clock that overrides are written by.
   */
  endOverrides(wallMs: number, reload: () => Promise<unknown>, log: Log): void {
    if (wallMs < Math.max(this.nextExpiryMs, this.#notBeforeMs)) return;
    this.#notBeforeMs = wallMs + RETRY_MS;
    reload().catch((error: unknown) => log('error', { reason: reasonOf(error) }, 'an override ended, and still holds'));
  }

  /** What a reload would do; nothing changes until `accept`. */
  compare(effective: EffectiveSettings, notes: string[]): Reloaded {
    const { live, restart } = changesBetween(this.#settings, effective.settings);
    // Under a broken file the layers over the last good one still come and go.
    const state = effective.source === 'last_good' ? 'last_good' : restart.length > 0 ? 'restart_needed' : 'current';
    const settings = keepUntilRestart(this.#settings, effective.settings);
    return { effective, settings, outcome: { state, applied: live, restart, mistakes: effective.mistakes, notes } };
  }

  accept({ effective, settings, outcome }: Reloaded): void {
    this.#settings = settings;
    this.#restartKeys = outcome.restart;
    this.#note(effective);
  }

  /** The file is broken or gone and there is no last good copy of it either: what holds goes on to hold. */
  refuse(mistakes: string[], nowMs: number): ReloadOutcome {
    this.#state = 'last_good';
    this.#mistakes = mistakes;
    this.#loadedMs = nowMs;
    return { state: 'last_good', applied: [], restart: this.#restartKeys, mistakes, notes: [] };
  }

  document(): StatusDocument['settings'] {
    return {
      path: this.#path,
      state: this.#state,
      loaded_ms: this.#loadedMs,
      mistakes: this.#mistakes,
      restart_keys: this.#restartKeys,
      overrides: this.#overrides.map(({ key, untilMs }) => ({ key, until_ms: untilMs })),
      remote: this.#remote,
    };
  }

  #note({ source, mistakes, overrides, remote, loadedMs }: EffectiveSettings): void {
    this.#state = source === 'last_good' ? 'last_good' : this.#restartKeys.length > 0 ? 'restart_needed' : 'current';
    this.#mistakes = mistakes;
    this.#overrides = overrides;
    this.#remote = remote;
    this.#notBeforeMs = 0;
    this.#loadedMs = loadedMs;
  }
}

function keepUntilRestart(start: Settings, next: Settings): Settings {
  const { tenant, gateway, storage, runtimeDirectory } = start;
  const { id, timeZone } = start.store;
  return { ...next, tenant, gateway, storage, runtimeDirectory, store: { ...next.store, id, timeZone } };
}
