/**
 * Bytes that no encoder of this project made, from the sensors' ends of their lines through `footfall run`, a broker and
 * the collector to acknowledged records: one sensor of each driver.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ServerSerial } from 'modbus-serial';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WindowRecord } from '../agent/analytics/records.ts';
import type { StatusDocument } from '../agent/local/document.ts';
import { realClock, VirtualClock } from '../agent/platform/clock.ts';
import { DRIVER_NAMES } from '../agent/settings/sensor-drivers.ts';
import type { SensorDriver } from '../agent/settings/settings.ts';
import { freePort } from '../agent/uplink/brokers.ts';
import { HEARD } from '../drivers/radio/bindings.fixture.ts';
import { BluetoothSource } from '../drivers/radio/bluetooth.ts';
import { RadioHelper } from '../drivers/radio/helper.ts';
import { nobleOpener } from '../drivers/radio/noble-process.ts';
import type { RadioSource } from '../drivers/radio/source.ts';
import { ScriptedSysfs } from '../drivers/radio/sysfs.fixture.ts';
import { Broker, MOSQUITTO } from './support/broker.ts';
import * as foreign from './support/foreign-bytes.ts';
import { ForeignLine } from './support/foreign-line.ts';
import { CaptureSource, probeRequestsIn } from './support/foreign-radio.ts';
import { Collector, type Gateway } from './support/gateway.ts';
import { countBatches, readLedger } from './support/ledger.ts';
import { until } from './support/processes.ts';
import { SOCAT } from './support/pty.ts';
import { type ShopSensor, shopGateway } from './support/shop.ts';

const DATA = fileURLToPath(new URL('../../shared/data/', import.meta.url));
const LINES = ['tz001_serial_6field', 'ssid_9field_with_real_corruption', 'ownmac_10field', 'tz006_udp_batch'].map(
  (name) => join(DATA, 'serial-format-samples', `${name}.txt`),
);
const ROOM = join(DATA, 'wifi-room-occupancy', '2024-04-04.pcap');
const AIR = join(DATA, 'virtual-radio', 'hwsim-probe-iw+wpa_supplicant.pcap');
const MODEM_LINES = new URL('./support/foreign-modem-lines.ts', import.meta.url).href;
const BINDINGS = new URL('../drivers/radio/bindings.fixture.ts', import.meta.url).href;

const airFrames = probeRequestsIn(AIR);
const missing = [
  ...[...LINES, ROOM, AIR].filter((path) => !existsSync(path)).map((path) => path.slice(DATA.length)),
  ...(SOCAT === null ? ['socat'] : []),
  ...(MOSQUITTO === null ? ['mosquitto'] : []),
  ...(airFrames === null ? ['tcpdump'] : []),
];

const START_MS = Date.parse('2026-03-02T09:00:05Z');
const STEP_MS = 100;
const MOMENT_MS = 20;
/** Steps in which something must have come. */
const MOST_STEPS = 600;
const PATIENCE_MS = 150_000;
const ROOM_FRAMES = 300;

/** By driver: where it counts, and what the settings say of it besides. */
const SENSORS: readonly (Omit<ShopSensor, 'port'> & { port?: string })[] = [
  { id: 'lines', driver: 'wifi-lines', place: 'zone-lines' },
  { id: 'json', driver: 'wifi-json', place: 'zone-json' },
  { id: 'pcap', driver: 'wifi-pcap', place: 'zone-pcap' },
  { id: 'monitor', driver: 'wifi-monitor', place: 'zone-monitor', port: 'wlan1' },
  { id: 'hci', driver: 'ble-hci', place: 'zone-hci', port: 'hci0' },
  { id: 'uart', driver: 'ble-hci', place: 'zone-uart' },
  { id: 'nrf', driver: 'ble-nrf', place: 'zone-nrf' },
  { id: 'sniffle', driver: 'ble-sniffle', place: 'zone-sniffle' },
  { id: 'dongle', driver: 'ble-json', place: 'zone-dongle' },
  {
    id: 'modbus',
    driver: 'door-modbus',
    place: 'door-modbus',
    more: { profile: 'wb-mcm8', unit: 7, in_channel: 1, out_channel: 2 },
  },
  { id: 'camera', driver: 'door-hpc168', place: 'door-camera' },
  { id: 'tof', driver: 'door-teraranger', place: 'door-tof' },
  { id: 'counter', driver: 'door-lines', place: 'door-counter' },
  { id: 'gate', driver: 'door-turnstile', place: 'door-gate' },
  { id: 'relay', driver: 'door-contact', place: 'door-relay', more: { contact: 'cts', counts: 'in' } },
  { id: 'radar', driver: 'door-radar', place: 'door-radar' },
];

