/** Good sensors of every driver, each with any of the keys that its driver reads. */
import fc from 'fast-check';
import { DRIVER_FACTS, DRIVER_NAMES, type DriverKey } from './sensor-drivers.ts';
import type { SensorDriver } from './settings.ts';

type Row = Record<string, unknown>;

const MAY: Partial<Record<DriverKey, fc.Arbitrary<unknown>>> = {
  baud: fc.integer({ min: 300, max: 4_000_000 }),
  parity: fc.constantFrom('none', 'even', 'odd'),
  stop_bits: fc.constantFrom(1, 2),
  poll_ms: fc.integer({ min: 100, max: 60_000 }),
  gate_dbm: fc.integer({ min: -127, max: 0 }),
  link_type: fc.constantFrom(105, 127, 192),
  swap: fc.boolean(),
  advertising_channel: fc.constantFrom(37, 38, 39),
  channels: fc.array(fc.integer({ min: 1, max: 196 }), { maxLength: 40 }),
  channel_seconds: fc.integer({ min: 1, max: 60 }),
  debounce_ms: fc.integer({ min: 10, max: 2000 }),
  line_mm: fc.integer({ min: 1001, max: 6000 }),
  hysteresis_mm: fc.integer({ min: 50, max: 1000 }),
};

/** A sensor that shares its line or adapter with no other. */
export function anySensor(id: string, index: number): fc.Arbitrary<Row> {
  return fc.constantFrom(...DRIVER_NAMES).chain((driver) => sensorOf(driver, id, index));
}

function sensorOf(driver: SensorDriver, id: string, index: number): fc.Arbitrary<Row> {
  const { keys, bus } = DRIVER_FACTS[driver];
  const optional = Object.fromEntries(Object.entries(MAY).filter(([key]) => keys.some((known) => known === key)));
  const unit = bus ? { unit: fc.integer({ min: 1, max: bus.highestUnit }) } : {};
  const silence = fc.integer({ min: 1, max: 1440 });
  return fc
    .tuple(
      fc.record({ ...optional, ...unit, silent_minutes: silence }, { requiredKeys: [] }),
      placeOf(driver, id),
      attachmentOf(driver, index),
    )
    .map(([more, place, attachment]) => {
      const row: Row = { id, driver, ...more, ...place, ...attachment };
      if (driver === 'ble-hci' && !('port' in row)) delete row.baud;
      return row;
    });
}

function attachmentOf(driver: SensorDriver, index: number): fc.Arbitrary<Row> {
  const port = { port: `/dev/port #${index}` };
  if (driver === 'wifi-monitor') return fc.constant({ adapter: `wlan${index}` });
  if (driver === 'ble-hci') return fc.constantFrom<Row>(port, { adapter: `hci${index}` });
  if (driver === 'door-contact') return fc.constantFrom('cts', 'dsr', 'dcd').map((contact) => ({ ...port, contact }));
  if (driver !== 'door-modbus') return fc.constant(port);
  return fc
    .tuple(
      fc.constantFrom('wb-mcm8', 'moxa-r1212', 'adam-4150', 'generic-holding', 'generic-input'),
      fc.constantFrom<Row>({ in_channel: 1, out_channel: 2 }, { in_channel: 7, out_channel: 3 }, { total_channel: 4 }),
    )
    .map(([profile, channels]) => ({ ...port, profile, ...channels }));
}

function placeOf(driver: SensorDriver, id: string): fc.Arbitrary<Row> {
  const { kind, keys } = DRIVER_FACTS[driver];
  if (kind !== 'door') return fc.constant({ zone: id });
  const counts = fc.constantFrom('in', 'out', 'both');
  const door = keys.includes('counts')
    ? fc.record({ door: fc.constant(id), counts }, { requiredKeys: ['door'] })
    : fc.constant<Row>({ door: id });
  if (!keys.includes('role')) return door;
  return fc.oneof(
    door,
    door.map((row) => ({ ...row, role: 'door' })),
    fc.constant({ role: 'transactions' }),
  );
}
