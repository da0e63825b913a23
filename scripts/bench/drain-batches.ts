/** Sealed batches of a quarter of an hour each: eight records, about 6 KB, as a store with two doors makes them. */
import { encodeWindow, type WindowToSeal } from '../../agent/contract/batch.ts';

export const TENANT = 'bench';
export const GATEWAY = 'box-1';
/** Stands for what differs from batch to batch. */
const SEQUENCE = 987_654_321;
const START_MS = Date.UTC(2026, 2, 2, 9);
const WINDOW_MS = 900_000;

/** Gives the bytes of any sequence of an epoch: always the same. */
export function batchesOf(epoch: string): (sequence: number) => Uint8Array {
  const parts = template(epoch).split(String(SEQUENCE));
  return (sequence) => Buffer.from(parts.join(String(sequence)));
}

function template(epoch: string): string {
  const times = { start_ms: START_MS, end_ms: START_MS + WINDOW_MS };
  const base = { store: 'store-12', rev: 1, window: SEQUENCE, ...times, parameters: 'p-0123456789ab' };
  const door = { entries: 37, exits: 35, catch_up_entries: 0, catch_up_exits: 0, catch_up_from_ms: null };
  const histogram = Array.from({ length: 280 }, (_, index): [number, number] => [120 + index, 1 + (index % 9)]);
  const records = [
    ...['north', 'south'].map((place) => ({ kind: 'door', place, ...base, ...door, set_aside: 0, resets: 0 })),
    {
      ...{ kind: 'occupancy', place: 'store', ...base, entries: 74, exits: 70, already_left: 0 },
      ...{ at_start: 11, at_end: 15, min: 8, max: 21, occupancy_ms: 11_483_220, entry_ms: 32_114_009 },
      exit_ms: 30_200_114,
    },
    {
      ...{ kind: 'traffic', place: 'floor', ...base, sightings: 4_211, random_sightings: 3_921, late_sightings: 2 },
      ...{ bursts_inside: 812, bursts_outside: 1_930, visits: 41, passers_by: 188, fixtures: 7, present_minutes: 211 },
      ...{ minutes: 15, present_max: 24, people: 12.41, people_low: 9.7, people_high: 15.2, factor: 0.61 },
      people_state: 'calibrated',
    },
    {
      ...{ kind: 'dwell', place: 'floor', ...base, visits: 1_392, dwell_ms: 812_331_120, censored: 1, heard_once: 9 },
      ...{ bounced: 12, engaged: 811, histogram },
    },
    {
      ...{ kind: 'entry', place: 'store', ...base, entries: 74, passing_people: 611.4, passing_state: 'calibrated' },
      ...{ visits: 41, passers_by: 188, transactions: null },
    },
    ...['wifi', 'door'].map((place) => ({
      ...{ kind: 'coverage', place, ...base, driver: 'wifi-pcap', covered_ms: WINDOW_MS, bytes: 812_331 },
      ...{ accepted: 4_211, rejected: { checksum: 3, truncated: 1 } },
    })),
  ] as unknown as WindowToSeal['records'];
  const window = { ordinal: SEQUENCE, startMs: START_MS, endMs: START_MS + WINDOW_MS, skipped: 0, warmUp: false };
  const origin = { tenant: TENANT, gateway: GATEWAY, epoch, store: 'store-12', timeZone: 'Europe/Berlin' };
  const facts = { version: '0.1.0', clock: 'synchronised' as const, sealedAtMs: START_MS };
  const [batch] = encodeWindow({ ...window, correctedMs: null, records }, { ...origin, ...facts }, SEQUENCE);
  return Buffer.from(batch.body).toString();
}
