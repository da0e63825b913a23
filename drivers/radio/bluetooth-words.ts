/** What keeps a Bluetooth adapter from listening: its state, and in words what was expected, found, and what to do. */
import type { Adapter, Switch } from './adapters.ts';
import type { RadioState } from './source.ts';

export interface Trouble {
  state: RadioState;
  detail: string;
}

/** How an adapter is spoken of. */
export function called(adapter: Adapter | null): string {
  return adapter?.name ?? 'the Bluetooth adapter';
}

export function noAdapter(wanted: string, adapters: readonly Adapter[]): Trouble {
  const found = adapters.length === 0 ? 'none' : adapters.map(({ name }) => name).join(', ');
  const expected = wanted === 'auto' ? 'a Bluetooth adapter' : `the Bluetooth adapter ${wanted}`;
  const mend =
    adapters.length === 0 ? 'plug one in, or see: dmesg | grep -i bluetooth' : 'name it in "adapter", or "auto"';
  return { state: 'no_adapter', detail: `expected ${expected}, found ${found}: ${mend}` };
}

export function switchedOff(how: Exclude<Switch, 'on'>, adapter: Adapter | null): Trouble {
  const mend = how === 'off_by_hardware' ? 'turn its switch on' : 'sudo rfkill unblock bluetooth';
  const by = how === 'off_by_hardware' ? 'a switch or the firmware' : 'software (rfkill)';
  return { state: 'blocked', detail: `${called(adapter)} is switched off by ${by}: ${mend}` };
}

/** A state of noble in which it does not hear; null for one that passes. */
export function troubleOfState(state: string, adapter: Adapter | null): Trouble | null {
  if (state === 'unauthorized') return noPermission(adapter);
  if (state === 'unsupported') {
    const detail = `${called(adapter)} has no Bluetooth Low Energy (Bluetooth 4.0 or later): use another adapter`;
    return { state: 'failed', detail };
  }
  if (state !== 'poweredOff') return null;
  const detail = `${called(adapter)} is down and is being switched on; should that not help: sudo hciconfig hci${adapter?.index ?? 0} up`;
  return { state: 'adapter_down', detail };
}

/** Why the process of noble ended, by the code of its error. */
export function troubleOfCode(code: string, adapter: Adapter | null, wanted: string): Trouble {
  switch (code) {
    case 'EAFNOSUPPORT':
      return {
        state: 'no_module',
        detail: 'this kernel has no Bluetooth, or the service may not use it: sudo modprobe bluetooth',
      };
    case 'MODULE_NOT_FOUND':
    case 'ERR_MODULE_NOT_FOUND':
    case 'ERR_DLOPEN_FAILED':
      return {
        state: 'no_module',
        detail:
          'the native module for Bluetooth is not built for this Node: install python3, make and g++, then run scripts/install.sh again',
      };
    case 'ENODEV':
      return adapter === null ? noAdapter(wanted, []) : { state: 'no_adapter', detail: `${adapter.name} went away` };
    case 'EPERM':
    case 'EACCES':
      return noPermission(adapter);
    case 'ERFKILL':
      return switchedOff('off_by_software', adapter);
    case 'EBUSY':
      return {
        state: 'failed',
        detail: `${called(adapter)} is used by another program: stop that one, or give this sensor an adapter of its own`,
      };
    default:
      return { state: 'failed', detail: `listening with ${called(adapter)} failed (${code}); it is tried again` };
  }
}

/** @param how it ended. */
export function processGone(how: string): Trouble {
  return { state: 'failed', detail: `the process that listens is gone: ${how}; another is started` };
}

function noPermission(adapter: Adapter | null): Trouble {
  const detail = `no permission to use ${called(adapter)}: expected the capabilities CAP_NET_RAW and CAP_NET_ADMIN, which footfall-radio@.service has`;
  return { state: 'no_permission', detail };
}
