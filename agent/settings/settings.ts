/** The settings as the program uses them: checked, with every default filled in. No secret is ever part of them. */
import type { OpeningHours } from '../analytics/parameters.ts';

export type SensorDriver = 'wifi-pcap' | 'wifi-lines' | 'door-lines';
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
  /** Absolute path of the serial port. */
  port: string;
  /** Bits per second. */
  baud: number;
  /** What its readings feed. */
  role: SensorRole;
  /** Zone id, door id, or for a till the sensor's own id. */
  place: string;
  /** RSSI above which a device counts as inside, dBm; without meaning for doors and tills. */
  gateDbm: number;
  /** Link type of a pcap stream joined after its header was sent. */
  linkType?: 105 | 127 | 192;
  /** True for a door whose counter looks the other way round. */
  swap: boolean;
  /** Minutes without a valid frame, while the line is open, that count as silence. */
  silentMinutes: number;
}

export interface UplinkSettings {
  /** mqtt:// or mqtts:// with host and optional port; never with a user or password. */
  url: string;
  username?: string;
  /** File whose content is the password; read by `readPassword`. */
  passwordFile?: string;
  caFile?: string;
  ack: 'collector' | 'puback';
  /** Batches published and not yet acknowledged. */
  window: number;
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
  storage: { directory: string; commitSeconds: number; doorCommitSeconds: number };
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
  /** UTC milliseconds. */
  loadedMs: number;
}
