/**
 * The examples of the contract: two days of a simulated store, counted by the code that counts live and encoded by the code
 * that encodes. By seed: the same on every machine.
 */
import { createSecretKey } from 'node:crypto';
import type { Parameters, SensorParameters } from '../../agent/analytics/parameters.ts';
import type { SealedWindow } from '../../agent/analytics/records.ts';
import { type BatchOrigin, encodeWindow } from '../../agent/contract/batch.ts';
import { encodeGap } from '../../agent/contract/gap.ts';
import { encodeMessage, type StateMessage } from '../../agent/contract/messages.ts';
import { encodeProbe } from '../../agent/contract/probe.ts';
import { Replay } from '../../agent/replay.ts';
import { VERSION } from '../../agent/version.ts';
import { SimulatedStore } from '../../drivers/simulator/store.ts';

const SEED = 20260302;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** 2 March 2026, 09:00 in Berlin. */
const OPEN_MS = Date.UTC(2026, 2, 2, 8);
const OPEN_HOURS = 3;
const DAYS = 2;
const GRACE_MS = 10_000;

const EPOCH = '8f3a51c2d47e90b6';
const NEXT_EPOCH = 'c09d2b7715fe6a38';
/** By so much the sequences are ahead of the ordinals of windows: windows in parts, and gap records. */
const SEQUENCES_AHEAD = 1037;
const GATEWAY = { tenant: 'acme', gateway: 'gw-0042' };
const STORE = { store: 'berlin-12', timeZone: 'Europe/Berlin' };

const SENSORS = [
  { id: 'front', driver: 'wifi-pcap', role: 'zone', place: 'shop' },
  { id: 'air', driver: 'ble-json', role: 'zone', place: 'shop' },
  { id: 'entrance', driver: 'door-lines', role: 'door', place: 'main' },
] as const;

const PARAMETERS: Parameters = {
  id: 'p-5d21c07e',
  ...STORE,
  hours: { week: Array.from({ length: 7 }, (): [number, number][] => [[540, 540 + OPEN_HOURS * 60]]), exceptions: {} },
  windowMinutes: 15,
  graceMs: GRACE_MS,
  visitGapMs: 300_000,
  passingSeconds: 20,
  visitors: true,
  sensors: SENSORS.map((sensor, index): SensorParameters => ({ index, ...sensor, gateDbm: -70, swap: false })),
};

/** Bodies by the name of the example. */
export async function contractExamples(): Promise<Map<string, unknown>> {
  const windows = await countedWindows();
  // Of the last day: what the night before taught is in its numbers.
  const lastDay = windows.filter(({ startMs }) => startMs >= OPEN_MS + (DAYS - 1) * DAY_MS);
  const busy = lastDay.find(({ records }) => records.some((record) => record.kind === 'dwell' && record.visits > 0));
  const settlement = lastDay.find(({ records }) => records.some(({ kind }) => kind === 'day'));
  if (settlement === undefined || busy === undefined) throw new Error('expected a settled day with visits, found none');
  const bodies = new Map<string, Uint8Array>([
    ['batch', encodeWindow(busy, originAt(busy), SEQUENCES_AHEAD + busy.ordinal)[0].body],
    ['batch-settlement', encodeWindow(settlement, originAt(settlement), SEQUENCES_AHEAD + settlement.ordinal)[0].body],
    ...smallMessages(settlement.endMs),
  ]);
  return new Map([...bodies].map(([name, body]) => [name, JSON.parse(new TextDecoder().decode(body))]));
}

/** The story that the README tells: an outage for which the buffer was too small, then a card that fails. */
function smallMessages(atMs: number): [string, Uint8Array][] {
  const sealed = { ...GATEWAY, epoch: EPOCH, sealedAtMs: atMs };
  const state: StateMessage = {
    birth: '51d0a7c93e2f4b68',
    online: true,
    epoch: EPOCH,
    first_sequence: 1,
    sealed_through: 1240,
    oldest_held: 341,
    previous: null,
    config: { revision: 'spring-hours-3', state: 'applied', reasons: [], overridden: [], locked: [] },
    parameters: PARAMETERS.id,
    version: VERSION,
    sensors: SENSORS.map(({ id, driver }) => ({ id, driver, state: 'up' })),
    at_ms: atMs,
  };
  const renewed: StateMessage = {
    ...state,
    birth: '0b6e94d1f82a7c35',
    epoch: NEXT_EPOCH,
    first_sequence: 1300,
    sealed_through: 1299,
    oldest_held: null,
    previous: { epoch: EPOCH, last_sequence: 1299, oldest_held: 1292, end: 'damaged' },
    at_ms: atMs + DAY_MS,
  };
  const conflict = {
    seq: 1135,
    code: 'conflict',
    message: 'another batch with the same source and id was stored before',
  };
  return [
    ['gap', encodeGap(sealed, 1241, [{ epoch: EPOCH, from_seq: 101, to_seq: 340, reason: 'buffer_full' }])],
    ['probe', encodeProbe(GATEWAY.tenant, GATEWAY.gateway, '3c1f8e0d9a5b7264', atMs)],
    ['state', encodeMessage(state)],
    ['state-new-epoch', encodeMessage(renewed)],
    ['ack', encodeMessage({ epoch: EPOCH, ok: [1135, 1136, 1137], rejected: [] })],
    ['ack-rejected', encodeMessage({ epoch: EPOCH, ok: [1136], rejected: [conflict], retry_after_s: 30 })],
    ['config', encodeMessage({ revision: 'spring-hours-3', settings: { counting: { window_minutes: 15 } } })],
  ];
}

function originAt({ endMs }: SealedWindow): BatchOrigin {
  return { ...GATEWAY, epoch: EPOCH, ...STORE, version: VERSION, clock: 'synchronised', sealedAtMs: endMs + GRACE_MS };
}

/** The sketch of visitors would be another one with each key. */
function knownKey() {
  return { key: createSecretKey(Buffer.alloc(32, 1)), id: 1 };
}

async function countedWindows(): Promise<SealedWindow[]> {
  const days = Array.from({ length: DAYS }, (_, day) => {
    const openMs = OPEN_MS + day * DAY_MS;
    return { openMs, closeMs: openMs + OPEN_HOURS * HOUR_MS };
  });
  const startMs = OPEN_MS - 15 * MINUTE_MS;
  const sensors = SENSORS.map(({ id, driver }) => ({ id, driver }));
  // Staff would leave after a day as short as this is settled.
  const people = { passersPerHour: 400, entersShare: 0.15, staff: 0, advertiserShare: 0.1, advertisingFixtures: 1 };
  const store = new SimulatedStore({ seed: SEED, startMs, days, sensors, ...people });
  const windows: SealedWindow[] = [];
  const sealed = (window: SealedWindow) => windows.push(window);
  const replay = new Replay({ parameters: PARAMETERS, startMs, newKey: knownKey, sealed });
  const endMs = days[DAYS - 1].closeMs + HOUR_MS;
  const chunks: [at: number, id: string, bytes: Uint8Array][] = [];
  for (let at = startMs; at < endMs; at += MINUTE_MS) {
    store.advance(at + MINUTE_MS, (id, ms, bytes) => chunks.push([ms, id, bytes]));
    for (const [ms, id, bytes] of chunks.splice(0)) {
      await replay.advanceTo(ms);
      replay.deliver(id, bytes);
    }
  }
  // An hour after closing: the day is settled.
  await replay.advanceTo(endMs);
  return windows;
}
