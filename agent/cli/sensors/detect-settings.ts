/** What to write into the settings for what was found. */
import { stringify } from 'yaml';
import type { Finding } from '../../../drivers/detect/finding.ts';
import { loadModbusProfile } from '../../settings/modbus-profile.ts';
import { DRIVER_FACTS, isSensorDriver } from '../../settings/sensor-drivers.ts';

/** Zone and first door of a store that names no others; both are for the installer to change. */
const ZONE = 'shop';
const DOOR = 'main';

/** Gives each sensor an id and a door of its own. */
export class SettingsWriter {
  readonly #taken: Set<string>;
  #doors = 0;

  /** @param taken ids that sensors have already. */
  constructor(taken: Iterable<string> = []) {
    this.#taken = new Set(taken);
  }

  /** An entry of `sensors` as YAML; null for a Modbus unit whose table is not known. */
  sensor(
    port: string,
    { driver, line, profile, unit }: Pick<Finding, 'driver' | 'line' | 'profile' | 'unit'>,
  ): string | null {
    if (!isSensorDriver(driver) || (driver === 'door-modbus' && profile === '')) return null;
    const { kind, baud, uartBaud, bus } = DRIVER_FACTS[driver];
    const usual =
      profile === '' ? { baud: uartBaud ?? baud, parity: 'none', stopBits: 1 } : loadModbusProfile(profile).line;
    const { baudRate, parity = 'none', stopBits = 1 } = line;
    return entry({
      id: this.#idOf(kind),
      driver,
      port,
      ...(baudRate !== usual.baud && { baud: baudRate }),
      ...(bus && parity !== usual.parity && { parity }),
      ...(bus && stopBits !== usual.stopBits && { stop_bits: stopBits }),
      ...(unit !== null && { unit }),
      ...(profile !== '' && { profile, in_channel: 1, out_channel: 2 }),
      ...this.#placeOf(kind),
    });
  }

  radio(driver: 'ble-hci' | 'wifi-monitor', adapter: string): string {
    const { kind } = DRIVER_FACTS[driver];
    return entry({ id: this.#idOf(kind), driver, adapter, zone: ZONE });
  }

  #idOf(kind: string): string {
    for (let number = 1; ; number++) {
      const id = `${kind}-${number}`;
      if (this.#taken.has(id)) continue;
      this.#taken.add(id);
      return id;
    }
  }

  #placeOf(kind: string): object {
    if (kind !== 'door') return { zone: ZONE };
    this.#doors++;
    return { door: this.#doors === 1 ? DOOR : `${DOOR}-${this.#doors}` };
  }
}

function entry(sensor: object): string {
  return stringify([sensor], { lineWidth: 0 });
}
