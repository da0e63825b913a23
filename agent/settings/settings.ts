/** The settings as the program uses them: checked, with every default filled in. No secret is ever part of them. */
import type { OpeningHours } from '../analytics/parameters.ts';

export type SensorDriver =
  | 'wifi-lines'
  | 'wifi-json'
  | 'wifi-pcap'
  | 'wifi-monitor'
  | 'ble-hci'
  | 'ble-nrf'
  | 'ble-sniffle'
  | 'ble-json'
  | 'door-modbus'
  | 'door-hpc168'
  | 'door-teraranger'
  | 'door-lines'
  | 'door-turnstile'
  | 'door-contact'
  | 'door-radar';
export type SensorRole = 'zone' | 'door' | 'transactions';
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

/** The settings file of a box that is set up as usual. */
export const DEFAULT_SETTINGS = '/etc/footfall/footfall.yaml';

/** The parts of the program whose log level can be set apart. */
export const LOG_MODULES = ['daemon', 'sensors', 'counting', 'storage', 'uplink', 'settings'] as const;
export type LogModule = (typeof LOG_MODULES)[number];

export interface SensorSettings {
  id: string;
  driver: SensorDriver;
  /** What it is attached by. Sensors of a driver for buses may share a serial line. */
  line: 'serial' | 'contact' | 'radio';
  /** Absolute path of the serial port; of a radio its adapter, such as `hci0`, `wlan1` or `auto`. */
  port: string;
  /** Bits per second; 0 for a radio. */
  baud: number;
  /** What its readings feed. */
  role: SensorRole;
  /** Zone id, door id, or for a till the sensor's own id. */
  place: string;
  /** RSSI above which a device counts as inside, dBm; without meaning for doors and tills. */
  gateDbm: number;
  /** True for a door whose counter looks the other way round. */
  swap: boolean;
  /** Minutes without a valid frame, while the line is open, that count as silence. */
  silentMinutes: number;
  /** What only some drivers are told. */
  options: SensorOptions;
}

/** Settings of single drivers; absent where a driver does not read them. */
export interface SensorOptions {
  /** wifi-pcap: link type of a stream joined after its header was sent. */
  linkType?: 105 | 127 | 192;
  /** Serial frame, where it is not 8N1. */
  parity?: 'none' | 'even' | 'odd';
  stopBits?: 1 | 2;
  /** RTS/CTS flow control. */
  flowControl?: boolean;
  /** Address on the bus: Modbus 1 to 247, HPC168 1 to 65535, turnstile 1 to 255. */
  unit?: number;
  pollMs?: number;
  /** door-modbus: where the profile's registers of this door's channels are. */
  modbus?: ModbusCounters;
  /** ble-sniffle: the advertising channel it stays on. */
  advertisingChannel?: 37 | 38 | 39;
  /** wifi-monitor: Wi-Fi channels listened to in turn, and for how long each; empty leaves the adapter as it is. */
  channels?: number[];
  channelSeconds?: number;
  /** door-contact: the modem line, what a closure counts, and how long it must last. */
  contact?: 'cts' | 'dsr' | 'dcd';
  counts?: 'in' | 'out' | 'both';
  debounceMs?: number;
  /** door-radar: the line that is crossed, mm from the radar, and how far beyond it counts as crossed. */
  lineMm?: number;
  hysteresisMm?: number;
}

/** Where a Modbus unit keeps the totals of one door; registers and coils by their zero-based addresses. */
export interface ModbusCounters {
  /** 3: holding registers, 4: input registers. */
  functionCode: 3 | 4;
  /** Both the same for a beam that only knows a total. */
  entered: number;
  left: number;
  words: 1 | 2;
  wordOrder: 'high-first' | 'low-first';
  width: 16 | 24 | 32;
  /** Coils that must be on for the counters to run. */
  enableCoils: readonly number[];
}

