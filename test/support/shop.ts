/** A gateway with any set of sensors, and the commands an operator runs beside it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DRIVER_FACTS } from '../../agent/settings/sensor-drivers.ts';
import type { SensorDriver } from '../../agent/settings/settings.ts';
import { Gateway, MAIN } from './gateway.ts';
import { Child } from './processes.ts';
import type { Pty } from './pty.ts';

export interface ShopSensor {
  id: string;
  driver: SensorDriver;
  /** Of a radio its adapter. */
  port: string;
  /** Zone or door, by driver. */
  place: string;
  /** Further keys of the settings file. */
  more?: Readonly<Record<string, string | number>>;
}

export interface ShopSettings {
  directory: string;
  sensors: ShopSensor[];
  brokerUrl?: string;
  runtimeDirectory?: string;
  logLevel?: 'info' | 'debug';
  timeZone?: string;
}

export function shopSettings(shop: ShopSettings): string {
  const sensors = shop.sensors.map(({ id, driver, port, place, more = {} }) => {
    const row = {
      ...{ id, driver, [port.startsWith('/') ? 'port' : 'adapter']: port },
      ...(DRIVER_FACTS[driver].kind === 'door' ? { door: place } : { zone: place, gate_dbm: -70 }),
      ...(driver === 'wifi-pcap' && { link_type: 127 }),
      ...more,
    };
    return `  - { ${Object.entries(row)
      .map(([key, value]) => `${key}: ${value}`)
      .join(', ')} }`;
  });
  return `tenant: lab
gateway: shop-1
store: { id: shop, time_zone: ${shop.timeZone ?? 'Europe/Prague'}, hours: { daily: 24h } }
sensors:
${sensors.join('\n')}
counting: { window_minutes: 1, grace_seconds: 10 }
storage: { directory: ${join(shop.directory, 'data')}, commit_seconds: 5, door_commit_seconds: 1 }
runtime_directory: ${shop.runtimeDirectory ?? join(shop.directory, 'run')}
${shop.brokerUrl === undefined ? '' : `uplink: { url: "${shop.brokerUrl}", stagger_seconds: 0 }\n`}clock: { source: host }
log: { level: ${shop.logLevel ?? 'info'} }
`;
}

/** A gateway on the virtual clock with these sensors. */
export function shopGateway(shop: ShopSettings, nodeArguments: readonly string[] = []): Gateway {
  const settings = { directory: shop.directory, brokerUrl: '', wifiPort: '', doorPort: '' };
  const gateway = new Gateway(settings, MAIN, nodeArguments);
  writeFileSync(gateway.settingsPath, shopSettings(shop));
  return gateway;
}

/** Sends bytes up to lines and has the gateway take in all of them, at the time its virtual clock moves to. */
export async function deliver(
  gateway: Gateway,
  ptys: Readonly<Record<string, Pty>>,
  toMs: number,
  bytes: Readonly<Record<string, Uint8Array>>,
): Promise<void> {
  await gateway.advance(toMs);
  // Not awaited before the gateway reads: a line holds some 64 KiB only.
  const sent = Object.entries(bytes).map(([id, part]) => ptys[id].write(part));
  const delivered = Object.fromEntries(Object.entries(ptys).map(([id, pty]) => [id, pty.written]));
  await Promise.all([gateway.advance(toMs, delivered), ...sent]);
}

/** No command that ends by itself needs this long, on however busy a machine. */
const PATIENCE_MS = 30_000;

/**
 * Runs `footfall` with these words to its end, and gives its exit code and all it printed: both streams, and stderr alone.
 * One that does not end is killed, and its code is null.
 */
export async function footfall(...words: string[]): Promise<{ code: number | null; output: string; errors: string }> {
  const child = new Child(`footfall ${words[0]}`, process.execPath, [MAIN, ...words], { keep: 50_000_000 });
  let errors = '';
  child.process.stderr?.on('data', (text: string) => {
    errors += text;
  });
  child.process.stdin?.end();
  const impatience = setTimeout(() => child.process.kill('SIGKILL'), PATIENCE_MS);
  // Not at `exit`: output may still be on its way then.
  const closed = new Promise<void>((resolve) => child.process.once('close', () => resolve()));
  const { code } = await child.ended;
  await closed;
  clearTimeout(impatience);
  return { code, output: child.output, errors };
}
