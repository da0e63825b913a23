/** What listens with a sensor's radio: its helper's unit, what that may do, its socket, and the programs that it runs. */
import { radioSocketOf } from '../settings/radio-socket.ts';
import { type Context, radioOf, type SensorPort } from './context.ts';
import type { Finding } from './finding.ts';
import { factsAt, type Machine } from './machine.ts';
import { ChapterReport, countOf } from './report.ts';

/** What a helper needs, as systemd writes it. */
const CAPABILITIES = ['cap_net_raw', 'cap_net_admin'];
/** Programs of monitor mode, each with the word that has it do nothing, and Debian's package. */
const TOOLS = [
  ['tcpdump', '--version', 'tcpdump'],
  ['iw', '--version', 'iw'],
  ['ip', '-V', 'iproute2'],
] as const;

const report = new ChapterReport('radio');

/** The programs, where a sensor needs them. */
export async function* checkTools({ machine, sensors }: Context): AsyncGenerator<Finding> {
  if (!sensors.some((sensor) => radioOf(sensor) === 'wlan')) return;
  const results = await Promise.all(TOOLS.map(([tool, word]) => machine.run(tool, [word], 3_000)));
  const check = { check: 'monitor_tools', tried: `looked for ${TOOLS.map(([tool]) => tool).join(', ')}` };
  const missing = TOOLS.filter((_tool, index) => results[index].failure === 'missing');
  if (missing.length === 0) {
    yield report.ok(check, 'they are there');
    return;
  }
  const found = `${missing.map(([tool]) => tool).join(', ')} not installed`;
  yield report.error(check, found, `sudo apt install ${missing.map(([, , name]) => name).join(' ')}`);
}

/** The helper of each sensor that has a radio. */
export async function* checkHelpers(context: Context): AsyncGenerator<Finding> {
  for (const sensor of context.sensors) if (radioOf(sensor) !== undefined) yield* checkHelper(context, sensor);
}

interface Unit {
  installed: boolean;
  active: string;
  result: string;
  enabled: string;
  restarts: number;
  capabilities: string;
}

async function* checkHelper({ machine, runtimeDirectory }: Context, { id }: SensorPort): AsyncGenerator<Finding> {
  const name = `footfall-radio@${id}`;
  const unit = await readUnit(machine, name);
  const socket = radioSocketOf(runtimeDirectory, id);
  const serves = (await factsAt(machine, socket)) !== null;
  const check = { check: 'helper', subject: id, tried: `whether its radio's helper runs, ${name}` };
  if (unit === null || !unit.installed) {
    const why = unit === null ? 'systemd does not answer' : 'the unit is not installed';
    if (serves) yield report.ok(check, `${why}; its socket is there: ${socket}`);
    else if (unit === null)
      yield report.warning(check, `${why}, and there is no ${socket}`, `sudo footfall radio ${id}`);
    else yield report.error(check, why, 'sudo scripts/install.sh puts it there.');
    return;
  }
  const start = `sudo systemctl enable --now ${name}`;
  if (unit.active !== 'active') {
    const how = unit.result === 'success' || unit.result === '' ? '' : ` (${unit.result})`;
    yield report.error(check, `it is ${unit.active || 'not active'}${how}`, `${start}; and see: journalctl -u ${name}`);
  } else if (!serves) {
    yield report.error(check, `it runs, and there is no ${socket}`, `sudo systemctl restart ${name}`);
  } else if (unit.enabled === 'disabled') {
    yield report.warning(check, 'it runs, and will not after the next start of the box', start);
  } else {
    const again = unit.restarts === 0 ? '' : `, started again ${countOf(unit.restarts, 'time')}`;
    yield report.ok(check, `it runs${again}`);
  }
  yield checkCapabilities(name, id, unit);
}

function checkCapabilities(name: string, id: string, unit: Unit): Finding {
  const check = { check: 'helper_capabilities', subject: id, tried: 'whether its helper may use a radio' };
  const has = unit.capabilities.toLowerCase().split(/\s+/);
  const missing = CAPABILITIES.filter((capability) => !has.includes(capability));
  if (missing.length === 0) return report.ok(check, 'its unit may');
  const found = `its unit lacks ${missing.map((capability) => capability.toUpperCase()).join(', ')}`;
  return report.error(check, found, `sudo systemctl revert ${name}, then: sudo systemctl restart ${name}`);
}

/** Null where there is no systemd, or it does not answer. */
async function readUnit(machine: Machine, name: string): Promise<Unit | null> {
  const properties = 'LoadState,ActiveState,Result,UnitFileState,NRestarts,AmbientCapabilities';
  const words = ['show', `${name}.service`, '--no-pager', `--property=${properties}`];
  const { code, out } = await machine.run('systemctl', words, 3_000);
  const told = (property: string): string => new RegExp(`^${property}=(.*)$`, 'm').exec(out)?.[1].trim() ?? '';
  if (code !== 0 || told('LoadState') === '') return null;
  return {
    installed: told('LoadState') !== 'not-found',
    active: told('ActiveState'),
    result: told('Result'),
    enabled: told('UnitFileState'),
    restarts: Number(told('NRestarts')) || 0,
    capabilities: told('AmbientCapabilities'),
  };
}
