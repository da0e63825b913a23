import { AgentError } from '../agent/errors.ts';
import { doorLines } from './door/lines.ts';
import type { Driver } from './driver.ts';
import { wifiLines } from './wifi/lines.ts';
import { wifiPcap } from './wifi/pcap.ts';

/** Every driver there is, by its name in the settings. */
export const DRIVERS: ReadonlyMap<string, Driver> = new Map(
  [wifiPcap, wifiLines, doorLines].map((driver) => [driver.name, Object.freeze(driver)]),
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
