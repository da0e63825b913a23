/** The kernel's view of Bluetooth, as a test has it. */
import type { SysFiles } from './adapters.ts';

interface SwitchScript {
  type?: string;
  owner: string;
  soft?: boolean;
  hard?: boolean;
}

export class ScriptedSysfs implements SysFiles {
  readonly #adapters = new Map<string, { place: string; inode: number }>();
  readonly #switches = new Map<string, SwitchScript>();
  readonly #bluetooth: boolean;
  #inode = 0;

  constructor({ bluetooth = true } = {}) {
    this.#bluetooth = bluetooth;
  }

  plugIn(name: string, place: string): void {
    this.#adapters.set(name, { place, inode: ++this.#inode });
  }

  unplug(name: string): void {
    this.#adapters.delete(name);
  }

  setSwitch(entry: string, script: SwitchScript | null): void {
    if (script === null) this.#switches.delete(entry);
    else this.#switches.set(entry, script);
  }

  names(path: string): string[] | null {
    if (path === '/sys/class/bluetooth') return this.#bluetooth ? [...this.#adapters.keys()] : null;
    return path === '/sys/class/rfkill' ? [...this.#switches.keys()] : null;
  }

  text(path: string): string | null {
    const [, entry, file] = /^\/sys\/class\/rfkill\/(\w+)\/(type|soft|hard)$/.exec(path) ?? [];
    const script = this.#switches.get(entry ?? '');
    if (script === undefined) return null;
    if (file === 'type') return `${script.type ?? 'bluetooth'}\n`;
    return (file === 'soft' ? script.soft : script.hard) ? '1\n' : '0\n';
  }

  realpath(path: string): string | null {
    const adapter = /^\/sys\/class\/bluetooth\/([^/]+)\/device$/.exec(path)?.[1];
    if (adapter !== undefined) return this.#adapters.get(adapter)?.place ?? null;
    const entry = /^\/sys\/class\/rfkill\/(\w+)\/device$/.exec(path)?.[1];
    const owner = this.#switches.get(entry ?? '')?.owner;
    return owner === undefined ? null : `/sys/devices/usb/1-1/bluetooth/${owner}`;
  }

  inode(path: string): number | null {
    return this.#adapters.get(/^\/sys\/class\/bluetooth\/([^/]+)\/$/.exec(path)?.[1] ?? '')?.inode ?? null;
  }
}
