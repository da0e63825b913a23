/** The program itself: its release, the Node under it, its native modules, memory, the user, the unit. */
import { VERSION } from '../version.ts';
import type { Context } from './context.ts';
import type { Finding } from './finding.ts';
import { textOf } from './machine.ts';
import { ChapterReport, countOf, sizeOf } from './report.ts';
import { UNIT } from './service.ts';

const NATIVE_MODULES = ['better-sqlite3', 'serialport'];
const ARCHITECTURES = ['x64', 'arm64'];
/** As package.json's engines say. */
const NODE_FROM = [24, 21];
const LITTLE_MEMORY = 100 * 2 ** 20;
const HARDLY_ANY_MEMORY = 40 * 2 ** 20;
const MANY_RESTARTS = 3;
const REINSTALL = 'Install again with its own Node: sudo scripts/install.sh';

const report = new ChapterReport('program');

export async function* checkProgram(context: Context): AsyncGenerator<Finding> {
  const modules = NATIVE_MODULES.map((name) => checkModule(context, name));
  yield checkRelease(context);
  yield checkNode(context);
  yield* await Promise.all(modules);
  yield await checkMemory(context);
  yield checkUser(context);
  yield checkService(context);
}

function checkRelease({ machine }: Context): Finding {
  const check = { check: 'release', tried: 'release' };
  const found = `footfall ${VERSION} on ${machine.architecture}`;
  if (ARCHITECTURES.includes(machine.architecture)) return report.ok(check, found);
  return report.warning(
    check,
    `${found}, which nobody has tried`,
    `Use a 64-bit system: ${ARCHITECTURES.join(' or ')}.`,
  );
}

function checkNode({ machine }: Context): Finding {
  const check = { check: 'node', tried: 'version of Node' };
  const [major, minor] = machine.nodeVersion.split('.').map(Number);
  if (major === NODE_FROM[0] && minor >= NODE_FROM[1]) return report.ok(check, machine.nodeVersion);
  const wanted = `from ${NODE_FROM.join('.')}, below ${NODE_FROM[0] + 1}`;
  return report.error(check, `expected ${wanted}, found ${machine.nodeVersion}`, REINSTALL);
}

async function checkModule({ deps }: Context, name: string): Promise<Finding> {
  const check = { check: 'native_module', subject: name, tried: 'loaded in a process of its own' };
  const loaded = await deps.loadModule(name);
  if (loaded.loads) return report.ok(check, 'it loads');
  return report.error(check, loaded.reason, `It is not made for this Node or this machine. ${REINSTALL}`);
}

async function checkMemory({ machine }: Context): Promise<Finding> {
  const check = { check: 'memory', tried: 'free memory' };
  const text = await textOf(machine, '/proc/meminfo');
  const of = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(text ?? '')?.[1]) * 1_024;
  const available = of('MemAvailable');
  if (Number.isNaN(available)) return report.skipped(check, '/proc/meminfo does not tell');
  const found = `${sizeOf(available)} available of ${sizeOf(of('MemTotal'))}`;
  const mend = 'See what takes it: ps aux --sort=-rss | head. The daemon itself needs about 100 MB.';
  if (available < HARDLY_ANY_MEMORY) return report.error(check, found, mend);
  return available < LITTLE_MEMORY ? report.warning(check, found, mend) : report.ok(check, found);
}

function checkUser({ machine, people, identity }: Context): Finding {
  const { uid, gids } = machine.user;
  const groups = [...new Set(gids)].map((gid) => people.groupName(gid)).join(', ');
  const daemon = identity.source === 'this user' ? '' : `; the daemon: ${identity.name}`;
  return report.ok({ check: 'user', tried: 'user' }, `${people.userName(uid)} (groups ${groups})${daemon}`);
}

function checkService({ service }: Context): Finding {
  const check = { check: 'service', subject: UNIT, tried: 'asked systemd' };
  if (service === null) return report.skipped(check, 'systemd does not run here');
  if (!service.installed) {
    const mend = 'Install it: sudo scripts/install.sh';
    return report.warning(check, 'not installed: nothing starts Footfall after a power cut', mend);
  }
  if (service.active === 'failed') {
    const mend = 'See why: journalctl -u footfall -n 50; then: sudo systemctl restart footfall';
    return report.error(check, `failed (${service.result})`, mend);
  }
  const state = `${service.active}, ${service.enabled || 'not enabled'}`;
  if (!service.enabled.startsWith('enabled')) {
    const mend = 'Enable it: sudo systemctl enable footfall';
    return report.warning(check, `${state}: it will not start after a power cut`, mend);
  }
  const restarts = countOf(service.restarts, 'restart');
  if (service.restarts >= MANY_RESTARTS) {
    return report.warning(
      check,
      `${state}, ${restarts} since it was started`,
      'See why: journalctl -u footfall -n 200',
    );
  }
  return report.ok(check, `${state}${service.restarts > 0 ? `, ${restarts}` : ''}`);
}
