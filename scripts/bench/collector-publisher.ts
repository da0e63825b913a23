/**
 * A fleet as one connection, as thin as it gets: realistic batches of many gateways, so many of them unacknowledged at a time.
 * Arguments: port, batches, window, gateways, run. Prints a line of JSON once all are acknowledged.
 */
import { connect } from 'node:net';
import { encodeWindow, type WindowToSeal } from '../../agent/contract/batch.ts';

const [port, batches, window, gateways, run] = process.argv.slice(2).map(Number);
/** Stand for what differs from batch to batch. */
const SEQUENCE = 987_654_321;
const WINDOW = 876_543_210;
const GATEWAY = 'gateway-here';
const EPOCH = run.toString(16).padStart(16, '0');
const START_MS = Date.UTC(2026, 2, 2, 9);

/** A quarter of an hour of a store with two doors: eight records, about 6 KB. */
function template(): string {
  const times = { start_ms: START_MS, end_ms: START_MS + 900_000 };
  const base = { store: 'store-12', rev: 1, window: WINDOW, ...times, parameters: 'p-0123456789ab' };
  const door = { entries: 37, exits: 35, catch_up_entries: 0, catch_up_exits: 0, catch_up_from_ms: null };
  const histogram = Array.from({ length: 280 }, (_, index): [number, number] => [120 + index, 1 + (index % 9)]);
  const calibrated = { people: 12.41, people_low: 9.7, people_high: 15.2, factor: 0.61 };
  const present = { present_minutes: 211, minutes: 15, present_max: 24 };
  const bursts = { late_sightings: 2, bursts_inside: 812, bursts_outside: 1_930 };
  const records = [
    ...['north', 'south'].map((place) => ({ kind: 'door', place, ...base, ...door, set_aside: 0, resets: 0 })),
    {
      ...{
        kind: 'occupancy',
        place: 'store',
        ...base,
        entries: 74,
        exits: 70,
        already_left: 0,
        at_start: 11,
        at_end: 15,
      },
      ...{ min: 8, max: 21, occupancy_ms: 11_483_220, entry_ms: 32_114_009, exit_ms: 30_200_114 },
    },
    {
      ...{ kind: 'traffic', place: 'floor', ...base, sightings: 4_211, random_sightings: 3_921, ...bursts, visits: 41 },
      ...{ passers_by: 188, fixtures: 7, ...present, ...calibrated, people_state: 'calibrated' },
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
      ...{
        kind: 'coverage',
        place,
        ...base,
        driver: 'wifi-pcap',
        covered_ms: 900_000,
        bytes: 812_331,
        accepted: 4_211,
      },
      rejected: { checksum: 3, truncated: 1 },
    })),
  ] as unknown as WindowToSeal['records'];
  const sealed = { ordinal: WINDOW, startMs: START_MS, endMs: START_MS + 900_000, skipped: 0, warmUp: false };
  const origin = { tenant: 'bench', gateway: GATEWAY, epoch: EPOCH, store: 'store-12', timeZone: 'Europe/Berlin' };
  const facts = { version: '0.1.0', clock: 'synchronised' as const, sealedAtMs: START_MS };
  const [batch] = encodeWindow({ ...sealed, correctedMs: null, records }, { ...origin, ...facts }, SEQUENCE);
  return Buffer.from(batch.body).toString();
}

const parts = template().split(new RegExp(`(${SEQUENCE}|${WINDOW}|${GATEWAY})`));

function bodyOf(gateway: string, sequence: number): string {
  return parts
    .map((part) => (part === GATEWAY ? gateway : part === `${SEQUENCE}` || part === `${WINDOW}` ? sequence : part))
    .join('');
}

function packet(type: number, ...content: Uint8Array[]): Buffer {
  const length: number[] = [];
  let rest = content.reduce((sum, { length: octets }) => sum + octets, 0);
  do {
    length.push((rest & 127) | (rest > 127 ? 128 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return Buffer.concat([Buffer.from([type, ...length]), ...content]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
}

const socket = connect(port, '127.0.0.1');
socket.setNoDelay(true);
let sent = 0;
let acknowledged = 0;
let began = 0;
let cpu = process.cpuUsage();
let octets = 0;
/** By gateway, when unknown ones are acknowledged twice: a set of what is out would hide a double. */
const open = new Set<string>();

function publish(): void {
  socket.cork();
  while (sent < batches && open.size < window) {
    const gateway = `gw-${sent % gateways}`;
    const sequence = 1 + Math.floor(sent / gateways);
    const id = 1 + (sent % 65_000);
    const body = Buffer.from(bodyOf(gateway, sequence));
    octets += body.length;
    const head = [text(`ff/v1/bench/${gateway}/up/batch`), Buffer.from([id >> 8, id & 255])];
    socket.write(packet(0x32, ...head, body));
    open.add(`${gateway} ${sequence}`);
    sent++;
  }
  socket.uncork();
}

function take(type: number, content: Buffer): void {
  if (type === 0x20) {
    socket.write(packet(0x82, Buffer.from([0, 1]), text('ff/v1/bench/+/down/ack'), Buffer.from([0])));
  } else if (type === 0x90) {
    began = performance.now();
    cpu = process.cpuUsage();
    publish();
  } else if (type >> 4 === 3) {
    const end = 2 + content.readUInt16BE(0);
    const gateway = content.toString('utf8', 2, end).split('/')[3];
    const ack = JSON.parse(content.toString('utf8', end)) as { ok: number[]; rejected: unknown[] };
    if (ack.rejected.length > 0) throw new Error(`rejected: ${JSON.stringify(ack.rejected[0])}`);
    for (const sequence of ack.ok) if (open.delete(`${gateway} ${sequence}`)) acknowledged++;
    if (acknowledged < batches) publish();
    else {
      const { user, system } = process.cpuUsage(cpu);
      const ms = performance.now() - began;
      process.stdout.write(`${JSON.stringify({ batches, ms, cpuUs: user + system, octets: octets / batches })}\n`);
      socket.end(packet(0xe0));
    }
  }
}

let held: Buffer = Buffer.alloc(0);
socket.on('data', (chunk) => {
  held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
  let at = 0;
  for (;;) {
    let length = 0;
    let next = at + 1;
    let shift = 0;
    let whole = false;
    while (next < held.length && !whole) {
      length |= (held[next] & 127) << shift;
      shift += 7;
      whole = held[next++] < 128;
    }
    if (!whole || next + length > held.length) break;
    take(held[at], held.subarray(next, next + length));
    at = next + length;
  }
  held = held.subarray(at);
});
const client = `bench-${process.pid}`;
socket.write(packet(0x10, text('MQTT'), Buffer.from([4, 2, 0, 60]), text(client)));
