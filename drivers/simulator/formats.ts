/**
 * What each kind of sensor puts on its line: one entry a driver. A format is made once for each simulated sensor and keeps
 * whatever its module would: its clock, its counters, its buffers.
 */
import type { Agenda } from './agenda.ts';
import type { AirFrame } from './air-frame.ts';
import type { SecretSink } from './device.ts';
import { BleHciFormat } from './formats/ble-hci.ts';
import { BleJsonFormat } from './formats/ble-json.ts';
import { BleNrfFormat } from './formats/ble-nrf.ts';
import { BleSniffleFormat } from './formats/ble-sniffle.ts';
import { DoorContactFormat } from './formats/door-contact.ts';
import { DoorHpc168Format } from './formats/door-hpc168.ts';
import { DoorLinesFormat } from './formats/door-lines.ts';
import { DoorModbusFormat } from './formats/door-modbus.ts';
import { DoorRadarFormat } from './formats/door-radar.ts';
import { DoorTerarangerFormat } from './formats/door-teraranger.ts';
import { DoorTurnstileFormat } from './formats/door-turnstile.ts';
import { JsonFormat } from './formats/wifi-json.ts';
import { LinesFormat } from './formats/wifi-lines.ts';
import { MonitorFormat } from './formats/wifi-monitor.ts';
import { PcapFormat } from './formats/wifi-pcap.ts';
import type { SimulatedSensor } from './options.ts';
import type { Random } from './random.ts';
import type { Wire } from './scene.ts';

export interface AirModule {
  sensor: SimulatedSensor;
  random: Random;
  secrets: SecretSink;
}

/** A Wi-Fi sniffer. */
export interface AirFormat {
  /** What it sends when it is powered. */
  boot(ms: number): Uint8Array;
  frame(ms: number, frame: AirFrame, rssi: number): Uint8Array;
}

/** One BLE advertisement as it is on the air (Bluetooth Core 5.4, Vol 6, Part B, 2.3.1). */
export interface Advertisement {
  /** Six octets, the most significant first, as people write an address. */
  address: Uint8Array;
  random: boolean;
  /** PDU type: 0 ADV_IND, 2 ADV_NONCONN_IND, 6 ADV_SCAN_IND. */
  type: 0 | 2 | 6;
  /** AD structures, at most 31 octets. */
  data: Uint8Array;
}

/** A BLE sniffer. */
export interface AdvertisingFormat {
  /** What it sends when it is powered. */
  boot(ms: number): Uint8Array;
  /** @param channel advertising channel index, 37 to 39. */
  advertisement(ms: number, advertisement: Advertisement, rssi: number, channel: number): Uint8Array;
  /** Bytes from the gateway, and what it answers at once. A sniffer that must be told to scan is silent until then. */
  receive?(ms: number, bytes: Uint8Array): Uint8Array;
}

export interface Totals {
  in: number;
  out: number;
}

export interface DoorModule {
  sensor: SimulatedSensor;
  /** For what happens later: heartbeats, frames of a track, answers after a moment. */
  agenda: Agenda;
  random: Random;
  wire: Wire;
}

/** A door counter. */
export interface DoorFormat {
  /** Power on, the totals at zero. */
  boot(): void;
  /** Someone was counted; totals since power on. The object is the caller's. */
  counted(totals: Readonly<Totals>, inwards: boolean): void;
  /** Bytes from the gateway; an answer goes to the wire a few milliseconds later. */
  receive?(bytes: Uint8Array): void;
}

export const AIR_FORMATS: Readonly<Record<string, (module: AirModule) => AirFormat>> = {
  'wifi-lines': (module) => new LinesFormat(module),
  'wifi-json': (module) => new JsonFormat(module),
  'wifi-pcap': (module) => new PcapFormat(module),
  'wifi-monitor': (module) => new MonitorFormat(module),
};

export const ADVERTISING_FORMATS: Readonly<Record<string, (module: AirModule) => AdvertisingFormat>> = {
  'ble-hci': (module) => new BleHciFormat(module),
  'ble-nrf': (module) => new BleNrfFormat(module),
  'ble-sniffle': (module) => new BleSniffleFormat(module),
  'ble-json': (module) => new BleJsonFormat(module),
};

export const DOOR_FORMATS: Readonly<Record<string, (module: DoorModule) => DoorFormat>> = {
  'door-modbus': (module) => new DoorModbusFormat(module),
  'door-hpc168': (module) => new DoorHpc168Format(module),
  'door-teraranger': (module) => new DoorTerarangerFormat(module),
  'door-lines': (module) => new DoorLinesFormat(module),
  'door-turnstile': (module) => new DoorTurnstileFormat(module),
  'door-contact': (module) => new DoorContactFormat(module),
  'door-radar': (module) => new DoorRadarFormat(module),
};
