/** The network under the uplink: a way out, name servers, what NetworkManager says, the radio link. */
import type { Context } from './context.ts';
import type { Finding } from './finding.ts';
import { textOf } from './machine.ts';
import { ChapterReport, countOf } from './report.ts';

/** Below this a Wi-Fi link loses what it sends. */
const WEAK_DBM = -75;
/** Flags of a route (linux/route.h). */
const UP = 0x1;
const REJECT = 0x200;

const report = new ChapterReport('network');

export async function* checkNetwork(context: Context): AsyncGenerator<Finding> {
  yield await checkRoute(context);
  yield await checkNameServers(context);
  yield await checkNetworkManager(context);
  yield* await checkWifiLink(context);
}

async function checkRoute({ machine, settings }: Context): Promise<Finding> {
  const check = { check: 'default_route', tried: 'looked for a default route' };
  const [v4, v6] = await Promise.all([textOf(machine, '/proc/net/route'), textOf(machine, '/proc/net/ipv6_route')]);
  const ways = [
    ...defaultRoutes(v4 ?? '').map((name) => `${name} (IPv4)`),
    ...defaultRoutes6(v6 ?? '').map((name) => `${name} (IPv6)`),
  ];
  if (ways.length > 0) return report.ok(check, `by ${ways.join(', ')}`);
  const mend = 'Check the cable or the Wi-Fi (footfall wifi), and whether this box is given an address (DHCP).';
  if (settings?.uplink === undefined)
    return report.warning(check, 'there is none: this box reaches its own network only', mend);
  return report.error(check, 'there is none: nothing beyond its own network can be reached', mend);
}

/** Interfaces of /proc/net/route with a default route (proc(5)): destination and mask 0, up, not a rejection. */
export function defaultRoutes(text: string): string[] {
  const rows = text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/));
  return unique(
    rows
      .filter(
        ([, destination, , flags, , , , mask]) =>
          Number(`0x${destination}`) === 0 && Number(`0x${mask}`) === 0 && leads(flags),
      )
      .map(([name]) => name),
  );
}

/** The same of /proc/net/ipv6_route: destination, its prefix length in hex, source, its length, next hop, metric, two counts, flags, name. */
export function defaultRoutes6(text: string): string[] {
  const rows = text.split('\n').map((line) => line.trim().split(/\s+/));
  return unique(
    rows
      .filter((row) => /^0{32}$/.test(row[0]) && row[1] === '00' && row[9] !== 'lo' && leads(row[8]))
      .map((row) => row[9]),
  );
}

function leads(flags: string): boolean {
  const bits = Number(`0x${flags}`);
  return (bits & UP) !== 0 && (bits & REJECT) === 0;
}

async function checkNameServers({ machine }: Context): Promise<Finding> {
  const check = { check: 'name_servers', tried: 'read /etc/resolv.conf' };
  const servers = [...((await textOf(machine, '/etc/resolv.conf')) ?? '').matchAll(/^\s*nameserver\s+(\S+)/gm)];
  // An IPv6 address can hold that of the hardware (RFC 4291, appendix A), so only those of IPv4 are shown.
  const shown = servers.map(([, address]) => address).filter((address) => /^[\d.]+$/.test(address));
  const list = shown.length > 0 ? `: ${shown.join(', ')}` : '';
  if (servers.length > 0) return report.ok(check, `${countOf(servers.length, 'name server')}${list}`);
  const mend = 'Name one in the network settings of this box, or let DHCP do so.';
  return report.warning(check, 'it names no server: host names cannot be resolved', mend);
}

async function checkNetworkManager({ machine }: Context): Promise<Finding> {
  const check = { check: 'network_manager', tried: 'asked NetworkManager' };
  const words = ['-t', '-f', 'STATE,CONNECTIVITY', 'general', 'status'];
  const { code, out, failure } = await machine.run('nmcli', words, 5_000);
  if (failure === 'missing') return report.skipped(check, 'it is not installed: the network is kept by something else');
  const [state, connectivity] = out.trim().split(':');
  if (code !== 0 || connectivity === undefined) return report.skipped(check, 'it does not run or does not answer');
  const found = `${state}, connectivity ${connectivity}`;
  if (state === 'connected' && (connectivity === 'full' || connectivity === 'unknown')) return report.ok(check, found);
  const mend =
    connectivity === 'portal'
      ? 'The network wants a login on a web page first: use another one for this box.'
      : 'See what is missing: nmcli device; footfall wifi';
  return report.warning(check, found, mend);
}

async function checkWifiLink({ machine }: Context): Promise<Finding[]> {
  const links = wifiLevels((await textOf(machine, '/proc/net/wireless')) ?? '');
  const tried = 'measured the radio link';
  if (links.length === 0) return [report.skipped({ check: 'wifi_link', tried }, 'no Wi-Fi link is up')];
  return links.map(({ name, dbm }) => {
    const check = { check: 'wifi_link', subject: name, tried };
    if (dbm >= WEAK_DBM) return report.ok(check, `${dbm} dBm`);
    const mend = 'Move the box or its antenna, bring the access point nearer, or use a cable.';
    return report.warning(check, `${dbm} dBm, weak (expected at least ${WEAK_DBM} dBm)`, mend);
  });
}

/** Signal levels by /proc/net/wireless (proc(5)); some drivers give them as an unsigned byte. */
export function wifiLevels(text: string): { name: string; dbm: number }[] {
  return [...text.matchAll(/^\s*(\S+):\s+\S+\s+\S+\s+(-?\d+)\.?\s/gm)].map(([, name, level]) => {
    const value = Number(level);
    return { name, dbm: value > 63 ? value - 256 : value };
  });
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)];
}
