/** The demo's store: its day fitted into the time there is, its settings, and the simulation behind its sensors. */
import { DateTime } from 'luxon';
import { SimulatedStore } from '../../../drivers/simulator/store.ts';
import { AgentError } from '../../errors.ts';
import type { SensorSettings, Settings } from '../../settings/settings.ts';

export const TIME_ZONE = 'Europe/Prague';
const MINUTE_MS = 60_000;
/** People pass before the store opens; its day is settled half an hour after it closes, and that window must seal. */
const BEFORE_MS = 15 * MINUTE_MS;
const AFTER_MS = 50 * MINUTE_MS;
const SHORTEST_OPENING_MS = 60 * MINUTE_MS;
/** Walking speed an installer assumes when turning metres of frontage into seconds. */
const WALKING_METRES_PER_SECOND = 1.3;

export interface StoreDay {
  startMs: number;
  openMs: number;
  closeMs: number;
  endMs: number;
}

/** The day that takes `simulatedMs`: a Monday from 08:45. @throws AgentError `demo_time` when it does not fit a day. */
export function planDay(simulatedMs: number): StoreDay {
  const opens = DateTime.fromISO('2026-03-02T09:00', { zone: TIME_ZONE });
  const openMs = opens.toMillis();
  const openFor = Math.floor((simulatedMs - BEFORE_MS - AFTER_MS) / MINUTE_MS) * MINUTE_MS;
  const longest = opens.set({ hour: 23 }).toMillis() - openMs;
  if (openFor < SHORTEST_OPENING_MS || openFor > longest) {
    const hours = (ms: number): string => ((ms + BEFORE_MS + AFTER_MS) / (60 * MINUTE_MS)).toFixed(1);
    throw new AgentError(
      'demo_time',
      `expected --for times --speed to make ${hours(SHORTEST_OPENING_MS)} to ${hours(longest)} simulated hours, received ${(simulatedMs / (60 * MINUTE_MS)).toFixed(1)}`,
      'For example --for 60 --speed 600, or --for 20 --speed 1800.',
    );
  }
  return { startMs: openMs - BEFORE_MS, openMs, closeMs: openMs + openFor, endMs: openMs + openFor + AFTER_MS };
}

/** A fashion shop in a shopping street: what is not fixed here is drawn by the seed. */
export function openStore(day: StoreDay, seed: number): SimulatedStore {
  return new SimulatedStore({
    seed,
    startMs: day.startMs,
    days: [{ openMs: day.openMs, closeMs: day.closeMs }],
    sensors: [
      { id: 'shop-wifi', driver: 'wifi-pcap' },
      { id: 'main-door', driver: 'door-lines' },
    ],
    passersPerHour: 320,
    entersShare: 0.12,
    doorMiss: 0.01,
    staff: 3,
  });
}

export function settingsFor(
  store: SimulatedStore,
  day: StoreDay,
  paths: { data: string; run: string; broker: string },
): Settings {
  const minutes = (ms: number): number =>
    (ms - DateTime.fromMillis(ms, { zone: TIME_ZONE }).startOf('day').toMillis()) / MINUTE_MS;
  const open: [number, number][] = [[minutes(day.openMs), minutes(day.closeMs)]];
  // What an installer does: holds a phone in front of the shop and reads its strength.
  const gateDbm = Math.round(store.streetDbm('shop-wifi'));
  const line = { line: 'serial', port: 'simulated', baud: 115_200, options: {} } as const;
  const sensor = { ...line, gateDbm, swap: false, silentMinutes: 15 };
  const sensors: SensorSettings[] = [
    { ...sensor, id: 'shop-wifi', driver: 'wifi-pcap', role: 'zone', place: 'shop' },
    { ...sensor, id: 'main-door', driver: 'door-lines', role: 'door', place: 'main' },
  ];
  return {
    tenant: 'demo',
    gateway: 'demo-1',
    store: {
      id: 'demo-shop',
      timeZone: TIME_ZONE,
      hours: { week: Array.from({ length: 7 }, () => open), exceptions: {} },
    },
    sensors,
    counting: {
      windowMinutes: 15,
      graceSeconds: 10,
      visitGapSeconds: 300,
      // And measures the frontage.
      passingSeconds: Math.round(store.truth.parameters.reachMetres / WALKING_METRES_PER_SECOND),
    },
    storage: {
      directory: paths.data,
      commitSeconds: 5,
      doorCommitSeconds: 1,
      bufferBytes: 256 * 1024 * 1024,
      bufferHours: 2_160,
    },
    runtimeDirectory: paths.run,
    uplink: { url: paths.broker, ack: 'collector', window: 16, staggerSeconds: 0 },
    log: { level: 'silent', modules: {} },
    clock: { source: 'auto' },
    locked: [],
  };
}
