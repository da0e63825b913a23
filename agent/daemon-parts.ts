/** What the composition root is given: the machine under the daemon, and where its settings come from. */
import type { Driver, Transport } from '../drivers/driver.ts';
import type { Box } from './box.ts';
import type { Clock } from './clock.ts';
import type { SettingsSource } from './live-settings.ts';
import type { RunEnd } from './local/document.ts';
import type { Logging } from './logging.ts';
import type { EffectiveSettings, SensorSettings, Settings } from './settings/settings.ts';
import type { Storage } from './storage/storage.ts';

export interface DaemonParts {
  settings: Settings;
  /** How the settings came to be, and where they are read again; absent where there is no file. */
  source?: { effective: EffectiveSettings; from: SettingsSource };
  /** The broker's password, if any; never part of the settings. */
  password: string | undefined;
  /** Runs everything that counts. */
  clock: Clock;
  /** Runs the uplink: a network has its own time, whatever clock the store is simulated on. */
  networkClock: Clock;
  storage: Storage;
  box: Box;
  /** The line of a sensor: a serial port, or a simulated one. */
  transport(sensor: SensorSettings, driver: Driver): Transport;
  random: () => number;
  logging: Logging;
  /** Called once the database is this daemon's: notes the run, and gives how the one before it ended. */
  begin?: () => RunEnd | null;
  /** Present when the clock is virtual: moves it to a time. */
  advanceTo?: (ms: number) => Promise<void>;
}
