import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readTemperature } from './temperature.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'footfall-temperature-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function zone(name: string, temp: string | null): void {
  const folder = join(root, 'sys/class/thermal', name);
  mkdirSync(folder, { recursive: true });
  if (temp !== null) writeFileSync(join(folder, 'temp'), temp);
}

describe('the temperature', () => {
  it('is that of the hottest zone', async () => {
    zone('thermal_zone0', '48312\n');
    zone('thermal_zone1', '61500\n');
    zone('thermal_zone2', '-5000\n');
    expect(await readTemperature(root)).toBe(61.5);
  });

  it('leaves out zones that cannot be read, read nonsense, or are no zones', async () => {
    zone('thermal_zone0', null);
    zone('thermal_zone1', '-273200\n');
    zone('thermal_zone2', '2147483647\n');
    zone('thermal_zone3', '\n');
    zone('cooling_device0', '90000\n');
    expect(await readTemperature(root)).toBeNull();
    zone('thermal_zone4', '-12000\n');
    expect(await readTemperature(root)).toBe(-12);
  });

  it('is unknown without a sensor', async () => {
    expect(await readTemperature(root)).toBeNull();
  });
});
