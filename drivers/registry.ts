import { AgentError } from '../agent/errors.ts';
import { bleHci } from './ble/hci.ts';
import { bleJson } from './ble/json.ts';
import { bleNrf } from './ble/nrf.ts';
import { bleSniffle } from './ble/sniffle.ts';
import { doorContact } from './door/contact.ts';
import { doorHpc168 } from './door/hpc168.ts';
import { doorLines } from './door/lines.ts';
import { doorModbus } from './door/modbus.ts';
import { doorRadar } from './door/radar.ts';
import { doorTeraranger } from './door/teraranger.ts';
import { doorTurnstile } from './door/turnstile.ts';
import type { Driver } from './driver.ts';
import { wifiJson } from './wifi/json.ts';
import { wifiLines } from './wifi/lines.ts';
import { wifiMonitor } from './wifi/monitor.ts';
import { wifiPcap } from './wifi/pcap.ts';

/** Every driver there is, by its name in the settings. */
export const DRIVERS: ReadonlyMap<string, Driver> = new Map(
  [
    wifiPcap,
    wifiLines,
    wifiJson,
    wifiMonitor,
    bleHci,
    bleNrf,
    bleSniffle,
    bleJson,
    doorModbus,
    doorHpc168,
    doorTeraranger,
    doorLines,
    doorTurnstile,
    doorContact,
    doorRadar,
  ].map((driver) => [driver.name, Object.freeze(driver)]),
);

/** The driver of that name. Throws AgentError `driver_unknown`. */
export function driverNamed(name: string): Driver {
  const driver = DRIVERS.get(name);
  if (driver === undefined) {
    const known = [...DRIVERS.keys()].join(', ');
    throw new AgentError('driver_unknown', `Expected a driver name, found "${name}".`, `Use one of: ${known}.`);
  }
  return driver;
}
