/** A machine with Wi-Fi radios, as a test has it: its sysfs, and programs that change it as the real ones would. */
import type { SysFiles } from './adapters.ts';
import type { Capture, CaptureEvents, MonitorPrograms, Tool, ToolResult } from './monitor-programs.ts';

interface ScriptedInterface {
  phy: string;
  type: string;
  up: boolean;
  carrier: boolean;
  ssid?: string;
}

interface ScriptedPhy {
  place: string;
  inode: number;
  modes: string[];
  soft: boolean;
  hard: boolean;
}

const ARPHRD: Readonly<Record<string, string>> = { monitor: '803' };
/** The header of a pcap file of radiotap frames, in the byte order of this machine (little-endian). */
export const PCAP_HEADER = Buffer.from('d4c3b2a1020004000000000000000000001000007f000000', 'hex');

/** A record of so many octets. */
export function record(length: number, fill = 7): Buffer {
  const bytes = Buffer.alloc(16 + length, fill);
  bytes.writeUInt32LE(1_700_000_000, 0);
  bytes.writeUInt32LE(1, 4);
  bytes.writeUInt32LE(length, 8);
  bytes.writeUInt32LE(length, 12);
  return bytes;
}

export class ScriptedCapture implements Capture {
  readonly name: string;
  readonly events: CaptureEvents;
  ending = false;
  /** Whether it goes as soon as it is asked to. */
  prompt = true;
  #gone = Promise.withResolvers<void>();

  constructor(name: string, events: CaptureEvents) {
    this.name = name;
    this.events = events;
  }

  opens(): void {
    this.events.bytes(PCAP_HEADER);
  }

  hears(count = 1): void {
    for (let i = 0; i < count; i++) this.events.bytes(record(60));
  }

  fails(err: string, code: number | null = 1, missing = false): void {
    this.events.ended({ code, err, missing });
    this.#gone.resolve();
  }

  end(): Promise<void> {
    this.ending = true;
    if (this.prompt) this.#gone.resolve();
    return this.#gone.promise;
  }

  go(): void {
    this.#gone.resolve();
  }
}

export class ScriptedRadios implements SysFiles, MonitorPrograms {
  readonly phys = new Map<string, ScriptedPhy>();
  readonly interfaces = new Map<string, ScriptedInterface>();
  readonly captures: ScriptedCapture[] = [];
  /** Commands that changed something, or tried to. */
  readonly commands: string[] = [];
  /** What a command that begins so says, in place of doing anything. */
  readonly refusals = new Map<string, string>();
  readonly missing = new Set<Tool>();
  administers = true;
  /** tcpdump opens its interface without being told to. */
  opens = false;
  route = '';
  route6 = '';
  #inode = 0;

