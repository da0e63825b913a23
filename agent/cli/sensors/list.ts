/** `footfall sensors list`: the sensors of the settings, and how each of them is. */
import type { Command } from 'commander';
import { AgentError } from '../../errors.ts';
import type { SensorStatus } from '../../local/document.ts';
import type { Places } from '../observe.ts';
import type { SensorList } from '../view/sensors-list.ts';

export function register(sensors: Command): void {
  sensors
    .command('list')
    .description('the sensors of the settings, and how each of them is')
    .option('-s, --settings <FILE>', 'settings file, which also finds the daemon')
    .option('--socket <PATH>', "the daemon's socket")
    .option('--json', 'print {"running", "at_ms", "sensors": [{"id", "status", ...}]}')
    .addHelpText(
      'after',
      `
From the running daemon. While none runs the sensors are those of the settings,
and "status" is null.

Exit codes: 0 listed, 1 the settings cannot be read, 3 the daemon does not answer
or may not be asked, 64 wrong use.

Examples:
  footfall sensors list
  footfall sensors list --json | jq '.sensors[] | select(.status.state != "up")'`,
    )
    .action(run);
}

async function run(options: Places & { json?: boolean }): Promise<void> {
  const list = await listSensors(options, Date.now());
  if (options.json) {
    process.stdout.write(`${JSON.stringify(list, null, 2)}\n`);
    return;
  }
  const [{ renderSensorList }, { terminalOf }] = await Promise.all([
    import('../view/sensors-list.ts'),
    import('../view/style.ts'),
  ]);
  process.stdout.write(renderSensorList(list, terminalOf(process.stdout, process.env)));
}

/** Throws what reading the settings throws where no daemon runs, and what asking one throws that does not answer. */
export async function listSensors(places: Places, now: number): Promise<SensorList> {
  const [{ ask }, { socketOf, DEFAULT_SETTINGS }, { endingWith }] = await Promise.all([
    import('../observe.ts'),
    import('../socket.ts'),
    import('../exit-codes.ts'),
  ]);
  const socket = await socketOf(places);
  try {
    const { at_ms, sensors } = await ask(socket);
    return { running: true, at_ms, sensors: sensors.map(withStatus) };
  } catch (error) {
    if (!(error instanceof AgentError) || error.code !== 'daemon_not_running') throw endingWith(error, 3);
  }
  const { readBase } = await import('../../settings/last-good.ts');
  const { settings } = readBase({ path: places.settings ?? DEFAULT_SETTINGS });
  const sensors = settings.sensors.map(({ id, driver, port, role, place }) => ({
    ...{ id, driver, port, role, place },
    status: null,
  }));
  return { running: false, at_ms: now, sensors };
}

function withStatus({ id, driver, port, role, place, ...status }: SensorStatus): SensorList['sensors'][number] {
  const { state, since_ms, detail, last_frame_ms, per_minute, accepted } = status;
  const rejected = Object.values(status.rejected).reduce((sum, count) => sum + count, 0);
  const all = accepted + rejected;
  return {
    ...{ id, driver, port, role, place },
    status: {
      ...{ state, since_ms, detail, last_frame_ms, per_minute, accepted, rejected },
      rejected_share: all === 0 ? null : rejected / all,
    },
  };
}
