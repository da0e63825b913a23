/**
 * The Wi-Fi of the box itself, by which it may reach its broker: through NetworkManager's nmcli(1). Names of networks are
 * for the screen of whoever set this up; no error here holds one, and no password is ever on a command line.
 */
import { createRequire } from 'node:module';
import { AgentError } from '../errors.ts';
import { LOCALE, nmcli, rowsOf } from './nmcli.ts';
import { denied, failureOf, joinFailureOf, noAdapter, notFound, wrongPassword } from './nmcli-failures.ts';

export interface WifiNetwork {
  /** As NetworkManager shows it; empty for a network that hides its name. */
  ssid: string;
  /** Signal of its strongest access point, percent. */
  signal: number;
  channel: number;
  /** Centre frequency, MHz. */
  frequencyMhz: number;
  /** As in `WPA2` or `WPA2 WPA3`; empty for an open network. */
  security: string;
  /** Whether this box is in it now. */
  active: boolean;
}

export interface WifiLink extends WifiNetwork {
  /** Interface, as in `wlan0`. */
  device: string;
  /** As NetworkManager tells it, as in `130 Mbit/s`. */
  rate: string;
}

export interface WifiDevice {
  device: string;
  /** As in `connected`, `disconnected`, `unavailable`, `unmanaged`. */
  state: string;
}

export interface JoinRequest {
  ssid: string;
  /** Null for an open network. */
  password: string | null;
  device?: string;
  /** The network hides its name. */
  hidden?: boolean;
}

/**
 * Every method rejects with an AgentError: `nmcli_missing`, `network_manager_down`, `wifi_missing`, `wifi_denied`,
 * `wifi_silent`, `wifi_failed`; `join` also with `network_not_found`, `network_open`, `network_foreign`,
 * `password_wrong`, `join_failed`.
 */
export interface WifiControl {
  devices(): Promise<WifiDevice[]>;
  /** The network each adapter is in; empty where none is connected. */
  links(): Promise<WifiLink[]>;
  /** What can be heard, one entry a name and kind of security, the strongest first; scans anew after half a minute. */
  networks(): Promise<WifiNetwork[]>;
  /** A network that is not joined leaves no profile behind. */
  join(request: JoinRequest): Promise<void>;
}

/** What node-wifi's scan gives, as far as it is used. */
interface Scanned {
  ssid: string;
  quality: number;
  channel: number;
  frequency: number;
  security: string;
}

interface NodeWifi {
  init(options: { iface: string | null }): void;
  scan(): Promise<Scanned[]>;
}

const JOIN_SECONDS = 45;
const FIELDS = ['ACTIVE', 'SSID', 'CHAN', 'FREQ', 'RATE', 'SIGNAL', 'SECURITY', 'DEVICE'];
const LOCALE_NAMES = ['LANG', 'LC_ALL', 'LC_MESSAGES'];
export function realWifi(): WifiControl {
  const asked = async (...words: string[]) => {
    const result = await nmcli(words);
    if (result.code === 0) return rowsOf(result.out);
    throw failureOf(result);
  };
  const list = async (rescan: 'auto' | 'no'): Promise<WifiLink[]> => {
    const words = ['-t', '-e', 'yes', '-f', FIELDS.join(','), 'device', 'wifi', 'list', '--rescan', rescan];
    return (await asked(...words)).map(linkOf);
  };
  const devices = async (): Promise<WifiDevice[]> => {
    const rows = await asked('-t', '-e', 'yes', '-f', 'DEVICE,TYPE,STATE', 'device');
    return rows.filter(([, type]) => type === 'wifi').map(([device = '', , state = '']) => ({ device, state }));
  };
  const profilesOf = async (ssid: string): Promise<string[]> => {
    const rows = await asked('-t', '-e', 'yes', '-f', 'UUID,TYPE,NAME', 'connection', 'show');
    return rows.filter(([, type, name]) => type === '802-11-wireless' && name === ssid).map(([uuid = '']) => uuid);
  };
  const remove = (uuids: readonly string[]) =>
    Promise.all(uuids.map((uuid) => nmcli(['connection', 'delete', 'uuid', uuid])));
  const demandDevice = async (): Promise<void> => {
    if ((await devices()).length === 0) throw noAdapter();
  };
  const links = async (): Promise<WifiLink[]> => {
    await demandDevice();
    // Not by node-wifi: a name that ends in a backslash throws in its callback, which ends the process.
    return (await list('no')).filter(({ active }) => active);
  };
  return {
    devices,
    links,
    async networks() {
      const joined = new Set((await links()).map(({ ssid }) => ssid));
      const heard = (await scan().catch(() => null)) ?? (await list('auto')).map(networkOf);
      return strongest(heard.map((network) => ({ ...network, active: joined.has(network.ssid) })));
    },
    async join(request) {
      const { ssid, password, device } = request;
      await demandDevice();
      await demandPermission(asked);
      const heard = (await list('auto')).filter((network) => network.ssid === ssid && !request.hidden);
      const keys = keyManagementOf(request, heard[0]);
      const former = await profilesOf(ssid);
      const added = await nmcli(profileWords(request, keys));
      const uuid = /\(([0-9a-f-]{36})\) successfully added/.exec(added.out)?.[1];
      if (added.code !== 0 || uuid === undefined) throw failureOf(added);
      try {
        const words = ['--wait', String(JOIN_SECONDS), 'connection', 'up', 'uuid', uuid];
        const where = device === undefined ? [] : ['ifname', device];
        const secret = password === null ? {} : { input: `802-11-wireless-security.psk:${escapeSecret(password)}\n` };
        const file = password === null ? [] : ['passwd-file', '/proc/self/fd/0'];
        const limitMs = (JOIN_SECONDS + 15) * 1_000;
        const result = await nmcli([...words, ...where, ...file], { limitMs, ...secret });
        if (result.code !== 0) throw joinFailureOf(result, JOIN_SECONDS);
        // Not before: NetworkManager would try at once, without the password.
        await asked('connection', 'modify', 'uuid', uuid, 'connection.autoconnect', 'yes');
      } catch (error) {
        await remove([uuid]);
        throw error;
      }
      await remove(former);
    },
  };
}

