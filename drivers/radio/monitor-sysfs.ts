/** The Wi-Fi radios of the machine, their interfaces and who uses them, by sysfs and procfs. */
import type { Switch, SysFiles } from './adapters.ts';

const RADIOS = '/sys/class/ieee80211';
const NETWORK = '/sys/class/net';
const RFKILL = '/sys/class/rfkill';
/** Interfaces in monitor mode give frames of these kinds: 802.11, with a Prism header, with radiotap (if_arp.h). */
const MONITOR_TYPES: ReadonlySet<string | undefined> = new Set(['801', '802', '803']);
/** IFF_UP of if.h. */
const UP = 1;
/** Bit of CAP_NET_ADMIN (capabilities(7)). */
const NET_ADMIN = 12n;

export interface Phy {
  /** `phy0`; the kernel gives another number when one is plugged in again. */
  name: string;
  /** Where it is plugged in; null for one that is not plugged into anything. */
  place: string | null;
  /** Differs each time it is plugged in. */
  plugged: number;
}

export interface WirelessInterface {
  name: string;
  phy: string;
  /** In monitor mode. */
  monitor: boolean;
  up: boolean;
  /** Belongs to a network, or is one. */
  connected: boolean;
}

export function physOf(files: SysFiles): Phy[] {
  const phys = (files.names(RADIOS) ?? []).map((name) => ({
    name,
    place: files.realpath(`${RADIOS}/${name}/device`),
    plugged: files.inode(`${RADIOS}/${name}/`) ?? 0,
  }));
  return phys.sort((one, other) => one.name.localeCompare(other.name, 'en', { numeric: true }));
}

export function wirelessOf(files: SysFiles): WirelessInterface[] {
  const found: WirelessInterface[] = [];
  for (const name of files.names(NETWORK) ?? []) {
    const phy = files.realpath(`${NETWORK}/${name}/phy80211`)?.split('/').at(-1);
    if (phy === undefined) continue;
    const read = (file: string): string | undefined => files.text(`${NETWORK}/${name}/${file}`)?.trim();
    const monitor = MONITOR_TYPES.has(read('type'));
    const up = (Number(read('flags') ?? 0) & UP) !== 0;
    // An interface that listens has a carrier as well.
    found.push({ name, phy, monitor, up, connected: !monitor && read('carrier') === '1' });
  }
  return found.sort((one, other) => one.name.localeCompare(other.name, 'en', { numeric: true }));
}

/** Names of the interfaces that a default route goes through (proc_net(5)). */
export function defaultRoutesOf(files: SysFiles): Set<string> {
  const names = new Set<string>();
  for (const line of files.text('/proc/net/route')?.split('\n').slice(1) ?? []) {
    const [name, destination, , , , , , mask] = line.trim().split(/\s+/);
    if (destination === '00000000' && mask === '00000000') names.add(name);
  }
  for (const line of files.text('/proc/net/ipv6_route')?.split('\n') ?? []) {
    const [destination, length, , , , , , , , name] = line.trim().split(/\s+/);
    if (name !== undefined && length === '00' && /^0{32}$/.test(destination)) names.add(name);
  }
  // The kernel's own, of what cannot be reached.
  names.delete('lo');
  return names;
}

/**
 * The radio to listen with: the one that was plugged in where `before` was, whatever it is called now, else the one that
 * the settings name: itself, one of its interfaces, or the one made for monitor mode of such (`wlan1mon`).
 */
export function choosePhy(
  wanted: string,
  phys: readonly Phy[],
  interfaces: readonly WirelessInterface[],
  before: Phy | null,
): Phy | null {
  const same = before?.place ? phys.find(({ place }) => place === before.place) : undefined;
  if (same !== undefined) return same;
  const named = interfaces.find(({ name }) => name === wanted || `${name}mon` === wanted)?.phy ?? wanted;
  return phys.find(({ name }) => name === named) ?? null;
}

/** Whether rfkill lets a radio listen (kernel: Documentation/driver-api/rfkill.rst). */
export function switchOfPhy(files: SysFiles, phy: string): Switch {
  for (const entry of files.names(RFKILL) ?? []) {
    const path = `${RFKILL}/${entry}`;
    if (files.realpath(`${path}/device`)?.split('/').at(-1) !== phy) continue;
    if (files.text(`${path}/hard`)?.trim() === '1') return 'off_by_hardware';
    if (files.text(`${path}/soft`)?.trim() === '1') return 'off_by_software';
  }
  return 'on';
}

/** Whether this process may set interfaces up. */
export function mayAdminister(files: SysFiles): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(files.text('/proc/self/status') ?? '')?.[1];
  return effective !== undefined && ((BigInt(`0x${effective}`) >> NET_ADMIN) & 1n) === 1n;
}
