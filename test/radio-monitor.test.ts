/**
 * Monitor mode with the real tcpdump and the real processes. The radio is prepared: a sysfs of its own, and stand-ins for
 * what would change it; tcpdump reads what virtual radios captured.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { requestLocal } from '../agent/local/client.ts';
import type { StatusDocument } from '../agent/local/document.ts';
import { realClock } from '../agent/platform/clock.ts';
import { PHY } from '../drivers/radio/iw.fixture.ts';
import { ScriptedRadios } from '../drivers/radio/monitor.fixture.ts';
import { MonitorSource } from '../drivers/radio/monitor.ts';
import { machinePrograms } from '../drivers/radio/monitor-programs.ts';
import { MAIN } from './support/gateway.ts';
import { Child, findProgram, until } from './support/processes.ts';

const DATA = fileURLToPath(new URL('../../shared/data/virtual-radio/', import.meta.url));
const SCANS = join(DATA, 'hwsim-probe-iw+wpa_supplicant.pcap');
const SWEEP = join(DATA, 'hwsim-injected-rssi-sweep.pcap');
const TCPDUMP = findProgram('tcpdump');
const PROBE_REQUESTS = 'type mgt subtype probe-req';
const ADDRESS = /[0-9a-f]{2}(?::[0-9a-f]{2}){5}/i;

/** Whether this user may have namespaces of its own: what it takes to prepare a machine. */
const mayPrepare =
  spawnSync('unshare', ['-m', '-n', 'sh', '-c', 'mount --bind /tmp /sys/class && ip link set lo name wlan1']).status ===
  0;
const hasRadio = existsSync('/sys/class/ieee80211/phy0');

let folder: string;
let children: Child[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'footfall-monitor-'));
  children = [];
});

afterEach(async () => {
  for (const child of children.reverse()) await child.end();
  const printed = children.map(({ output }) => output).join('\n');
  rmSync(folder, { recursive: true, force: true });
  expect(printed).not.toMatch(ADDRESS);
});

function program(name: string, script: string): void {
  mkdirSync(join(folder, 'bin'), { recursive: true });
  writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, 'bin', name), 0o755);
}

const environment = (): NodeJS.ProcessEnv => ({ ...process.env, PATH: `${folder}/bin:${process.env.PATH}` });

function settings(): string {
  const path = join(folder, 'shop.yaml');
  writeFileSync(
    path,
    `tenant: lab
gateway: shop-1
store: { id: shop, time_zone: Europe/Prague, hours: { daily: 24h } }
sensors: [{ id: street, driver: wifi-monitor, adapter: wlan1, channels: [1, 2], channel_seconds: 1, zone: street, gate_dbm: -70 }]
storage: { directory: ${join(folder, 'data')} }
runtime_directory: ${join(folder, 'run')}
clock: { source: host }
`,
  );
  return path;
}

/** A machine with one radio: its sysfs, and programs that change it as the real ones would. */
function prepareRadio(): string {
  const sys = join(folder, 'class');
  const wlan1 = join(sys, 'net/wlan1');
  for (const each of ['net/wlan1', 'ieee80211/phy1']) mkdirSync(join(sys, each), { recursive: true });
  symlinkSync('../../ieee80211/phy1', join(wlan1, 'phy80211'));
  symlinkSync('/sys/devices', join(sys, 'ieee80211/phy1/device'));
  writeFileSync(join(wlan1, 'type'), '1\n');
  writeFileSync(join(wlan1, 'flags'), '0x1002\n');
  writeFileSync(join(folder, 'phy.txt'), PHY.replaceAll('phy0', 'phy1'));
  program(
    'iw',
    `case "$*" in
"phy phy1 info") cat ${folder}/phy.txt ;;
dev) printf 'phy#1\\n\\tInterface wlan1\\n\\t\\tifindex 3\\n\\t\\twdev 0x1\\n\\t\\ttype managed\\n\\t\\ttxpower 0.00 dBm\\n' ;;
"dev wlan1 set type monitor") echo 803 > ${wlan1}/type ;;
"dev wlan1 set channel "*) echo "$5" >> ${folder}/channels ;;
*) echo "unexpected: iw $*" >&2; exit 2 ;;
esac`,
  );
  program(
    'ip',
    `case "$*" in
"link set wlan1 up") echo 0x1003 > ${wlan1}/flags ;;
"link set wlan1 down") echo 0x1002 > ${wlan1}/flags ;;
*) echo "unexpected: ip $*" >&2; exit 2 ;;
esac`,
  );
  // The real tcpdump with the words it was given, on a file in place of the interface: the next one at each start.
  program(
    'tcpdump',
    `echo "$*" >> ${folder}/captures
for filter; do :; done
case $(wc -l < ${folder}/captures) in 1) file='${SCANS}' ;; *) file='${SWEEP}' ;; esac
while [ ! -e ${folder}/go ]; do sleep 0.1; done
${TCPDUMP} -r "$file" -U -w - "$filter"
exec sleep 600`,
  );
  return sys;
}

/** How many probe requests tcpdump reads in a file. */
function probeRequestsIn(file: string): number {
  const text = spawnSync(TCPDUMP ?? '', ['-n', '-r', file, PROBE_REQUESTS], { encoding: 'utf8' }).stdout;
  return text.trim().split('\n').length;
}

