/** Settings of a daemon whose lines are in memory, for tests of it as a whole. */
import { join } from 'node:path';
import type { SensorSettings, Settings } from './settings/settings.ts';

export const DOOR: SensorSettings = {
  id: 'front',
  driver: 'door-lines',
  line: 'serial',
  port: 'memory',
  baud: 115_200,
  role: 'door',
  place: 'front',
  gateDbm: -70,
  swap: false,
  silentMinutes: 15,
  options: {},
};

/** Of a shop in UTC that is always open, and delivers nothing. */
export function settingsIn(directory: string, sensors: SensorSettings[], windowMinutes = 15, data = 'data'): Settings {
  const always = Array.from({ length: 7 }, (): [number, number][] => [[0, 1440]]);
  return {
    tenant: 'lab',
    gateway: 'one',
    store: { id: 'shop', timeZone: 'UTC', hours: { week: always, exceptions: {} } },
    sensors,
    counting: { windowMinutes, graceSeconds: 10, visitGapSeconds: 300, passingSeconds: 20 },
    storage: {
      directory: join(directory, data),
      commitSeconds: 5,
      doorCommitSeconds: 1,
      bufferBytes: 1024 * 1024,
      bufferHours: 24,
    },
    runtimeDirectory: join(directory, 'run'),
    log: { level: 'silent', modules: {} },
    clock: { source: 'auto' },
    locked: [],
  };
}
