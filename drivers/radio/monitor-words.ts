/** What keeps a radio from listening in monitor mode: its state, and in words what was expected, found, and what to do. */
import type { Switch } from './adapters.ts';
import type { Trouble } from './bluetooth-words.ts';
import type { Tool, ToolResult } from './monitor-programs.ts';
import type { Phy, WirelessInterface } from './monitor-sysfs.ts';

/** Debian's packages of the programs. */
const PACKAGES: Readonly<Record<Tool, string>> = { iw: 'iw', ip: 'iproute2', tcpdump: 'tcpdump' };
const SERVICE = 'which footfall-radio@.service has';

/** Names of interfaces can hold the adapter's address, as in wlx001122334455 (systemd.net-naming-scheme(7)). */
export function plain(text: string): string {
  return text
    .replace(/[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}/gi, '(address)')
    .replace(/(?<![0-9a-f])[0-9a-f]{12}(?![0-9a-f])/gi, '(address)');
}

/** The last line of what a program said about why it failed, without its name. */
export function lastWord(err: string): string {
  const lines = err.split('\n').map((line) => line.trim().replace(/^(?:tcpdump|iw|ip): (?:pcap_loop: )?/, ''));
  const telling = lines.filter((line) => line !== '' && !/^(?:listening on|data link type|\d+ packets? )/.test(line));
  return plain(telling.at(-1) ?? '')
    .replace(/^\((.*)\)$/, '$1')
    .slice(0, 200);
}

export function noRadio(wanted: string, phys: readonly Phy[], interfaces: readonly WirelessInterface[]): Trouble {
  const found = phys.map(({ name }) => {
    const names = interfaces.filter(({ phy }) => phy === name).map((each) => each.name);
    return names.length === 0 ? name : `${names.join(', ')} (${name})`;
  });
  const mend =
    found.length === 0
      ? 'plug it in, or see: dmesg | grep -i -e wlan -e firmware'
      : 'plug it in, or name the right one in "adapter"';
  const told = found.length === 0 ? 'none' : plain(found.join(', '));
  return { state: 'no_adapter', detail: `expected the Wi-Fi adapter ${plain(wanted)}, found ${told}: ${mend}` };
}

export function switchedOffRadio(how: Exclude<Switch, 'on'>, phy: Phy): Trouble {
  const mend = how === 'off_by_hardware' ? 'turn its switch on' : 'sudo rfkill unblock wlan';
  const by = how === 'off_by_hardware' ? 'a switch or the firmware' : 'software (rfkill)';
  return { state: 'blocked', detail: `the Wi-Fi adapter ${phy.name} is switched off by ${by}: ${mend}` };
}

/** @param how what the interface is for, as `carries the default route`. */
export function inUse(name: string, phy: string, how: string): Trouble {
  const detail = `${plain(name)} of ${phy} ${how}, and is left alone: give this sensor a Wi-Fi adapter of its own`;
  return { state: 'failed', detail };
}

export function cannotListen(phy: string): Trouble {
  return { state: 'failed', detail: `the Wi-Fi adapter ${phy} has no monitor mode: use another adapter` };
}

/** @param commands what does it by hand. */
export function mayNot(what: string, commands: readonly string[]): Trouble {
  const byHand = commands.map((command) => `sudo ${plain(command)}`).join('; ');
  const detail = `no permission to ${plain(what)}: expected the capability CAP_NET_ADMIN, ${SERVICE}; or by hand: ${byHand}`;
  return { state: 'no_permission', detail };
}

export function isDown(name: string): Trouble {
  return { state: 'adapter_down', detail: `${plain(name)} is down and is being set up` };
}

/** Why a program failed. @param what it was to do. */
export function troubleOfTool(tool: Tool, { code, err, missing }: Omit<ToolResult, 'out'>, what: string): Trouble {
  if (missing) {
    const mend = `sudo apt install ${PACKAGES[tool]}`;
    return { state: 'no_module', detail: `${tool} is not installed, which is needed to ${plain(what)}: ${mend}` };
  }
  const said = lastWord(err) || (code === null ? 'it was ended' : `exit code ${code}`);
  const detail = `${tool} could not ${plain(what)}: ${said}`;
  if (/RF-?kill/i.test(err)) return { state: 'blocked', detail: `${detail}; sudo rfkill unblock wlan` };
  if (/not permitted|have permission|permission denied/i.test(err)) {
    const capability = tool === 'tcpdump' ? 'CAP_NET_RAW' : 'CAP_NET_ADMIN';
    return { state: 'no_permission', detail: `${detail}; expected the capability ${capability}, ${SERVICE}` };
  }
  if (/no such device|cannot find device|interface disappeared/i.test(err)) return { state: 'no_adapter', detail };
  if (/not up|network is down/i.test(err)) return { state: 'adapter_down', detail };
  return { state: 'failed', detail: `${detail}; it is tried again` };
}