let directory: string;
let lines: Record<string, ForeignLine>;
let gateway: Gateway;
let nowMs: number;
let ends: (() => unknown)[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'footfall-foreign-'));
  lines = {};
  nowMs = START_MS;
  ends = [];
});

afterEach(async () => {
  for (const end of ends.reverse()) await end();
  rmSync(directory, { recursive: true, force: true });
});

/** A line, a radio or a modem line for each sensor, with nobody at its far end yet. */
async function plugIn(contact: string): Promise<ShopSensor[]> {
  const sensors: ShopSensor[] = [];
  for (const { port, ...sensor } of SENSORS) {
    if (port !== undefined) sensors.push({ ...sensor, port });
    else if (sensor.driver === 'door-contact') sensors.push({ ...sensor, port: contact });
    else {
      const line = await ForeignLine.open(join(directory, sensor.id));
      ends.push(() => line.close());
      lines[sensor.id] = line;
      // The library of the Modbus unit opens its end itself.
      if (sensor.id !== 'modbus') await line.hold();
      sensors.push({ ...sensor, port: line.near });
    }
  }
  return sensors;
}

async function radio(sensorId: string, source: RadioSource): Promise<void> {
  const socket = join(directory, 'run-radio', `${sensorId}.sock`);
  mkdirSync(join(directory, 'run-radio'), { recursive: true });
  const helper = await RadioHelper.start({ socket, source, tell: () => undefined });
  ends.push(() => helper.stop());
}

/** The registers of a WB-MCM8 with its channels 1 and 2, held by modbus-serial. */
async function modbusUnit(path: string): Promise<Map<number, number>> {
  const registers = new Map([
    [60, 1],
    [61, 0x1170],
    [62, 0],
    [63, 0xffff],
  ]);
  const server = new ServerSerial(
    { getInputRegister: (address: number) => registers.get(address) ?? 0 },
    { path, baudRate: 9_600, unitID: 7 },
  );
  ends.push(() => new Promise<void>((resolve) => server.close(() => resolve())));
  await new Promise<void>((resolve) => void server.on('initialized', () => resolve()));
  return registers;
}

/** Time goes on in steps, and who answers on a line has a moment of the machine's time in each. */
async function live(steps: number, momentMs = MOMENT_MS): Promise<void> {
  for (let step = 0; step < steps; step++) {
    nowMs += STEP_MS;
    await gateway.advance(nowMs);
    await sleep(momentMs);
  }
}

async function liveUntil(what: string, holds: (status: StatusDocument) => boolean): Promise<StatusDocument> {
  let status = await gateway.status();
  for (let step = 0; step < MOST_STEPS; step++) {
    if (holds(status)) return status;
    // On a machine that is busy with something else the gateway's time ends up no faster than the machine's.
    await live(1, Math.min(MOMENT_MS + step, STEP_MS));
    status = await gateway.status();
  }
  throw new Error(`waited in vain for ${what}:\n${JSON.stringify(status.sensors, null, 1)}`);
}

/** All of what was said is taken in. */
async function said(bytes: Readonly<Record<string, Uint8Array>>): Promise<void> {
  for (const [id, part] of Object.entries(bytes)) lines[id].say(part);
  nowMs += STEP_MS;
  await gateway.advance(nowMs, Object.fromEntries(Object.keys(bytes).map((id) => [id, lines[id].written])));
}

const acceptedBy = (status: StatusDocument, id: string): number =>
  status.sensors.find((sensor) => sensor.id === id)?.accepted ?? 0;

