/** The settings as the program uses them: checked, with every default filled in. No secret is ever part of them. */
import type { OpeningHours } from '../analytics/parameters.ts';

export type SensorDriver = 'wifi-pcap' | 'wifi-lines' | 'door-lines';
export type SensorRole = 'zone' | 'door' | 'transactions';
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

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
  log: { level: LogLevel };
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
