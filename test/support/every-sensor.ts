/**
 * A day of a simulated store with every kind of sensor, through a daemon, a broker and a collector: a ledger of what each
 * sensor sent beside what the acknowledged records hold of it.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CoverageRecord, DoorRecord, WindowRecord } from '../../agent/analytics/records.ts';
import { startCollector } from '../../agent/collector/collector.ts';
import { requestLocal } from '../../agent/local/client.ts';
import type { SensorStatus, StatusDocument } from '../../agent/local/document.ts';
import { realClock } from '../../agent/platform/clock.ts';
import { DRIVER_FACTS } from '../../agent/settings/sensor-drivers.ts';
import type { SensorDriver, SensorSettings } from '../../agent/settings/settings.ts';
import { freePort } from '../../agent/uplink/brokers.ts';
import type { SimulatedSensor } from '../../drivers/simulator/store.ts';
import { Broker } from './broker.ts';
import { CountingStore, EVERY_SENSOR, type PlantedFault } from './every-sensor-store.ts';
import { countBatches, readLedger } from './ledger.ts';
import { until } from './processes.ts';
import { gatewaySettings, SimulatedGateway, sensorSettings } from './simulated-gateway.ts';

const MINUTE = 60_000;
export const WINDOW_MS = 15 * MINUTE;
export const START_MS = Date.UTC(2026, 2, 2, 8);
/** The first of the staff come half an hour before the doors open, the last leave half an hour after they close. */
const BEFORE_MS = 31 * MINUTE;
const AFTER_MS = 45 * MINUTE;
/** A window is sealed a moment after its end. */
const GRACE_MS = 30_000;
/** For everything that was sealed to be acknowledged; a collector that missed a batch is sent it again. */
const DRAIN_MS = 150_000;
/** As the product reads modem lines: debouncing goes by the arrival. */
const STEP_MS = 20;

export interface DayOptions {
  /** Scratch directory. */
  directory: string;
  seed: number;
  /** Length of the run, hours; the doors are open from its thirty-second minute until 45 minutes before its end. */
  hours: number;
  sensors?: readonly SimulatedSensor[];
  faults?: readonly PlantedFault[];
  /** Has the ledger tell every address and SSID of the day. */
  keepSecrets?: boolean;
}

/** What a sensor did, and what is known of it at the collector. */
export interface LedgerRow {
  id: string;
  driver: string;
  /** Frames on the wire, and what its decoder made of them. */
  sent: number;
  accepted: number;
  rejected: Record<string, number>;
  /** Of it, in the first minute: what its module prints at power-on. */
  rejectedAtBoot: Record<string, number>;
  /** Frames and rejections by the coverage records. */
  acceptedTold: number;
  rejectedTold: Record<string, number>;
  /** Windows whose coverage is not whole, milliseconds by window. */
  uncovered: [window: number, coveredMs: number][];
  windows: number;
  /** Probe requests or advertisements on the wire and in the records of its zone, where it is alone; null of a door. */
  air: null | { heard: number; counted: number };
  /** Of a door; people in front of its base line are left out. */
  door: null | { trueIn: number; trueOut: number; entries: number; exits: number; adds: 'both' | 'in' | 'sum' };
}

export interface DayLedger {
  rows: LedgerRow[];
  missing: { sequences: number[]; windows: number[]; double: number[]; held: number };
  /** Door records with people who were set aside, caught up, or came with a counter that began anew. */
  unusual: DoorRecord[];
  /** Empty unless they were to be kept. */
  secrets: { addresses: Uint8Array[]; ssids: string[] };
}

