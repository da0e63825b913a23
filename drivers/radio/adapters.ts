/** The Bluetooth adapters of the machine and whether they are switched off, by sysfs. */
import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';

const BLUETOOTH = '/sys/class/bluetooth';
const RFKILL = '/sys/class/rfkill';

/** The part of the file system that is asked; null where there is no such thing. */
export interface SysFiles {
  /** Names in a folder. */
  names(path: string): string[] | null;
  text(path: string): string | null;
  realpath(path: string): string | null;
  /** A number that another file at the same path does not have. */
  inode(path: string): number | null;
}

export interface Adapter {
  /** `hci0`; the kernel gives another number when one is plugged in again. */
  name: string;
  index: number;
  /** Where it is plugged in, such as `/sys/devices/.../1-1:1.0`; null for one that is not plugged into anything. */
  place: string | null;
  /** Differs each time it is plugged in. */
  plugged: number;
}

export type Switch = 'on' | 'off_by_software' | 'off_by_hardware';

/** Adapters by index; null where the kernel's Bluetooth is not there, or cannot be looked at. */
export function adaptersOf(files: SysFiles): Adapter[] | null {
  const names = files.names(BLUETOOTH);
  if (names === null) return null;
  const adapters: Adapter[] = [];
  for (const name of names) {
    // Connections are listed there as well, as hci0:1.
    const index = /^hci(\d{1,5})$/.exec(name)?.[1];
    if (index === undefined) continue;
    const path = `${BLUETOOTH}/${name}`;
    adapters.push({
      name,
      index: Number(index),
      place: files.realpath(`${path}/device`),
      plugged: files.inode(`${path}/`) ?? 0,
    });
  }
  return adapters.sort((one, other) => one.index - other.index);
}

/**
 * The adapter to listen with: the one that was plugged in where `before` was, whatever it is called now, else the one the
 * settings name, for `auto` the first.
 */
export function chooseAdapter(wanted: string, adapters: readonly Adapter[], before: Adapter | null): Adapter | null {
  const named = adapters.find(({ name }) => name === wanted) ?? null;
  const same = before?.place ? adapters.find(({ place }) => place === before.place) : undefined;
  return same ?? (wanted === 'auto' ? (adapters[0] ?? null) : named);
}

/** Whether rfkill lets a radio speak (kernel: Documentation/driver-api/rfkill.rst). @param name null: any adapter's switch. */
export function switchOf(files: SysFiles, name: string | null): Switch {
  let found: Switch = 'on';
  for (const entry of files.names(RFKILL) ?? []) {
    const path = `${RFKILL}/${entry}`;
    if (files.text(`${path}/type`)?.trim() !== 'bluetooth') continue;
    const owner = files.realpath(`${path}/device`)?.split('/').at(-1);
    if (name !== null && owner !== name) continue;
    if (files.text(`${path}/hard`)?.trim() === '1') return 'off_by_hardware';
    if (files.text(`${path}/soft`)?.trim() === '1') found = 'off_by_software';
  }
  return found;
}

export const machineFiles: SysFiles = {
  names: (path) => orNull(() => readdirSync(path)),
  text: (path) => orNull(() => readFileSync(path, 'utf8')),
  realpath: (path) => orNull(() => realpathSync(path)),
  inode: (path) => orNull(() => statSync(path).ino),
};

function orNull<Value>(read: () => Value): Value | null {
  try {
    return read();
  } catch {
    return null;
  }
}
