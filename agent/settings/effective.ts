/** The settings in force: defaults, the file, the remote revision, local overrides, each outdoing the one before. */
import { type BaseSettings, type Environment, readBase } from './last-good.ts';
import { layOver } from './lay.ts';
import { applyLayers, type Layered, readLayers } from './layers.ts';
import type { EffectiveSettings } from './settings.ts';

export { keepLastGood } from './last-good.ts';

export interface LoadOptions {
  path: string;
  /** UTC milliseconds; overrides that ended before are left out. */
  nowMs: number;
  /** The process's unless given. */
  environment?: Environment;
}

export interface LoadedSettings extends EffectiveSettings {
  /** Name of the remote revision in force; null without one. */
  revision: string | null;
  /** What was left out of the layers and why, one line each, for the log. */
  notes: string[];
}

/**
 * Reads the settings with all their layers. A broken file is stood in for by the last good copy of it. Throws
 * `settings_unreadable` or `settings_invalid` where there is none.
 */
export function loadEffective(options: LoadOptions): LoadedSettings {
  const { base, layered } = readAll(options);
  return {
    settings: layered.settings,
    path: base.path,
    text: base.text,
    source: base.origin,
    mistakes: base.mistakes,
    overrides: layered.overrides,
    remote: layered.outcome,
    loadedMs: options.nowMs,
    revision: layered.remote?.revision ?? null,
    notes: layered.notes,
  };
}

/** The same with what is needed to tell where each value came from. */
export function readAll({ path, nowMs, environment }: LoadOptions): { base: BaseSettings; layered: Layered } {
  const base = readBase({ path, ...(environment && { environment }) });
  const layers = readLayers(base.settings.storage.directory);
  return { base, layered: applyLayers(base, base.source.value, layers, nowMs) };
}

/** Why `value` cannot be laid over the settings in force at `nowMs`, in words; null when it can. */
export function refusalOf(path: string, key: string, value: unknown, nowMs: number): string | null {
  const base = readBase({ path });
  const layers = readLayers(base.settings.storage.directory);
  const others = layers.overrides.filter((override) => override.key !== key);
  const laid = layOver(applyLayers(base, base.source.value, { ...layers, overrides: others }, nowMs), key, value);
  return typeof laid === 'string' ? laid : null;
}
