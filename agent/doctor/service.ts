/** The unit `footfall.service` as systemd tells it. */
import type { Machine } from './machine.ts';

export const UNIT = 'footfall.service';

export interface Service {
  /** False where systemd runs and does not know the unit. */
  installed: boolean;
  /** As `active`, `failed`, `inactive`. */
  active: string;
  /** How the last run ended: `success`, `exit-code`, `watchdog`, `oom-kill` and so on. */
  result: string;
  restarts: number;
  /** As `enabled`, `disabled`. */
  enabled: string;
  /** Empty for root. */
  user: string;
  groups: string[];
  capabilities: string;
}

const PROPERTIES = 'LoadState,ActiveState,Result,NRestarts,UnitFileState,User,SupplementaryGroups,AmbientCapabilities';

/** Null where there is no systemd, or it does not answer. */
export async function readService(machine: Machine): Promise<Service | null> {
  const { code, out } = await machine.run('systemctl', ['show', UNIT, '--no-pager', `--property=${PROPERTIES}`], 3_000);
  if (code !== 0) return null;
  const told = new Map(
    out.split('\n').map((line) => [line.split('=', 1)[0], line.slice(line.indexOf('=') + 1).trim()]),
  );
  const load = told.get('LoadState');
  if (load === undefined) return null;
  return {
    installed: load !== 'not-found',
    active: told.get('ActiveState') ?? '',
    result: told.get('Result') ?? '',
    restarts: Number(told.get('NRestarts') ?? 0) || 0,
    enabled: told.get('UnitFileState') ?? '',
    user: told.get('User') ?? '',
    groups: (told.get('SupplementaryGroups') ?? '').split(' ').filter((name) => name !== ''),
    capabilities: told.get('AmbientCapabilities') ?? '',
  };
}