export interface UplinkSettings {
  /** mqtt:// or mqtts:// with host and optional port; never with a user or password. */
  url: string;
  username?: string;
  /** File whose content is the password; read by `readPassword`. */
  passwordFile?: string;
  caFile?: string;
  /** Client certificate and its key, PEM; both or neither. */
  certFile?: string;
  keyFile?: string;
  ack: 'collector' | 'puback';
  /** Batches published and not yet acknowledged. */
  window: number;
  /** Over how many seconds a fleet spreads the sending of what it sealed at the same instant. */
  staggerSeconds: number;
}

export interface Settings {
  tenant: string;
  gateway: string;
  store: {
    id: string;
    /** IANA time zone. */
    timeZone: string;
    hours: OpeningHours;
  };
  sensors: SensorSettings[];
  counting: { windowMinutes: number; graceSeconds: number; visitGapSeconds: number; passingSeconds: number };
  storage: {
    directory: string;
    commitSeconds: number;
    doorCommitSeconds: number;
    /** Bytes of unsent batches beyond which the oldest are dropped, and told. */
    bufferBytes: number;
    /** Hours of windows behind the newest one beyond which unsent batches are dropped, and told; by window, not by clock. */
    bufferHours: number;
  };
  /** Holds the daemon's socket. */
  runtimeDirectory: string;
  /** Absent when nothing is to be sent. */
  uplink?: UplinkSettings;
  log: {
    level: LogLevel;
    /** Modules with a level of their own. */
    modules: Partial<Record<LogModule, LogLevel>>;
  };
  /** Prometheus text over HTTP on this port of 127.0.0.1; absent when only the socket serves it. */
  metrics?: { port: number };
  /** `host`: whoever runs this machine keeps its clock (a container, a virtual machine), so it is trusted unasked. */
  clock: { source: 'auto' | 'host' };
  /** What is told besides counts; absent for nothing. */
  share?: { visitors: boolean };
  /** Keys that only the file may set: neither the remote revision nor a local override. */
  locked: string[];
}

/** One mistake in a settings file, at its place. */
export interface Mistake {
  /** From 1. */
  line: number;
  column: number;
  /** Where in the settings, as in `sensors[0].baud`; empty for the top level and for YAML syntax. */
  path: string;
  message: string;
}

/** Where a value came from; the later ones outdo the earlier. */
export type Layer = 'default' | 'file' | 'remote' | 'override';

/** One leaf of the settings with its origin. */
export interface Origin {
  /** As in `counting.window_minutes` or `sensors.front-wifi.gate_dbm`: sensors go by id, keys are those of the file. */
  key: string;
  /** The value in force, as JSON would hold it. */
  value: unknown;
  layer: Layer;
  /** Line in the settings file, from 1, for the layer `file`. */
  line?: number;
  /** Name of the remote revision, for the layer `remote`. */
  revision?: string;
  /** UTC milliseconds at which it ends, for the layer `override`. */
  untilMs?: number;
}

/** A local override: one key, until it expires. */
export interface Override {
  key: string;
  value: unknown;
  untilMs: number;
}

/** What became of the settings that the centre asked for last. */
export interface RemoteOutcome {
  /** Of the centre's message; empty where it could not be read. */
  revision: string;
  /** `applied`: in force, but for the keys listed apart; `rejected`: nothing of it, and what was in force before still is. */
  state: 'applied' | 'rejected';
  /** Why it was rejected: what was expected, what was found. */
  reasons: string[];
  /** Asked for, and outdone by a local override. */
  overridden: string[];
  /** Asked for, and locked by the settings file. */
  locked: string[];
}

/** The settings in force, and how they came to be. */
export interface EffectiveSettings {
  settings: Settings;
  /** The settings file. */
  path: string;
  /** What was read: its text is kept as the last good one once the daemon runs with it. */
  text: string;
  /** `last_good`: the file is broken or gone, the text is the last one that was not. */
  source: 'file' | 'last_good';
  /** The file's mistakes, `file:line:column: at path: ...`; empty when the source is the file. */
  mistakes: string[];
  /** Overrides in force, by key. */
  overrides: Override[];
  /** Null before the centre's first message. */
  remote: RemoteOutcome | null;
  /** UTC milliseconds. */
  loadedMs: number;
}
