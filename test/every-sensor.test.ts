import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DRIVER_NAMES } from '../agent/settings/sensor-drivers.ts';
import { MOSQUITTO } from './support/broker.ts';
import { type DayOptions, runEverySensor, START_MS } from './support/every-sensor.ts';
import { failuresOf, tableOf } from './support/every-sensor-ledger.ts';
import { EVERY_SENSOR, type PlantedFault } from './support/every-sensor-store.ts';

const MINUTE = 60_000;
/** A busy machine may need much longer than the half minute of computing that it is. */
const PATIENCE = { timeout: 600_000 };

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'footfall-every-sensor-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const missing = MOSQUITTO === null ? ' (needs mosquitto)' : '';

describe.skipIf(missing !== '')(`every sensor a store can have, at once${missing}`, () => {
  it('loses no frame, no sighting and nobody at a door in hours', PATIENCE, async () => {
    expect(DRIVER_NAMES.map((name) => EVERY_SENSOR.filter(({ driver }) => driver === name).length)).toEqual(
      DRIVER_NAMES.map(() => 2),
    );
    // Ten of them: npm run every-sensor.
    const ledger = await runEverySensor({ directory, seed: 2, hours: 3 });
    process.stdout.write(`${tableOf(ledger).join('\n')}\n`);
    expect(failuresOf(ledger)).toEqual([]);
    expect(ledger.rows.every(({ windows }) => windows === 12)).toBe(true);
  });

  const IDS = ['lines-6', 'nrf-v3', 'modbus-wb', 'counter-json', 'counter-events'];
  const failuresWith = async (sensorId: string, fault: Omit<PlantedFault, 'sensorId'>): Promise<string[]> => {
    const sensors = EVERY_SENSOR.filter(({ id }) => IDS.includes(id));
    const options: DayOptions = { directory, seed: 5, hours: 1.5, sensors, faults: [{ sensorId, ...fault }] };
    return failuresOf(await runEverySensor(options));
  };
  const fromMs = START_MS + 40 * MINUTE;

  it('shows a byte that a line dropped', PATIENCE, async () => {
    const failures = await failuresWith('nrf-v3', { fromMs, kind: 'byte_dropped' });
    expect(failures.filter((failure) => !failure.startsWith('nrf-v3: '))).toEqual([]);
    expect(failures.join('\n')).toMatch(/nrf-v3: frames accepted/);
    expect(failures.join('\n')).toMatch(/nrf-v3: rejected as/);
    expect(failures.join('\n')).toMatch(/nrf-v3: heard, in the records: expected \d+, found \d+/);
  });

  it('shows an answer that came damaged, though nobody is lost by it', PATIENCE, async () => {
    const failures = await failuresWith('modbus-wb', { fromMs, kind: 'byte_dropped' });
    expect(failures.filter((failure) => !failure.startsWith('modbus-wb: '))).toEqual([]);
    expect(failures.join('\n')).toMatch(/modbus-wb: frames accepted/);
    expect(failures.join('\n')).not.toMatch(/entries|exits/);
  });

  it('shows somebody at a door who was lost, and one who was counted twice', PATIENCE, async () => {
    const entry = (chunk: Uint8Array): boolean => chunk[0] === '+'.charCodeAt(0);
    const lost = await failuresWith('counter-events', { fromMs, kind: 'frame_lost', hits: entry });
    expect(lost.filter((failure) => !failure.startsWith('counter-events: '))).toEqual([]);
    const [expected, found] = peopleIn(lost);
    expect(found).toBe(expected - 1);
    rmSync(directory, { recursive: true });
    const twice = await failuresWith('counter-events', { fromMs, kind: 'frame_repeated', hits: entry });
    const [true_, counted] = peopleIn(twice);
    expect(counted).toBe(true_ + 1);
  });
});

/** Expected and found entries, as a failure tells them. */
function peopleIn(failures: readonly string[]): [expected: number, found: number] {
  const told = /counter-events: entries: expected (\d+), found (\d+)/.exec(failures.join('\n'));
  return [Number(told?.[1]), Number(told?.[2])];
}
