/** The daemon on this machine: its serial ports, its disk, its clock, logging JSON lines to stdout until told to end. */
import { join } from 'node:path';
import { pino } from 'pino';
import { SerialTransport } from '../drivers/transport/serial.ts';
import { Daemon, readMachineId } from './daemon.ts';
import { realClock, VirtualClock } from './platform/clock.ts';
import type { Settings } from './settings/settings.ts';
import { openStorageClient } from './storage/client.ts';

export interface RunParts {
  settings: Settings;
  password: string | undefined;
  /** UTC milliseconds at which a virtual clock stands still in place of the machine's. */
  virtualStartMs?: number;
  /** Another entry of the storage thread than the product's. */
  storageWorker?: URL;
}

/** Resolves after SIGINT or SIGTERM and an orderly end. */
export async function runDaemon({ settings, password, virtualStartMs, storageWorker }: RunParts): Promise<void> {
  const logger = pino(
    { level: settings.log.level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    // A worker that writes for us would lose its last lines at the end; journald does the rest.
    pino.destination({ fd: 1, sync: true }),
  );
  const fatal = (error: unknown): never => {
    throw error;
  };
  const networkClock = realClock();
  const virtual = virtualStartMs === undefined ? null : new VirtualClock(virtualStartMs);
  const clock = virtual ?? networkClock;
  const daemon = await Daemon.start({
    settings,
    password,
    clock,
    networkClock,
    storage: openStorageClient({
      path: join(settings.storage.directory, 'footfall.db'),
      machineId: readMachineId(),
      ...(storageWorker === undefined ? {} : { workerUrl: storageWorker }),
      onError: fatal,
    }),
    transport: (sensor) =>
      new SerialTransport({ path: sensor.port, baudRate: sensor.baud, clock, random: Math.random }),
    random: Math.random,
    log: (level, fields, message) => logger[level](fields, message),
    ...(virtual === null ? {} : { advanceTo: (ms: number) => virtual.advanceTo(ms) }),
  });
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  logger.info('stopping');
  await daemon.stop();
  logger.info('stopped');
}
