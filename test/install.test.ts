import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { doorLine } from '../drivers/simulator/encode/door-line.ts';
import { NotifySocket, PERL, SYSTEMD_NOTIFY } from './support/notify.ts';
import { Child, findProgram, until } from './support/processes.ts';
import { Pty, SOCAT } from './support/pty.ts';
import { shopSettings } from './support/shop.ts';

const CHECKOUT = fileURLToPath(new URL('..', import.meta.url));
const STALLED = fileURLToPath(new URL('./support/stalled-storage/main.ts', import.meta.url));
const PATIENCE = 60_000;
const UNIT = 'usr/lib/systemd/system/footfall.service';
const RADIO_UNIT = 'usr/lib/systemd/system/footfall-radio@.service';
// The Node that runs this test is one that fits, so that nothing is fetched.
const environment = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };

const scratch = mkdtempSync(join(tmpdir(), 'footfall-install-'));
const root = join(scratch, 'root');
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function run(program: string, ...args: string[]): Promise<{ code: number | null; output: string }> {
  const child = new Child(program, program, args, { env: environment, keep: 1_000_000 });
  const closed = new Promise<void>((resolve) => child.process.once('close', () => resolve()));
  const { code } = await child.ended;
  await closed;
  return { code, output: child.output };
}

function install(...args: string[]): ReturnType<typeof run> {
  return run(join(CHECKOUT, 'scripts/install.sh'), '--root', root, ...args);
}

const at = (path: string): string => join(root, path);
const modeOf = (path: string): string => (lstatSync(at(path)).mode & 0o7777).toString(8);
const releases = (): string[] => readdirSync(at('opt/footfall/releases')).sort();
const current = (): string => readlinkSync(at('opt/footfall/current'));

/** Every file, folder and link below `folder`, in order. */
function tree(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
}

