/** Where each value in force came from. */
import { readAll } from './effective.ts';
import type { Environment } from './last-good.ts';
import { isPartOf } from './remote-layer.ts';
import type { Origin } from './settings.ts';
import { hasPart, leavesOf } from './written.ts';

/**
 * Every leaf of the settings in force at `nowMs`, in the order of a settings file. While the last good copy stands in
 * for a broken file, lines are those of the copy's text. Throws as `loadEffective`.
 */
export function originsOf(path: string, nowMs: number, environment: Environment = process.env): Origin[] {
  return originsIn(readAll({ path, nowMs, environment }));
}

/** The same for settings that were read already. */
export function originsIn({ base, layered }: ReturnType<typeof readAll>): Origin[] {
  const overrides = new Map(layered.overrides.map(({ key, untilMs }) => [key, untilMs]));
  const { remote } = layered;
  const asked = Object.keys(remote?.values ?? {});
  return leavesOf(layered.file).map(({ key, path, value }): Origin => {
    const untilMs = overrides.get(key);
    if (untilMs !== undefined) return { key, value, layer: 'override', untilMs };
    if (remote && asked.some((one) => isPartOf(key, one)))
      return { key, value, layer: 'remote', revision: remote.revision };
    if (!hasPart(base.source.value, path)) return { key, value, layer: 'default' };
    return { key, value, layer: 'file', line: base.source.positionOf(path).line };
  });
}
