import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MOSQUITTO } from './support/broker.ts';
import { type DayLedger, runEverySensor } from './support/every-sensor.ts';
import { EVERY_SENSOR } from './support/every-sensor-store.ts';
import { Finder } from './support/finder.ts';
import { spellAddress, spellSsid } from './support/spellings.ts';

const PATIENCE_MS = 300_000;
const missing = MOSQUITTO === null ? ' (needs mosquitto)' : '';
const sniffers = EVERY_SENSOR.filter(({ driver }) => !driver.startsWith('door-'));

describe.skipIf(missing !== '')(`what leaves the decoders of every sniffer${missing}`, () => {
  const directory = mkdtempSync(join(tmpdir(), 'footfall-privacy-'));
  let ledger: DayLedger;
  let finder: Finder<string>;
  let files: { name: string; bytes: Buffer }[];

  beforeAll(async () => {
    ledger = await runEverySensor({ directory, seed: 11, hours: 2, sensors: sniffers, keepSecrets: true });
    const { addresses, ssids } = ledger.secrets;
    finder = new Finder(
      [...addresses.flatMap(spellAddress), ...ssids.flatMap(spellSsid)].map(({ sought, name }) => ({
        bytes: sought,
        tag: name,
      })),
    );
    files = readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(join(directory, name), { throwIfNoEntry: false })?.isFile() === true)
      .map((name) => ({ name, bytes: readFileSync(join(directory, name)) }));
  }, PATIENCE_MS);
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('was heard by each of them, from many addresses', () => {
    expect(new Set(ledger.rows.map(({ driver }) => driver)).size).toBe(8);
    for (const { id, air } of ledger.rows) expect(air?.counted, id).toBeGreaterThan(1_000);
    expect(ledger.secrets.addresses.length).toBeGreaterThan(1_000);
    expect(ledger.secrets.ssids.length).toBeGreaterThan(100);
  });

  it('holds no address and no SSID in any spelling, in the databases or anywhere beside them', () => {
    expect(files.map(({ name }) => name)).toEqual(expect.arrayContaining(['collector.db', 'data/footfall.db']));
    const found = files.flatMap(({ name, bytes }) =>
      finder.find(bytes).map(({ tag, offset }) => `${name}:${offset} ${tag}`),
    );
    expect(found.slice(0, 20), `${found.length} finds`).toEqual([]);
  });

  it('would be found, planted in a copy of the database', () => {
    const copy = Buffer.from(files.find(({ name }) => name === 'data/footfall.db')?.bytes ?? Buffer.alloc(0));
    const [address] = ledger.secrets.addresses;
    copy.set(address.toReversed(), copy.length >> 1);
    expect(finder.find(copy).map(({ tag }) => tag)).toContain('raw, reversed');
  });
});