describe('the installer', () => {
  beforeAll(async () => {
    const { code, output } = await install();
    expect(output).toContain('installed /opt/footfall/releases/');
    expect(code).toBe(0);
  }, PATIENCE);

  it('lays out a release with its runtime, the command, the service and the settings to begin with', () => {
    expect(releases()).toHaveLength(1);
    expect(current()).toBe(`releases/${releases()[0]}`);
    expect(readlinkSync(at('usr/bin/footfall'))).toBe('../../opt/footfall/current/bin/footfall');
    for (const [path, mode] of [
      ['opt/footfall/current/bin/footfall', '755'],
      ['opt/footfall/current/bin/node', '755'],
      ['opt/footfall/current/package.json', '644'],
      ['opt/footfall/current/drivers/registry.ts', '644'],
      [UNIT, '644'],
      [RADIO_UNIT, '644'],
      ['usr/lib/sysusers.d/footfall.conf', '644'],
      ['usr/lib/tmpfiles.d/footfall.conf', '644'],
      ['etc/footfall', '750'],
      ['etc/footfall/footfall.example.yaml', '644'],
    ]) {
      expect([path, modeOf(path)]).toEqual([path, mode]);
    }
    expect(existsSync(at('etc/footfall/footfall.yaml'))).toBe(false);
  });

  it('carries all that runs and nothing that only tests and builds', () => {
    const release = at('opt/footfall/current/');
    const files = tree(release);
    const own = files.filter((file) => !file.startsWith('node_modules/'));
    expect(own.filter((file) => /\.(test|testing|fixture)\.ts$|__snapshots__/.test(file))).toEqual([]);
    for (const name of ['typescript', 'vitest', '@biomejs/biome']) expect(files).not.toContain(`node_modules/${name}`);
    const { dependencies } = JSON.parse(readFileSync(join(release, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    for (const name of Object.keys(dependencies)) expect(files).toContain(`node_modules/${name}/package.json`);
    const open = files.filter((file) => {
      const status = lstatSync(join(release, file));
      return !status.isSymbolicLink() && (status.mode & 0o022) !== 0;
    });
    expect(open).toEqual([]);
  });

  it('has a command that runs on its own Node, wherever it is called from', async () => {
    const told = execFileSync(at('usr/bin/footfall'), ['--version'], {
      encoding: 'utf8',
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
    });
    expect(told.trim()).toBe(
      (JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8')) as { version: string }).version,
    );
    const checked = await run(at('usr/bin/footfall'), 'config', 'check', at('etc/footfall/footfall.example.yaml'));
    expect(checked).toMatchObject({ code: 0 });
  });

  it('changes nothing the second time, and mends what was changed', { timeout: PATIENCE }, async () => {
    const before = tree(root);
    const made = statSync(at(`opt/footfall/${current()}`)).ctimeMs;
    const again = await install();
    expect(again).toMatchObject({ code: 0, output: expect.stringContaining('nothing changed') as string });
    expect([tree(root), statSync(at(`opt/footfall/${current()}`)).ctimeMs]).toEqual([before, made]);
    appendFileSync(at(UNIT), '# by hand\n');
    chmodSync(at('usr/lib/sysusers.d/footfall.conf'), 0o600);
    rmSync(at('usr/bin/footfall'));
    const { output } = await install();
    expect(output.match(/^(installed|updated|removed) .*|.* leads to .*/gm)).toEqual([
      '/usr/bin/footfall leads to ../../opt/footfall/current/bin/footfall',
      `updated /${UNIT}`,
      'updated /usr/lib/sysusers.d/footfall.conf',
    ]);
    expect(tree(root)).toEqual(before);
  });

  it('tells a wrong use from a failure, and explains itself', async () => {
    expect(await install('--prefix', '/')).toMatchObject({ code: 64 });
    expect(await install('--prefix', '/opt/../etc')).toMatchObject({ code: 64 });
    expect(await install('--frobnicate')).toMatchObject({ code: 64 });
    expect(await install('--root')).toMatchObject({ code: 64 });
    expect(await install('--root=')).toMatchObject({ code: 64 });
    expect(await install('--help')).toMatchObject({ code: 0, output: expect.stringMatching(/--uninstall/) as string });
  });
});

const ANALYZE = findProgram('systemd-analyze');

describe.skipIf(ANALYZE === null)(`what systemd makes of it${ANALYZE === null ? ' (needs systemd)' : ''}`, () => {
  /** Verify wants the program to be there; below another root it would want all of Debian's units. */
  function verify(name: string, change: (unit: string) => string, path = UNIT): ReturnType<typeof run> {
    const file = join(scratch, name, basename(path));
    mkdirSync(dirname(file), { recursive: true });
    const unit = readFileSync(at(path), 'utf8').replaceAll('=/usr/bin/footfall', `=${at('usr/bin/footfall')}`);
    writeFileSync(file, change(unit));
    return run(ANALYZE ?? '', 'verify', '--man=no', file);
  }

  it('the unit is without a word of complaint, and one with a mistake is not', { timeout: PATIENCE }, async () => {
    expect(await verify('units', (unit) => unit)).toEqual({ code: 0, output: '' });
    const planted = await verify('planted', (unit) => unit.replace('WatchdogSec=', 'WatchdogSecs='));
    expect(planted.output).toContain("Unknown key 'WatchdogSecs'");
  });

  it('the unit of the radio helpers is without one too', { timeout: PATIENCE }, async () => {
    expect(await verify('radio-units', (unit) => unit, RADIO_UNIT)).toEqual({ code: 0, output: '' });
    const planted = await verify('radio-planted', (unit) => unit.replace('UMask=', 'UMasks='), RADIO_UNIT);
    expect(planted.output).toContain("Unknown key 'UMasks'");
  });

  it('only the radio helpers have capabilities, and only those of radios', () => {
    const unit = readFileSync(at(RADIO_UNIT), 'utf8');
    for (const key of ['AmbientCapabilities', 'CapabilityBoundingSet']) {
      expect(unit).toContain(`\n${key}=CAP_NET_RAW CAP_NET_ADMIN\n`);
    }
    expect(readFileSync(at(UNIT), 'utf8')).not.toMatch(/AmbientCapabilities|AF_BLUETOOTH|AF_PACKET/);
  });

  it.skipIf(process.getuid?.() !== 0)('makes the user and the folders (as root only)', async () => {
    expect(await run('systemd-sysusers', `--root=${root}`, at('usr/lib/sysusers.d/footfall.conf'))).toMatchObject({
      code: 0,
    });
    const user = readFileSync(at('etc/passwd'), 'utf8').match(/^footfall:x:(\d+):(\d+):.*:\/usr\/sbin\/nologin$/m);
    expect(user).not.toBeNull();
    expect(await run('systemd-tmpfiles', '--create', `--root=${root}`)).toEqual({ code: 0, output: '' });
    expect(readFileSync(at('etc/passwd'), 'utf8')).toMatch(/^footfall-radio:x:/m);
    const { uid, gid } = statSync(at('etc/footfall'));
    expect([uid, String(gid), modeOf('etc/footfall')]).toEqual([0, user?.[2], '750']);
    expect(modeOf('etc/credstore')).toBe('700');
    expect(readlinkSync(at('etc/credstore/footfall.broker-password'))).toBe('/etc/footfall/broker-password');
  });
});

describe('an update', () => {
  const copy = join(scratch, 'checkout');
  const fromCopy = (): ReturnType<typeof run> => run(join(copy, 'scripts/install.sh'), '--root', root);
  let first: string;

  beforeAll(() => {
    mkdirSync(copy);
    for (const name of ['agent', 'drivers', 'config', 'systemd', 'scripts', 'package.json', 'package-lock.json']) {
      cpSync(join(CHECKOUT, name), join(copy, name), { recursive: true });
    }
    symlinkSync(join(CHECKOUT, 'node_modules'), join(copy, 'node_modules'));
    first = current();
  });

  it('never switches to a release that does not start', { timeout: PATIENCE }, async () => {
    const before = tree(root);
    writeFileSync(join(copy, 'agent/main.ts'), "throw new Error('broken on purpose');\n");
    const { code, output } = await fromCopy();
    expect(code).toBe(1);
    expect(output).toContain('broken on purpose');
    expect(output).toContain('does not load');
    expect(tree(root)).toEqual(before);
    cpSync(join(CHECKOUT, 'agent/main.ts'), join(copy, 'agent/main.ts'));
  });

  it('leaves everything as it was when it is interrupted', { timeout: PATIENCE }, async () => {
    appendFileSync(join(copy, 'agent/version.ts'), '// one\n');
    const before = tree(root);
    const child = new Child('install.sh', join(copy, 'scripts/install.sh'), ['--root', root], { env: environment });
    await until('its staging', () => releases().some((name) => name.startsWith('.staging')), PATIENCE, 1);
    child.process.kill('SIGINT');
    expect(await child.ended).toEqual({ code: 130, signal: null });
    expect([tree(root), current()]).toEqual([before, first]);
  });

  it('switches to the new release and keeps the one before, no more', { timeout: PATIENCE }, async () => {
    writeFileSync(at('etc/footfall/footfall.yaml'), 'mine\n');
    expect(await fromCopy()).toMatchObject({ code: 0 });
    const second = current();
    expect(second).not.toBe(first);
    expect(releases().map((name) => `releases/${name}`)).toEqual([first, second].sort());
    appendFileSync(join(copy, 'agent/version.ts'), '// two\n');
    const { output } = await fromCopy();
    expect(releases().map((name) => `releases/${name}`)).toEqual([current(), second].sort());
    expect(output).toContain(`removed /opt/footfall/${first}`);
    // The runtime takes its room once.
    expect(statSync(at('opt/footfall/current/bin/node')).nlink).toBe(2);
    expect(readFileSync(at('etc/footfall/footfall.yaml'), 'utf8')).toBe('mine\n');
  });
});

const missing =
  (PERL === null ? 'needs perl' : null) ??
  (SYSTEMD_NOTIFY === null ? 'needs systemd-notify' : null) ??
  (SOCAT === null ? 'needs socat' : null) ??
  (existsSync('/dev/shm') && statfsSync('/dev/shm').bavail > 0 ? null : 'needs /dev/shm');

describe.skipIf(missing !== null)(`the service${missing === null ? '' : ` (${missing})`}`, () => {
  const settings = join(scratch, 'service.yaml');
  const doorPath = join(scratch, 'door');
  const stall = join(scratch, 'stall');
  let runtime: string;
  let door: Pty;
  let systemd: NotifySocket;
  let daemon: Child;
  let lines = 0;

  beforeAll(async () => {
    runtime = mkdtempSync('/dev/shm/footfall-install-');
    door = await Pty.open(doorPath);
    const sensors = [{ id: 'entrance', driver: 'door-lines', port: doorPath, place: 'main' }] as const;
    writeFileSync(settings, shopSettings({ directory: scratch, sensors: [...sensors], runtimeDirectory: runtime }));
  });

  afterEach(async () => {
    await daemon.end('SIGKILL');
    await systemd.close();
  });

  afterAll(async () => {
    await door.close();
    rmSync(runtime, { recursive: true, force: true });
  });

  async function start(program: string, ...args: string[]): Promise<void> {
    systemd = await NotifySocket.open(join(scratch, 'notify'));
    const env = {
      ...environment,
      NOTIFY_SOCKET: systemd.path,
      WATCHDOG_USEC: '2000000',
      FOOTFALL_TEST_STALL: stall,
    };
    daemon = new Child('footfall run', program, [...args, 'run', '-s', settings], { env });
    await until(
      'READY=1',
      () => {
        if (!daemon.running) throw new Error(`footfall run ended:\n${daemon.output}`);
        return systemd.count('READY=1') > 0;
      },
      20_000,
    );
  }

  async function signsOfLife(): Promise<void> {
    const seen = systemd.count('WATCHDOG=1');
    await until('signs of life', () => systemd.count('WATCHDOG=1') >= seen + 4, PATIENCE);
  }

  /** An event of the door's counter, so that there is something to store. */
  function pass(): Promise<void> {
    lines++;
    return door.write(doorLine({ boot: 0x0badcafe, seq: lines, in: lines, out: 0, ms: lines * 1_000 }));
  }

  it('is ready once, gives signs of life, and says that it stops', { timeout: PATIENCE }, async () => {
    await start(at('usr/bin/footfall'));
    await signsOfLife();
    expect(systemd.count('READY=1')).toBe(1);
    expect(systemd.said().some((word) => /^STATUS=./.test(word))).toBe(true);
    expect(systemd.said()).not.toContain('STOPPING=1');
    daemon.process.kill('SIGTERM');
    expect(await daemon.ended).toEqual({ code: 0, signal: null });
    await until('STOPPING=1', () => systemd.count('STOPPING=1') === 1);
  });

  it('gives no sign of life while nothing can be stored, though its process runs', { timeout: PATIENCE }, async () => {
    await start(process.execPath, STALLED);
    await signsOfLife();
    writeFileSync(stall, '');
    await pass();
    let last = systemd.count('WATCHDOG=1');
    let since = performance.now();
    await until(
      'three intervals without a sign of life',
      () => {
        const now = systemd.count('WATCHDOG=1');
        if (now !== last) [last, since] = [now, performance.now()];
        return performance.now() - since > 6_000;
      },
      30_000,
      50,
    );
    expect(daemon.running).toBe(true);
  });
});

describe('its removal', () => {
  it('takes all but settings and data', { timeout: PATIENCE }, async () => {
    const user = ['etc/passwd', 'etc/group', 'etc/shadow', 'etc/gshadow', 'etc/.pwd.lock'];
    const { code, output } = await install('--uninstall');
    expect(code).toBe(0);
    expect(output).toContain('removed /usr/bin/footfall');
    const left = tree(root).filter((path) => !user.includes(path) && !lstatSync(at(path)).isDirectory());
    expect(left).toEqual(['etc/footfall/footfall.yaml']);
    expect(await install('--uninstall')).toMatchObject({ code: 0 });
  });
});
