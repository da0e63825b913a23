/** A store's settings file in directories of its own. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const NOW = Date.UTC(2026, 2, 2, 12);
export const HOUR = 3_600_000;

export interface Shop {
  directory: string;
  /** The settings file. */
  path: string;
  /** The storage directory. */
  data: string;
  text: string;
  /** Replaces a piece of the settings file. */
  edit(from: string, to: string): void;
  /** Puts a file into the storage directory. */
  keep(name: string, content: unknown): void;
  remove(): void;
}

export function openShop(extra = ''): Shop {
  const directory = mkdtempSync(join(tmpdir(), 'settings-'));
  const path = join(directory, 'footfall.yaml');
  const shop: Shop = {
    directory,
    path,
    data: join(directory, 'data'),
    text: `tenant: acme
gateway: gw
store:
  id: shop
  time_zone: UTC
  hours: { mon-sat: "09:00-20:00", sun: closed }
sensors:
  - { id: front, driver: wifi-lines, port: /dev/a, zone: shop, gate_dbm: -60 }
  - { id: main, driver: door-lines, port: /dev/b, door: main }
storage: { directory: ${join(directory, 'data')} }
runtime_directory: ${directory}
log: { level: warn }
${extra}`,
    edit: (from, to) => {
      if (!shop.text.includes(from)) throw new Error(`the settings hold no "${from}"`);
      shop.text = shop.text.replace(from, () => to);
      writeFileSync(path, shop.text);
    },
    keep: (name, content) => {
      writeFileSync(join(shop.data, name), typeof content === 'string' ? content : JSON.stringify(content));
    },
    remove: () => rmSync(directory, { recursive: true }),
  };
  mkdirSync(shop.data);
  writeFileSync(path, shop.text);
  return shop;
}