  plugIn(phy: string, place: string, name: string | null, modes = ['managed', 'monitor']): void {
    this.phys.set(phy, { place, inode: ++this.#inode, modes, soft: false, hard: false });
    if (name !== null) this.interfaces.set(name, { phy, type: 'managed', up: false, carrier: false });
  }

  unplug(phy: string): void {
    this.phys.delete(phy);
    for (const [name, each] of this.interfaces) if (each.phy === phy) this.interfaces.delete(name);
  }

  /** The interface of that name, to be looked at or changed. */
  at(name: string): ScriptedInterface {
    const found = this.interfaces.get(name);
    if (found === undefined) throw new Error(`no interface ${name}`);
    return found;
  }

  get last(): ScriptedCapture {
    return this.captures[this.captures.length - 1];
  }

  names(path: string): string[] | null {
    if (path === '/sys/class/ieee80211') return [...this.phys.keys()];
    if (path === '/sys/class/net') return ['lo', 'eth0', ...this.interfaces.keys()];
    return path === '/sys/class/rfkill' ? [...this.phys.keys()].map((phy) => `rf-${phy}`) : null;
  }

  text(path: string): string | null {
    if (path === '/proc/self/status') return `CapEff:\t${this.administers ? '0000000000003000' : '0000000000002000'}\n`;
    if (path === '/proc/net/route') return this.route;
    if (path === '/proc/net/ipv6_route') return this.route6;
    const [, entry, kind] = /^\/sys\/class\/rfkill\/rf-(\w+)\/(soft|hard)$/.exec(path) ?? [];
    const phy = this.phys.get(entry ?? '');
    if (phy !== undefined) return (kind === 'soft' ? phy.soft : phy.hard) ? '1\n' : '0\n';
    const [, name, file] = /^\/sys\/class\/net\/([^/]+)\/(\w+)$/.exec(path) ?? [];
    const found = this.interfaces.get(name ?? '');
    if (found === undefined) return null;
    if (file === 'type') return `${ARPHRD[found.type] ?? '1'}\n`;
    if (file === 'flags') return found.up ? '0x1003\n' : '0x1002\n';
    // The kernel gives EINVAL of an interface that is down.
    return file === 'carrier' && found.up ? (found.carrier || found.type === 'monitor' ? '1\n' : '0\n') : null;
  }

  realpath(path: string): string | null {
    const name = /^\/sys\/class\/net\/([^/]+)\/phy80211$/.exec(path)?.[1];
    if (name !== undefined) {
      const phy = this.interfaces.get(name)?.phy;
      return phy === undefined ? null : `/sys/devices/usb/1-1/ieee80211/${phy}`;
    }
    const blocked = /^\/sys\/class\/rfkill\/rf-(\w+)\/device$/.exec(path)?.[1];
    if (blocked !== undefined) return `/sys/devices/usb/1-1/ieee80211/${blocked}`;
    return this.phys.get(/^\/sys\/class\/ieee80211\/(\w+)\/device$/.exec(path)?.[1] ?? '')?.place ?? null;
  }

  inode(path: string): number | null {
    return this.phys.get(/^\/sys\/class\/ieee80211\/(\w+)\/$/.exec(path)?.[1] ?? '')?.inode ?? null;
  }

  run(tool: Tool, words: readonly string[]): Promise<ToolResult> {
    if (this.missing.has(tool)) return Promise.resolve({ code: null, out: '', err: '', missing: true });
    const line = [tool, ...words].join(' ');
    const looks = line === 'iw dev' || /^iw phy \w+ info$/.test(line);
    if (!looks) this.commands.push(line);
    const refusal = [...this.refusals].find(([begin]) => line.startsWith(begin))?.[1];
    const err = refusal ?? (looks ? '' : this.#change(line));
    if (err !== '') return Promise.resolve({ code: 1, out: '', err, missing: false });
    return Promise.resolve({ code: 0, out: looks ? this.#told(words) : '', err: '', missing: false });
  }

  capture(name: string, events: CaptureEvents): ScriptedCapture {
    const capture = new ScriptedCapture(name, events);
    this.captures.push(capture);
    if (this.opens) queueMicrotask(() => capture.opens());
    return capture;
  }

  #change(line: string): string {
    const gone = 'command failed: No such device (-19)';
    const [, linked, how] = /^ip link set (\S+) (up|down)$/.exec(line) ?? [];
    if (linked !== undefined) {
      const found = this.interfaces.get(linked);
      if (found === undefined) return `Cannot find device "${linked}"`;
      if (how === 'up' && this.phys.get(found.phy)?.soft)
        return 'RTNETLINK answers: Operation not possible due to RF-kill';
      found.up = how === 'up';
      return '';
    }
    const typed = /^iw dev (\S+) set type (\w+)$/.exec(line);
    if (typed !== null) {
      const found = this.interfaces.get(typed[1]);
      if (found === undefined) return gone;
      if (found.up) return 'command failed: Device or resource busy (-16)';
      found.type = typed[2];
      return '';
    }
    const added = /^iw phy (\w+) interface add (\S+) type (\w+)$/.exec(line);
    if (added !== null) {
      this.interfaces.set(added[2], { phy: added[1], type: added[3], up: false, carrier: false });
      return '';
    }
    const tuned = /^iw dev (\S+) set channel \d+$/.exec(line);
    return tuned !== null && this.interfaces.has(tuned[1]) ? '' : gone;
  }

  #told([kind, phy]: readonly string[]): string {
    if (kind === 'phy') {
      const modes = (this.phys.get(phy)?.modes ?? []).map((mode) => `\t\t * ${mode}\n`).join('');
      return `Wiphy ${phy}\n\tSupported interface modes:\n${modes}\tBand 1:\n\t\tFrequencies:\n\t\t\t* 2412 MHz [1] (20.0 dBm)\n\t\t\t* 2437 MHz [6] (20.0 dBm)\n\t\t\t* 2462 MHz [11] (20.0 dBm)\n\t\t\t* 2484 MHz [14] (disabled)\n`;
    }
    const parts = [...this.phys.keys()].map((name) => {
      const mine = [...this.interfaces].filter(([, each]) => each.phy === name);
      const told = mine.map(
        ([each, { type, ssid }]) =>
          `\tInterface ${each}\n\t\tifindex 3\n\t\twdev 0x1\n\t\taddr 02:00:00:00:00:00\n${ssid ? `\t\tssid ${ssid}\n` : ''}\t\ttype ${type}\n`,
      );
      return `phy#${name.slice(3)}\n${told.join('')}`;
    });
    return parts.join('');
  }
}
