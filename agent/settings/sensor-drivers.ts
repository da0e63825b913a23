/** What the settings need to know of each driver; the drivers themselves stay unknown here. */
import type { SensorDriver } from './settings.ts';

interface DriverFacts {
  kind: 'wifi' | 'door';
  /** Bits per second where the settings name none. */
  baud: number;
  /** Keys of a sensor that this driver does not read. */
  foreignKeys: readonly string[];
}

export const DRIVER_NAMES = ['wifi-pcap', 'wifi-lines', 'door-lines'] as const satisfies readonly SensorDriver[];

export const DRIVER_FACTS: Readonly<Record<SensorDriver, DriverFacts>> = {
  'wifi-pcap': { kind: 'wifi', baud: 921_600, foreignKeys: ['door', 'role', 'swap'] },
  'wifi-lines': { kind: 'wifi', baud: 115_200, foreignKeys: ['door', 'role', 'swap', 'link_type'] },
  'door-lines': { kind: 'door', baud: 115_200, foreignKeys: ['zone', 'gate_dbm', 'link_type'] },
};

export function isSensorDriver(name: unknown): name is SensorDriver {
  return DRIVER_NAMES.some((known) => known === name);
}