/** The first records of a capture behind its header; a box that joins such a stream is told where it begins. */
function roomStream(): Buffer {
  const capture = readFileSync(ROOM);
  let end = 24;
  for (let frame = 0; frame < ROOM_FRAMES; frame++) end += 16 + capture.readUInt32LE(end + 8);
  return Buffer.concat([Buffer.from('\r\n<<START>>\r\n'), capture.subarray(0, end)]);
}

describe.skipIf(missing.length > 0)(
  `bytes that were not made here${missing.length === 0 ? '' : ` (needs ${missing.join(', ')})`}`,
  () => {
    it('come through every driver to acknowledged records', { timeout: 400_000 }, async () => {
      expect(new Set(SENSORS.map(({ driver }) => driver))).toEqual(new Set(DRIVER_NAMES));
      const contact = join(directory, 'contact');
      writeFileSync(contact, '0');
      const sensors = await plugIn(contact);
      const broker = new Broker(directory, await freePort());
      ends.push(() => broker.kill());
      await broker.start();
      const collector = new Collector(join(directory, 'collector.db'), broker.url);
      ends.push(() => collector.end('SIGKILL'));
      collector.start();

      const capture = new CaptureSource(AIR);
      await radio('monitor', capture);
      const files = new ScriptedSysfs();
      files.plugIn('hci0', '/usb/1-1');
      const bluetoothClock = new VirtualClock(0);
      const open = nobleOpener(realClock(), `${BINDINGS}?heard`);
      await radio(
        'hci',
        new BluetoothSource({ adapter: 'hci0', clock: bluetoothClock, random: () => 0.5, open, files }),
      );
      const registers = await modbusUnit(lines.modbus.far);
      let [camera, gate] = [foreign.HPC168.first, foreign.TURNSTILE.first];
      lines.camera.answer(foreign.HPC168.question, () => camera);
      lines.gate.answer(foreign.TURNSTILE.question, () => gate);

      process.env.FOREIGN_CONTACT = contact;
      ends.push(() => delete process.env.FOREIGN_CONTACT);
      gateway = shopGateway({ directory, sensors, brokerUrl: broker.url }, ['--import', MODEM_LINES]);
      ends.push(() => gateway.end('SIGKILL'));
      await gateway.start(nowMs);

      // What the counters show before anyone comes is only their base line.
      await said({
        tof: foreign.TERARANGER.first,
        counter: foreign.DOOR_LINES.first,
        radar: Buffer.concat([foreign.RADAR.vendor, foreign.RADAR.nobody]),
      });
      const polled = ['modbus', 'camera', 'gate'];
      await liveUntil('the first totals', (status) => polled.every((id) => acceptedBy(status, id) > 0));

      registers.set(61, 0x1173).set(62, 1).set(63, 1);
      camera = foreign.HPC168.later;
      gate = foreign.TURNSTILE.later;
      await said({
        tof: Buffer.concat([foreign.TERARANGER.distances, foreign.TERARANGER.later]),
        counter: foreign.DOOR_LINES.later,
        lines: Buffer.concat(LINES.map((path) => readFileSync(path))),
        json: foreign.WIFI_JSON.bytes,
        pcap: roomStream(),
        uart: foreign.HCI_UART,
        nrf: foreign.NRF,
        sniffle: foreign.SNIFFLE,
        dongle: foreign.BLE_JSON.bytes,
      });
      for (const frame of foreign.RADAR.walk) await said({ radar: frame });
      for (const closed of ['1', '0', '1', '0']) {
        writeFileSync(contact, closed);
        await live(3);
      }
      await capture.play();
      await until('what noble heard', async () => {
        await bluetoothClock.advanceTo(bluetoothClock.monotonic() + 10_000);
        return acceptedBy(await gateway.status(), 'hci') > 0;
      });
      const before = await gateway.status();
      const status = await liveUntil(
        'the last frame',
        (status) =>
          acceptedBy(status, 'monitor') === airFrames &&
          // An answer may have been on its way when the totals changed.
          polled.every((id) => acceptedBy(status, id) > acceptedBy(before, id) + 1),
      );
      // Every window that holds something is sealed.
      await gateway.advance(nowMs + 90_000);
      const { buffer } = await until(
        'the last acknowledgement',
        async () => {
          const now = await gateway.status();
          return now.buffer.held === 0 && countBatches(collector.database) >= now.buffer.sealed_through ? now : null;
        },
        PATIENCE_MS,
        50,
      );
      expect(buffer.sealed_through).toBeGreaterThan(0);
      const { records, missingSequences } = readLedger(collector.database, buffer.sealed_through);
      expect(missingSequences).toEqual([]);

      expect(heardIn(records)).toEqual({
        'zone-lines': 7,
        'zone-json': foreign.WIFI_JSON.sightings,
        'zone-pcap': ROOM_FRAMES,
        'zone-monitor': airFrames,
        'zone-hci': acceptedBy(status, 'hci'),
        'zone-uart': foreign.TIMES,
        'zone-nrf': foreign.TIMES,
        'zone-sniffle': foreign.TIMES,
        'zone-dongle': foreign.BLE_JSON.advertisements,
      });
      // All that noble heard, as often as it was asked.
      expect(acceptedBy(status, 'hci') % HEARD.length).toBe(0);
      expect(peopleIn(records)).toEqual({
        'door-modbus': [3, 2],
        'door-camera': [3, 2],
        'door-tof': [2, 1],
        'door-counter': [5, 3],
        'door-gate': [4, 2],
        'door-relay': [2, 0],
        'door-radar': [1, 0],
      });
      const told = records.filter((record) => record.kind === 'coverage' && record.accepted > 0);
      expect(new Set(told.map((record) => (record.kind === 'coverage' ? record.driver : '')))).toEqual(
        new Set<SensorDriver>(DRIVER_NAMES),
      );
      // The samples hold a device's own line, two lines without their heads, and one that runs into another.
      expect(rejectedBy(status)).toEqual({
        lines: { noise: 1, format: 2, truncated: 1 },
        json: { noise: 1 },
        counter: { missing: 1 },
      });
    });
  },
);

