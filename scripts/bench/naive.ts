/**
 * What we compare with: an agent as a careful author writes it first. FROZEN, with its commit interval of one sighting:
 * the ratio means nothing if this changes.
 *
 * JSON.parse a line, HMAC the address, an object per device in a Map, a row per sighting in a transaction of its own with
 * two indexes, WAL with synchronous=FULL so that a power cut loses nothing, a summary row per 15 minutes.
 */
import { createHmac, type KeyObject } from 'node:crypto';
import BetterSqlite from 'better-sqlite3';

const WINDOW_MS = 15 * 60_000;
const GAP_MS = 5 * 60_000;
const GATE_DBM = -70;

interface Line {
  mac: string;
  rssi: number;
  ch: number;
  seq: number;
}

interface Device {
  first: number;
  last: number;
  inside: boolean;
  sightings: number;
}

export class NaiveAgent {
  readonly #database: BetterSqlite.Database;
  readonly #insert: BetterSqlite.Statement;
  readonly #summarise: BetterSqlite.Statement;
  readonly #key: KeyObject;
  readonly #devices = new Map<string, Device>();
  #rest = '';
  #window = 0;
  #visits = 0;
  #passersBy = 0;

  constructor(path: string, key: KeyObject) {
    this.#key = key;
    this.#database = new BetterSqlite(path);
    this.#database.pragma('journal_mode = WAL');
    this.#database.pragma('synchronous = FULL');
    this.#database.exec(`
      CREATE TABLE sighting(id INTEGER PRIMARY KEY, time INTEGER, device TEXT, rssi INTEGER, channel INTEGER, sequence INTEGER);
      CREATE INDEX sighting_time ON sighting(time);
      CREATE INDEX sighting_device ON sighting(device);
      CREATE TABLE summary(window INTEGER PRIMARY KEY, visits INTEGER, passers_by INTEGER);
    `);
    this.#insert = this.#database.prepare(
      'INSERT INTO sighting(time, device, rssi, channel, sequence) VALUES (?, ?, ?, ?, ?)',
    );
    this.#summarise = this.#database.prepare('INSERT INTO summary(window, visits, passers_by) VALUES (?, ?, ?)');
  }

  /** Rows stored. */
  get rows(): number {
    return this.#database.prepare<[], number>('SELECT COUNT(*) FROM sighting').pluck().get() ?? 0;
  }

  push(chunk: Uint8Array, time: number): void {
    const lines = (this.#rest + Buffer.from(chunk).toString('utf8')).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      try {
        this.#sighting(JSON.parse(line) as Line, time);
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
      }
    }
  }

  close(): void {
    this.#database.close();
  }

  #sighting({ mac, rssi, ch, seq }: Line, time: number): void {
    const window = Math.floor(time / WINDOW_MS);
    if (window !== this.#window) this.#closeWindow(window, time);
    const device = createHmac('sha256', this.#key).update(mac).digest('hex').slice(0, 16);
    const inside = rssi >= GATE_DBM;
    const known = this.#devices.get(device);
    if (known === undefined) {
      this.#devices.set(device, { first: time, last: time, inside, sightings: 1 });
    } else {
      known.last = time;
      known.inside ||= inside;
      known.sightings++;
    }
    this.#insert.run(time, device, rssi, ch, seq);
  }

  #closeWindow(window: number, time: number): void {
    for (const [device, { last, inside }] of this.#devices) {
      if (time - last < GAP_MS) continue;
      if (inside) this.#visits++;
      else this.#passersBy++;
      this.#devices.delete(device);
    }
    if (this.#window !== 0) this.#summarise.run(this.#window, this.#visits, this.#passersBy);
    this.#window = window;
    this.#visits = 0;
    this.#passersBy = 0;
  }
}
