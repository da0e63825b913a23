import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DoorRecord } from '../../agent/analytics/records.ts';
import { type SimulatedSensor, SimulatedStore } from '../../drivers/simulator/store.ts';
import { gatewaySettings, SimulatedGateway, sensorSettings } from './simulated-gateway.ts';

const MINUTE = 60_000;
const START = Date.UTC(2026, 2, 2, 9);
/** The first of the staff come half an hour before. */
const OPEN = START + 31 * MINUTE;
const SENSORS: SimulatedSensor[] = [
  { id: 'wifi', driver: 'wifi-pcap' },
  { id: 'lines', driver: 'wifi-lines' },
  { id: 'air', driver: 'ble-nrf' },
  { id: 'door', driver: 'door-lines' },
  { id: 'gate-1', driver: 'door-modbus', unit: 1 },
  { id: 'gate-2', driver: 'door-modbus', unit: 2, variant: 'moxa' },
];
const DOORS = ['door', 'gate-1', 'gate-2'];

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'footfall-simulated-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function open() {
  const store = new SimulatedStore({
    seed: 3,
    startMs: START,
    days: [{ openMs: OPEN, closeMs: OPEN + 10 * 60 * MINUTE }],
    passersPerHour: 400,
    entersShare: 0.3,
    sensors: SENSORS,
  });
  const settings = gatewaySettings(
    directory,
    SENSORS.map((sensor) => sensorSettings(sensor, sensor.unit === undefined ? {} : { port: 'bus' })),
  );
  return { store, gateway: await SimulatedGateway.start({ store, settings }) };
}

function doors(): DoorRecord[] {
  const database = new Database(join(directory, 'data', 'footfall.db'), { readonly: true });
  try {
    const rows = database.prepare("SELECT body FROM history WHERE kind = 'door' ORDER BY window").all();
    return (rows as { body: string }[]).map(({ body }) => JSON.parse(body) as DoorRecord);
  } finally {
    database.close();
  }
}

describe('a gateway beside a simulated store', () => {
  it('takes in every byte, has every question answered, and counts every person that the doors did', async () => {
    const { store, gateway } = await open();
    await gateway.advanceTo(START + 90 * MINUTE);
    const { sensors } = gateway.daemon.status();
    expect(sensors.map(({ id }) => id)).toEqual(SENSORS.map(({ id }) => id));
    const traffic = ({ id }: { id: string }) => gateway.traffic.get(id);
    for (const { id, bytes, accepted, state, rejected } of sensors) {
      const truth = store.truth.sensors.get(id);
      expect({ id, state, ...rejected, noise: 0 }).toEqual({ id, state: 'up', noise: 0 });
      expect(traffic({ id })?.lostBytes).toBe(0);
      // On the bus each hears the other, too.
      if (!id.startsWith('gate')) expect(bytes).toBe(traffic({ id })?.sentBytes);
      if (id === 'wifi') expect(accepted).toBe(truth?.sightings);
      // And its answers to what it was told.
      if (id === 'air') expect(accepted).toBeGreaterThan(truth?.advertisements ?? Number.NaN);
    }
    expect(traffic({ id: 'wifi' })?.toldFrames).toBe(0);
    expect(traffic({ id: 'gate-1' })?.toldFrames).toBeGreaterThan(2 * 90 * 60 - 10);
    expect(traffic({ id: 'gate-1' })?.sentChunks).toBeGreaterThan(90 * 60 - 10);
    // Those of the windows until now: the truth goes on.
    const counted = DOORS.map((id) => ({ id, ...store.truth.sensors.get(id) }));
    await gateway.advanceTo(START + 91 * MINUTE);
    await gateway.stop();
    const records = doors();
    for (const { id, in: entered, out: left } of counted) {
      const own = records.filter(({ place }) => place === id);
      expect(own).toHaveLength(6);
      expect(entered).toBeGreaterThan(20);
      expect(own.reduce((sum, { entries }) => sum + entries, 0)).toBe(entered);
      expect(own.reduce((sum, { exits }) => sum + exits, 0)).toBe(left);
    }
  });

  it('loses what meets a line that was hung up, and tells how much', async () => {
    const { gateway } = await open();
    await gateway.advanceTo(START + 5 * MINUTE);
    gateway.line('wifi').hangUp();
    await gateway.advanceTo(START + 10 * MINUTE);
    gateway.line('wifi').restore();
    await gateway.advanceTo(START + 15 * MINUTE);
    const wifi = gateway.daemon.status().sensors.find(({ id }) => id === 'wifi');
    const { sentBytes, lostBytes } = gateway.traffic.get('wifi') ?? { sentBytes: 0, lostBytes: 0 };
    expect(lostBytes).toBeGreaterThan(0);
    expect(wifi?.bytes).toBe(sentBytes - lostBytes);
    expect(() => gateway.line('nobody')).toThrow(/no sensor/);
    await gateway.stop();
  });
});
