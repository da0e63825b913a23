/** Every driver, with the line that it is unplugged from and the sensor that is at its other end. */
import { join } from 'node:path';
import type { Clock } from '../../agent/clock.ts';
import { countersOf, loadModbusProfile } from '../../agent/settings/modbus-profile.ts';
import { DRIVER_FACTS, isSensorDriver } from '../../agent/settings/sensor-drivers.ts';
import type { DecoderOptions, Transport } from '../../drivers/driver.ts';
import { driverNamed } from '../../drivers/registry.ts';
import { encodeRadarFrame } from '../../drivers/simulator/encode/radar.ts';
import { encodeTerarangerDistances } from '../../drivers/simulator/encode/teraranger.ts';
import type { SimulatedSensor } from '../../drivers/simulator/options.ts';
import type { Random } from '../../drivers/simulator/random.ts';
import { ContactTransport } from '../../drivers/transport/contact.ts';
import { Lines } from '../../drivers/transport/lines.ts';
import { type Cable, ContactCable, PtyCable, RadioCable } from './unplugging-cable.ts';
import { CounterDoor, type Device, type DoorFacts, RelayDoor, SnifferDevice } from './unplugging-devices.ts';

/** Milliseconds between two questions to a counter that is asked. */
const POLL_MS = 20;
/** The back-off is drawn from the bottom of its range: 5 ms at first. */
const SHORT = 0.02;

interface Kind {
  driver: string;
  variant?: string;
  /** Over the socket of a radio helper in place of a serial line. */
  radio?: true;
  /** It is spoken to. */
  speaks?: true;
  unit?: number;
  /** No frame of it is believed without a checksum: nothing made of the bytes of two may pass. */
  checked?: true;
  door?: DoorFacts;
}

const ASKED: DoorFacts = { cumulative: true, pace: 1, filler: null };
/** LE Set Scan Enable (Bluetooth Core 5.4, Vol 4, Part E, 7.8.11), which a radio's helper says to its adapter. */
const SCAN = Uint8Array.of(1, 0x0c, 0x20, 2, 1, 0);
const LOG_TEXT = Buffer.from('I (48211) vl53l1x: roi 0 1893 mm\r\n');

/** By name: the driver's, and what is special about the sensor. */
export const SUBJECTS: Readonly<Record<string, Kind>> = {
  'wifi-lines': { driver: 'wifi-lines' },
  'wifi-json': { driver: 'wifi-json' },
  'wifi-pcap': { driver: 'wifi-pcap', checked: true },
  'wifi-monitor': { driver: 'wifi-monitor', radio: true, checked: true },
  'ble-hci': { driver: 'ble-hci', speaks: true },
  'ble-hci-radio': { driver: 'ble-hci', radio: true },
  'ble-nrf': { driver: 'ble-nrf', speaks: true, checked: true },
  'ble-sniffle': { driver: 'ble-sniffle', speaks: true },
  'ble-json': { driver: 'ble-json' },
  'door-modbus': { driver: 'door-modbus', variant: 'wb-mcm8', speaks: true, unit: 1, door: ASKED },
  'door-hpc168': { driver: 'door-hpc168', speaks: true, unit: 1, door: ASKED },
  'door-turnstile': { driver: 'door-turnstile', speaks: true, unit: 1, door: ASKED },
  'door-teraranger': {
    driver: 'door-teraranger',
    door: { cumulative: true, pace: 1, filler: (random) => encodeTerarangerDistances(random.integer(1, 4_000), 2_150) },
  },
  'door-lines': { driver: 'door-lines', door: { cumulative: true, pace: 1, filler: () => LOG_TEXT } },
  'door-radar': {
    driver: 'door-radar',
    door: { cumulative: false, pace: 4, filler: () => encodeRadarFrame([null, null, null]) },
  },
  'door-contact': { driver: 'door-contact', door: { cumulative: false, pace: 1, filler: null } },
};

export interface Plugged {
  kind: Kind;
  cable: Cable;
  device: Device;
  transport: Transport;
  decoder: DecoderOptions;
}

/** A sensor of that name on a cable, and the transport it is read by. */
export function plugUp(name: string, folder: string, clock: Clock, random: Random, bytesPerSecond: number): Plugged {
  const kind = SUBJECTS[name];
  const { driver, variant, unit, door } = kind;
  if (!isSensorDriver(driver)) throw new Error(`no driver is called ${driver}`);
  const path = join(folder, name);
  const jitter = (): number => SHORT;
  if (driver === 'door-contact') {
    const cable = new ContactCable();
    const device = new RelayDoor(random, cable);
    const line = { path, line: 'cts', clock, random: jitter, open: cable.opener } as const;
    return { kind, cable, device, transport: new ContactTransport(line), decoder: {} };
  }
  let device: Device | undefined;
  const cable = kind.radio ? new RadioCable(path) : new PtyCable(path, (bytes) => device?.receive(bytes));
  const sensor: SimulatedSensor = { id: name, driver, ...(variant && { variant }), ...(unit && { unit }) };
  device = door
    ? new CounterDoor(sensor, random, cable, door)
    : new SnifferDevice(sensor, random, cable, bytesPerSecond, kind.radio && SCAN);
  const lines = new Lines({ clock, networkClock: clock, random: jitter, radioSocket: () => path });
  const facts = DRIVER_FACTS[driver];
  const transport = lines.of({
    id: name,
    line: kind.radio ? 'radio' : 'serial',
    port: path,
    baud: driverNamed(driver).defaultBaud || (facts.uartBaud ?? 0),
    options: { ...(unit && { unit }), ...(facts.flowControl && { flowControl: true }) },
  });
  return { kind, cable, device, transport, decoder: decoderOptions(kind) };
}

function decoderOptions({ driver, variant, unit }: Kind): DecoderOptions {
  return {
    ...(unit && { unit, pollMs: POLL_MS }),
    ...(driver === 'door-modbus' && variant && { modbus: countersOf(loadModbusProfile(variant), { in: 1, out: 2 }) }),
    // Joined in mid-stream, when the board kept its power.
    ...(driver === 'wifi-pcap' && { linkType: 127 }),
  };
}