const sensor = async (): Promise<StatusDocument['sensors'][number] | undefined> => {
  const document = await requestLocal(join(folder, 'run/footfall.sock'), 'GET', '/status').catch(() => null);
  return (document as StatusDocument | null)?.sensors[0];
};

describe.skipIf(!existsSync(SCANS) || TCPDUMP === null || !mayPrepare)(
  'a radio in monitor mode (needs tcpdump, the captures beside the repository, and to be root)',
  () => {
    it('is heard by tcpdump, through the helper, and counted by the daemon', { timeout: 90_000 }, async () => {
      const sys = prepareRadio();
      const path = settings();
      const socket = join(folder, 'run-radio/street.sock');
      const words = [MAIN, 'radio', 'street', '-s', path, '--socket', socket];
      const prepared = ['-m', 'sh', '-c', 'mount --bind "$0" /sys/class && exec "$@"', sys, process.execPath, ...words];
      const helper = new Child('footfall radio', 'unshare', prepared, { env: environment() });
      const daemon = new Child('footfall run', process.execPath, [MAIN, 'run', '-s', path]);
      children.push(helper, daemon);
      await until('the daemon at the helper', async () => (await sensor())?.detail === 'looking for the Wi-Fi adapter');
      writeFileSync(join(folder, 'go'), '');
      const scans = probeRequestsIn(SCANS);
      const counted = (count: number) => async () => {
        const told = await sensor();
        return told?.state === 'up' && told.accepted >= count ? told : null;
      };
      expect(await until('the scans', counted(scans))).toMatchObject({ accepted: scans, rejected: {} });
      expect(readFileSync(join(folder, 'captures'), 'utf8')).toBe(
        `-i wlan1 -y IEEE802_11_RADIO -s 4096 -U -w - ${PROBE_REQUESTS}\n`,
      );
      await until('both channels', () => /^1\n2\n1\n/.test(readFileSync(join(folder, 'channels'), 'utf8')));

      // Nobody says so when the link goes down.
      writeFileSync(join(sys, 'net/wlan1/flags'), '0x1002\n');
      await until('word of it', () => helper.output.includes('"adapter_down"'));
      const both = scans + probeRequestsIn(SWEEP);
      expect(await until('the sweep', counted(both))).toMatchObject({ accepted: both, rejected: {} });
      expect(readFileSync(join(sys, 'net/wlan1/flags'), 'utf8')).toBe('0x1003\n');
    });
  },
);

describe.skipIf(TCPDUMP === null || !mayPrepare)('the real tcpdump (needs to be root)', () => {
  it('that finds no radio behind the interface is told in its own words, and started again', async () => {
    program(
      'tcpdump',
      `exec unshare -n sh -c 'ip link set lo name wlan1 && ip link set wlan1 up && exec ${TCPDUMP} "$@"' sh "$@"`,
    );
    const radios = new ScriptedRadios();
    radios.plugIn('phy1', '/usb/1-1', null);
    radios.interfaces.set('wlan1', { phy: 'phy1', type: 'monitor', up: true, carrier: true });
    const { capture } = machinePrograms(realClock());
    let started = 0;
    const programs = {
      run: radios.run.bind(radios),
      capture: (...words: Parameters<typeof capture>) => {
        started++;
        return capture(...words);
      },
    };
    const states: string[] = [];
    const { PATH } = process.env;
    process.env.PATH = environment().PATH;
    const source = new MonitorSource({
      adapter: 'wlan1',
      clock: realClock(),
      random: () => 0,
      files: radios,
      programs,
    });
    try {
      source.start({ bytes: () => undefined, state: (state, detail) => void states.push(`${state}: ${detail}`) });
      await until('another try', () => started > 1);
    } finally {
      process.env.PATH = PATH;
      await source.stop();
    }
    expect(states.at(-1)).toBe(
      'failed: tcpdump could not listen on wlan1: IEEE802_11_RADIO is not one of the DLTs supported by this device; it is tried again',
    );
  });
});

describe.skipIf(hasRadio)('a machine without a radio', () => {
  it('is told so, once, and nothing crashes or spins', async () => {
    const socket = join(folder, 'street.sock');
    const helper = new Child('footfall radio', process.execPath, [
      ...[MAIN, 'radio', 'street', '-s', settings(), '--socket', socket],
    ]);
    children.push(helper);
    await until('its word', () => helper.output.includes('"no_adapter"'));
    expect(helper.output).toContain('expected the Wi-Fi adapter wlan1, found none: plug it in');
    const ticks = (): number => {
      const stat = readFileSync(`/proc/${helper.pid}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ');
      return Number(stat[11]) + Number(stat[12]);
    };
    const before = ticks();
    // Two looks at the machine, and two turns of the channels.
    await new Promise((resolve) => setTimeout(resolve, 4_500));
    // Of 450, if it spun (clock ticks of 10 ms).
    expect(ticks() - before).toBeLessThan(50);
    expect(helper.output.match(/"state"/g)).toHaveLength(2);
    await helper.end();
    expect(existsSync(socket)).toBe(false);
  });
});