/** Runs the day; ends when every sealed window is acknowledged. */
export async function runEverySensor(options: DayOptions): Promise<DayLedger> {
  const { directory, seed, hours, sensors = EVERY_SENSOR, faults = [], keepSecrets = false } = options;
  mkdirSync(directory, { recursive: true });
  const endMs = START_MS + Math.ceil((hours * 60 * MINUTE) / WINDOW_MS) * WINDOW_MS;
  const store = new CountingStore(
    {
      seed,
      startMs: START_MS,
      days: [{ openMs: START_MS + BEFORE_MS, closeMs: endMs - AFTER_MS }],
      passersPerHour: 300,
      entersShare: 0.5,
      sensors,
      keepSecrets,
    },
    faults,
  );
  const ends: (() => Promise<void>)[] = [];
  try {
    const broker = new Broker(directory, await freePort());
    ends.push(() => broker.kill());
    await broker.start();
    const database = join(directory, 'collector.db');
    const collector = await startCollector({ url: broker.url, database, clock: realClock(), log: () => undefined });
    ends.push(() => collector.stop());
    const settings = gatewaySettings(directory, sensors.map(settingsOf), {
      uplink: { url: broker.url, ack: 'collector', window: 16, staggerSeconds: 0 },
    });
    const gateway = await SimulatedGateway.start({ store, settings, stepMs: STEP_MS });
    ends.push(() => gateway.stop());
    await gateway.advanceTo(START_MS + MINUTE);
    const booted = statusesOf(gateway);
    await gateway.advanceTo(endMs);
    // The truth goes on behind this: the lines are cut, and what they carried is in the windows until the next one's end.
    const truth = new Map(sensors.map(({ id }) => [id, { ...store.truth.sensors.get(id) }]));
    const sent = new Map(store.sent);
    const statuses = statusesOf(gateway);
    for (const { id } of sensors) gateway.line(id).hangUp();
    await gateway.advanceTo(endMs + WINDOW_MS + GRACE_MS);
    const socket = join(settings.runtimeDirectory, 'footfall.sock');
    const buffer = await until('the last acknowledgement', () => acknowledged(socket, database), DRAIN_MS, 50);
    const told = readLedger(database, buffer.sealed_through);
    const evidence = { truth, sent, booted, statuses, base: store.base, records: told.records, endMs };
    const rows = sensors.map((sensor) => rowOf(sensor, evidence));
    return {
      rows,
      missing: {
        sequences: told.missingSequences,
        windows: told.missingWindows,
        double: told.doubleWindows,
        held: buffer.held,
      },
      unusual: told.records.filter(isUnusual),
      secrets: keepSecrets ? store.secrets() : { addresses: [], ssids: [] },
    };
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

/** Each in a place of its own. A module that sends nothing but events is not silent because nobody comes. */
function settingsOf(sensor: SimulatedSensor): SensorSettings {
  const { id, unit, driver, variant } = sensor;
  return sensorSettings(sensor, {
    place: id,
    ...(unit === undefined ? {} : { port: driver }),
    ...(driver === 'door-lines' && variant === 'events' ? { silentMinutes: 24 * 60 } : {}),
  });
}

function statusesOf(gateway: SimulatedGateway): Map<string, SensorStatus> {
  return new Map(gateway.daemon.status().sensors.map((status) => [status.id, status]));
}

/** What the box still holds, once that is nothing. Asked over the socket: what the daemon has at hand may be older. */
async function acknowledged(socket: string, database: string): Promise<StatusDocument['buffer'] | null> {
  const { buffer } = (await requestLocal(socket, 'GET', '/status')) as StatusDocument;
  return buffer.held === 0 && countBatches(database) >= buffer.sealed_through ? buffer : null;
}

interface Evidence {
  truth: ReadonlyMap<string, { sightings?: number; advertisements?: number; in?: number; out?: number }>;
  sent: ReadonlyMap<string, number>;
  /** After a minute, and at the end. */
  booted: ReadonlyMap<string, SensorStatus>;
  statuses: ReadonlyMap<string, SensorStatus>;
  base: ReadonlyMap<string, { in: number; out: number }>;
  records: readonly WindowRecord[];
  endMs: number;
}

function rowOf(sensor: SimulatedSensor, evidence: Evidence): LedgerRow {
  const { truth, sent, booted, statuses, base, records, endMs } = evidence;
  const { id, driver, variant } = sensor;
  const { kind } = DRIVER_FACTS[driver as SensorDriver];
  const { sightings = 0, advertisements = 0, in: trueIn = 0, out: trueOut = 0 } = truth.get(id) ?? {};
  const status = statuses.get(id);
  const coverage = records.filter((each): each is CoverageRecord => each.kind === 'coverage' && each.place === id);
  const lived = coverage.filter(({ end_ms }) => end_ms <= endMs);
  const doors = records.filter((each): each is DoorRecord => each.kind === 'door' && each.place === id);
  const adds = driver !== 'door-contact' ? 'both' : variant === 'both' ? 'sum' : 'in';
  return {
    id,
    driver,
    sent: sent.get(id) ?? 0,
    accepted: status?.accepted ?? 0,
    rejected: status?.rejected ?? {},
    rejectedAtBoot: booted.get(id)?.rejected ?? {},
    acceptedTold: sum(coverage, ({ accepted }) => accepted),
    rejectedTold: sumsOf(coverage.map(({ rejected }) => rejected)),
    uncovered: lived.flatMap(({ window, covered_ms, start_ms, end_ms }): [number, number][] =>
      covered_ms === end_ms - start_ms ? [] : [[window, covered_ms]],
    ),
    windows: lived.length,
    air:
      kind === 'door'
        ? null
        : {
            heard: kind === 'wifi' ? sightings : advertisements,
            counted: sum(
              records.filter(({ place }) => place === id),
              countedIn,
            ),
          },
    door:
      kind === 'door'
        ? {
            trueIn: trueIn - (base.get(id)?.in ?? 0),
            trueOut: trueOut - (base.get(id)?.out ?? 0),
            entries: sum(doors, ({ entries }) => entries),
            exits: sum(doors, ({ exits }) => exits),
            adds,
          }
        : null,
  };
}

function countedIn(record: WindowRecord): number {
  return record.kind === 'traffic' ? record.sightings : record.kind === 'ble' ? record.advertisements : 0;
}

function isUnusual(record: WindowRecord): record is DoorRecord {
  if (record.kind !== 'door') return false;
  return record.set_aside > 0 || record.resets > 0 || record.catch_up_entries > 0 || record.catch_up_exits > 0;
}

function sum<T>(list: readonly T[], amount: (item: T) => number): number {
  return list.reduce((total, item) => total + amount(item), 0);
}

function sumsOf(parts: readonly Record<string, number>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const part of parts) for (const [key, value] of Object.entries(part)) sums[key] = (sums[key] ?? 0) + value;
  return sums;
}
