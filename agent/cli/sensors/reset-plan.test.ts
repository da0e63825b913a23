import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bench, benchWith } from '../../../drivers/detect/devices.testing.ts';
import { passTime } from '../../../drivers/detect/uart.testing.ts';
import { renderReset } from '../view/sensors-reset.ts';
import { resetOn, resetPlan } from './reset-plan.ts';

const SENSORS = `
  - { id: beam, driver: door-modbus, port: /dev/b, profile: wb-mcm8, unit: 2, in_channel: 1, out_channel: 2, door: main }
  - { id: gate, driver: door-modbus, port: /dev/g, profile: moxa-r1212, in_channel: 3, out_channel: 5, door: side }
`;
let directory: string;
let settings: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'reset-'));
  settings = join(directory, 'footfall.yaml');
  const store = 'store: { id: s, time_zone: UTC, hours: { daily: 24h } }';
  writeFileSync(settings, `tenant: a\ngateway: g\n${store}\nruntime_directory: ${directory}\nsensors:${SENSORS}`);
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('sensors reset', () => {
  it('resets a module by the register of its profile, with its line as the settings have it', async () => {
    const plan = await resetPlan('beam', { settings });
    const bench = benchWith({ driver: 'door-modbus', unit: 2, line: { baudRate: 9_600 } });
    bench.agenda.run(bench.agenda.now + 100_000);
    const outcome = await passTime(bench.agenda, resetOn(bench.line, bench.clock, plan));
    expect(outcome).toMatchObject({ isDone: true, acknowledged: true });
    expect(bench.line.openings).toEqual([{ baudRate: 9_600, parity: 'none', stopBits: 2 }]);
    expect(bench.line.isOpen).toBe(false);
    const text = renderReset({ id: 'beam', what: plan.what, ...outcome }, { colour: false });
    expect(text).toMatch(
      /^beam: reset \(every channel of unit 2 on \/dev\/b\)\n {2}before {2}\d\d in, \d\d out\n {2}after/,
    );
  });

  it('resets the coils of the channels that are the door', async () => {
    const { target, what } = await resetPlan('gate', { settings });
    expect(target.modbusReset).toEqual({ coils: [0x22, 0x24] });
    expect(what).toBe('gate on /dev/g');
  });

  it('is not done where an echo alone came back', async () => {
    const plan = await resetPlan('beam', { settings });
    const bench = new Bench({ baudRate: 9_600 });
    bench.line.receive = (bytes) => void bench.line.wire(bytes);
    const outcome = await passTime(bench.agenda, resetOn(bench.line, bench.clock, plan));
    expect(outcome).toEqual({ isDone: false, acknowledged: true, before: null, after: null });
  });
});