it('use no encoder of this project', () => {
  const seen = importsOf(fileURLToPath(import.meta.url));
  expect([...seen].some((path) => path.endsWith('support/foreign-bytes.ts'))).toBe(true);
  expect([...seen].filter((path) => path.includes('/simulator/'))).toEqual([]);
  // The rule would see one.
  expect([...importsOf(fileURLToPath(new URL('./support/live-box.ts', import.meta.url)))].join()).toMatch(/\/encode\//);
});

/** A file and every file of this project that it imports, directly or through others, types among them. */
function importsOf(path: string, seen = new Set<string>()): Set<string> {
  if (seen.has(path)) return seen;
  seen.add(path);
  for (const [, name] of readFileSync(path, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)) {
    importsOf(join(path, '..', name), seen);
  }
  return seen;
}

function heardIn(records: readonly WindowRecord[]): Record<string, number> {
  const heard: Record<string, number> = {};
  for (const record of records) {
    const count =
      record.kind === 'traffic' ? record.sightings : record.kind === 'ble' ? record.advertisements : undefined;
    if (count === undefined || record.place === 'store') continue;
    heard[record.place] = (heard[record.place] ?? 0) + count;
  }
  return heard;
}

function peopleIn(records: readonly WindowRecord[]): Record<string, [number, number]> {
  const people: Record<string, [number, number]> = {};
  for (const record of records) {
    if (record.kind !== 'door') continue;
    const [entries, exits] = people[record.place] ?? [0, 0];
    people[record.place] = [entries + record.entries, exits + record.exits];
  }
  return people;
}

/** Without questions that were not answered: most of these sensors only talk. */
function rejectedBy({ sensors }: StatusDocument): Record<string, Record<string, number>> {
  const counts = sensors.map(({ id, rejected: { unanswered: _, ...rejected } }) => [id, rejected] as const);
  return Object.fromEntries(counts.filter(([, rejected]) => Object.keys(rejected).length > 0));
}
