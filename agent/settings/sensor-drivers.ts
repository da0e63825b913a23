/** What the settings need to know of each driver; the drivers themselves stay unknown here. */
import type { SensorDriver } from './settings.ts';

/** Keys of a sensor that only some drivers read. */
export const DRIVER_KEYS = [
  'port',
  'adapter',
  'baud',
  'parity',
  'stop_bits',
  'unit',
  'poll_ms',
  'profile',
  'in_channel',
  'out_channel',
  'total_channel',
  'role',
  'zone',
  'gate_dbm',
  'link_type',
  'door',
  'swap',
  'advertising_channel',
  'channels',
  'channel_seconds',
  'contact',
  'counts',
  'debounce_ms',
  'line_mm',
  'hysteresis_mm',
] as const;
export type DriverKey = (typeof DRIVER_KEYS)[number];
/** Keys that some driver cannot do without. */
export type NeededKey = 'port' | 'adapter' | 'zone' | 'profile' | 'contact';

interface DriverFacts {
  kind: 'wifi' | 'ble' | 'door';
  line: 'serial' | 'contact' | 'radio';
  /** Bits per second where the settings name none; 0 where there are none. */
  baud: number;
  /** Keys of a sensor that this driver reads, of those that not every driver does. */
  keys: readonly DriverKey[];
  /** Those of them that must be said; that each door has its door, and a Modbus unit its channels, comes on top. */
  needs: readonly NeededKey[];
  /** RTS/CTS flow control. */
  flowControl?: true;
  /** Several sensors may share a line, told apart by `unit`, which is at most this. */
  bus?: { highestUnit: number };
  /** What `adapter` may be, as a regular expression. */
  adapter?: string;
  /** Bits per second on a serial line, where the settings name a `port` in place of an adapter. */
  uartBaud?: number;
}

const ZONE = ['zone', 'gate_dbm'] as const;
const SERIAL = ['port', 'baud'] as const;
const DOOR = ['door', 'swap'] as const;
const BUS = ['parity', 'stop_bits', 'unit', 'poll_ms'] as const;
const HEARS = ['port', 'zone'] as const;
const COUNTS = ['port'] as const;

export const DRIVER_FACTS: Readonly<Record<SensorDriver, DriverFacts>> = {
  'wifi-lines': { kind: 'wifi', line: 'serial', baud: 115_200, keys: [...SERIAL, ...ZONE], needs: HEARS },
  'wifi-json': { kind: 'wifi', line: 'serial', baud: 921_600, keys: [...SERIAL, ...ZONE], needs: HEARS },
  'wifi-pcap': { kind: 'wifi', line: 'serial', baud: 921_600, keys: [...SERIAL, ...ZONE, 'link_type'], needs: HEARS },
  'wifi-monitor': {
    kind: 'wifi',
    line: 'radio',
    baud: 0,
    keys: ['adapter', ...ZONE, 'channels', 'channel_seconds'],
    needs: ['adapter', 'zone'],
    adapter: String.raw`^(?!auto$|\.{1,2}$)[\w.-]{1,15}$`,
  },
  'ble-hci': {
    kind: 'ble',
    line: 'radio',
    baud: 0,
    keys: ['adapter', ...SERIAL, ...ZONE],
    needs: ['zone'],
    adapter: String.raw`^(auto|hci\d{1,3})$`,
    // Zephyr's hci_uart: 1 Mbit/s with RTS/CTS, which H4 (Bluetooth Core, Vol 4, Part A) demands of every line.
    uartBaud: 1_000_000,
    flowControl: true,
  },
  'ble-nrf': {
    kind: 'ble',
    line: 'serial',
    baud: 1_000_000,
    keys: [...SERIAL, ...ZONE],
    needs: HEARS,
    flowControl: true,
  },
  'ble-sniffle': {
    kind: 'ble',
    line: 'serial',
    baud: 2_000_000,
    keys: [...SERIAL, ...ZONE, 'advertising_channel'],
    needs: HEARS,
  },
  'ble-json': { kind: 'ble', line: 'serial', baud: 115_200, keys: [...SERIAL, ...ZONE], needs: HEARS },
  'door-modbus': {
    kind: 'door',
    line: 'serial',
    baud: 9_600,
    keys: [...SERIAL, ...BUS, ...DOOR, 'profile', 'in_channel', 'out_channel', 'total_channel'],
    needs: ['port', 'profile'],
    bus: { highestUnit: 247 },
  },
  'door-hpc168': {
    kind: 'door',
    line: 'serial',
    baud: 115_200,
    keys: [...SERIAL, ...BUS, ...DOOR],
    needs: COUNTS,
    bus: { highestUnit: 65_535 },
  },
  'door-teraranger': { kind: 'door', line: 'serial', baud: 115_200, keys: [...SERIAL, ...DOOR], needs: COUNTS },
  'door-lines': { kind: 'door', line: 'serial', baud: 115_200, keys: [...SERIAL, ...DOOR, 'role'], needs: COUNTS },
  'door-turnstile': {
    kind: 'door',
    line: 'serial',
    baud: 9_600,
    keys: [...SERIAL, ...BUS, ...DOOR],
    needs: COUNTS,
    bus: { highestUnit: 255 },
  },
  'door-contact': {
    kind: 'door',
    line: 'contact',
    baud: 0,
    keys: ['port', ...DOOR, 'role', 'contact', 'counts', 'debounce_ms'],
    needs: ['port', 'contact'],
  },
  'door-radar': {
    kind: 'door',
    line: 'serial',
    baud: 256_000,
    keys: [...SERIAL, ...DOOR, 'line_mm', 'hysteresis_mm'],
    needs: COUNTS,
  },
};

/** What a sensor's key is where the settings and its driver say nothing else. */
export const SENSOR_DEFAULTS = {
  adapter: 'auto',
  gate_dbm: -70,
  swap: false,
  unit: 1,
  poll_ms: 1000,
  advertising_channel: 37,
  channels: [1, 6, 11],
  channel_seconds: 2,
  counts: 'in',
  debounce_ms: 50,
  line_mm: 1500,
  hysteresis_mm: 300,
  silent_minutes: 15,
} as const;

export const DRIVER_NAMES = Object.keys(DRIVER_FACTS) as [SensorDriver, ...SensorDriver[]];

export function isSensorDriver(name: unknown): name is SensorDriver {
  return DRIVER_NAMES.some((known) => known === name);
}

/** Keys of a sensor that has this driver, in the order in which they are written. */
export function keysOf(driver: SensorDriver): string[] {
  const { keys } = DRIVER_FACTS[driver];
  return ['id', 'driver', ...DRIVER_KEYS.filter((key) => keys.includes(key)), 'silent_minutes'];
}