function profileWords({ ssid, device = '*', hidden }: JoinRequest, keys: string | null): string[] {
  return [
    ...['connection', 'add', 'type', 'wifi', 'ifname', device, 'con-name', ssid, 'autoconnect', 'no', 'ssid', ssid],
    ...(hidden ? ['802-11-wireless.hidden', 'yes'] : []),
    ...(keys === null ? [] : ['802-11-wireless-security.key-mgmt', keys]),
  ];
}

/** `802-11-wireless-security.key-mgmt` of nm-settings(5); null for a network without security. */
function keyManagementOf({ password, hidden }: JoinRequest, heard: WifiNetwork | undefined): string | null {
  if (heard === undefined && !hidden) throw notFound();
  const kinds = heard?.security.split(' ').filter((word) => word !== '') ?? [];
  if (kinds.includes('802.1X') || kinds.includes('WEP')) {
    const hint = 'Set it up with: sudo nmtui';
    throw new AgentError('network_foreign', `expected WPA with a password, found ${kinds.join(' ')}`, hint);
  }
  const protectedBy = kinds.filter((word) => word.startsWith('WPA'));
  if (password === null) {
    if (protectedBy.length > 0) throw wrongPassword('expected no password to be needed, found that one is');
    return kinds.includes('OWE') ? 'owe' : null;
  }
  if (heard !== undefined && protectedBy.length === 0) {
    throw new AgentError(
      'network_open',
      'expected a network with a password, found an open one',
      'Join it with --open.',
    );
  }
  return protectedBy.length > 0 && protectedBy.every((word) => word === 'WPA3') ? 'sae' : 'wpa-psk';
}

/** As nmcli reads it back: it takes backslash escapes, and strips spaces at both ends that are not escaped. */
function escapeSecret(password: string): string {
  return password.replaceAll('\\', '\\\\').replace(/^ | $/g, '\\040');
}

/**
 * A scan by node-wifi, with the process's locale as it was: loading it overwrites LANG, LC_ALL and LC_MESSAGES. Null where
 * its answer cannot be trusted: it takes a colon in a name for the end of the field, and leaves backslashes doubled.
 */
async function scan(): Promise<WifiNetwork[] | null> {
  const found = await inLocale(() => {
    const wifi = createRequire(import.meta.url)('node-wifi') as NodeWifi;
    wifi.init({ iface: null });
    process.env.LC_ALL = LOCALE.LC_ALL;
    return wifi.scan();
  });
  const trusted = found.every(
    ({ ssid, quality, channel, frequency }) =>
      !/[\\:]/.test(ssid) && [quality, channel, frequency].every((value) => Number.isFinite(value)),
  );
  if (!trusted) return null;
  return found.map(({ ssid, quality, channel, frequency, security }) => ({
    ...{ ssid, signal: quality, channel, frequencyMhz: frequency },
    ...{ security: security === 'none' ? '' : security, active: false },
  }));
}

/** The locale is put back as soon as `start` returns: by then its programs have their copy of the environment. */
function inLocale<T>(start: () => T): T {
  const before = LOCALE_NAMES.map((name) => [name, process.env[name]] as const);
  try {
    return start();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

function linkOf(fields: readonly string[]): WifiLink {
  const [active, ssid = '', channel, frequency, rate = '', signal, security = '', device = ''] = fields;
  return {
    ssid,
    signal: Number(signal),
    channel: Number(channel),
    frequencyMhz: Number.parseInt(frequency ?? '', 10),
    security,
    active: active === 'yes',
    device,
    rate,
  };
}

function networkOf({ device: _device, rate: _rate, ...network }: WifiLink): WifiNetwork {
  return network;
}

/** Several access points serve one network: the strongest stands for all. */
function strongest(networks: readonly WifiNetwork[]): WifiNetwork[] {
  const best = new Map<string, WifiNetwork>();
  for (const network of networks.toSorted((a, b) => b.signal - a.signal)) {
    const key = JSON.stringify([network.ssid, network.security]);
    if (!best.has(key)) best.set(key, network);
  }
  return [...best.values()];
}

/** Told before anything is tried: https://networkmanager.dev/docs/api/latest/nmcli.html, `general permissions`. */
async function demandPermission(asked: (...words: string[]) => Promise<string[][]>): Promise<void> {
  const rights = new Map(
    (await asked('-t', '-e', 'yes', '-f', 'PERMISSION,VALUE', 'general', 'permissions')).map(([name, value]) => [
      name,
      value,
    ]),
  );
  const needed = ['network-control', 'settings.modify.system'];
  if (needed.some((name) => rights.get(`org.freedesktop.NetworkManager.${name}`) !== 'yes')) throw denied();
}
