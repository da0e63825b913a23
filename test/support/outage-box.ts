/** A gateway that nobody listens to: the daemon as a process of its own on a virtual clock, with a door and phones about. */
import { hash } from 'node:crypto';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { requestLocal } from '../../agent/local/client.ts';
import { doorLine } from '../../drivers/simulator/encode/door-line.ts';
import { wifiLine } from '../../drivers/simulator/encode/wifi-line.ts';
import { Random } from '../../drivers/simulator/random.ts';
import { Gateway } from './gateway.ts';
import { Pty } from './pty.ts';

export const TENANT = 'lab';
export const GATEWAY = 'outage-1';
const MOST_PEOPLE = 9;
const MOST_PHONES = 30;

export interface OutageBoxOptions {
  directory: string;
  brokerUrl: string;
  windowMinutes: number;
  bufferMib: number;
  startMs: number;
  seed: number;
  /** The program in place of the product's, to plant a fault. */
  entry?: string;
}

/** What lies on the disk. */
export interface Sizes {
  /** Bytes of the batches held. */
  heldBytes: number;
  /** Bytes of the files: the database, its log, and all there is. */
  databaseBytes: number;
  logBytes: number;
  allBytes: number;
  /** Of the database, what the history takes: it is kept for reports, whatever the buffer holds. */
  historyBytes: number;
}

/** What the database holds beside its windows. */
export interface Held {
  /** Digest of the bytes by sequence. */
  batches: Map<number, string>;
  /** Sequences dropped so far. */
  dropped: number;
  /** Gaps that no gap record tells of yet. */
  untold: number;
}

export class OutageBox {
  readonly gateway: Gateway;
  readonly #random: Random;
  readonly #startMs: number;
  readonly #wifi: Pty;
  readonly #door: Pty;
  #lines = 0;
  #entered = 0;
  atMs: number;

  static async open(options: OutageBoxOptions): Promise<OutageBox> {
    mkdirSync(options.directory, { recursive: true });
    const wifi = await Pty.open(join(options.directory, 'ceiling'));
    const door = await Pty.open(join(options.directory, 'entrance'));
    return new OutageBox(options, wifi, door);
  }

  private constructor(options: OutageBoxOptions, wifi: Pty, door: Pty) {
    const { directory, brokerUrl, entry } = options;
    this.#wifi = wifi;
    this.#door = door;
    this.#random = new Random(options.seed).fork('outage');
    this.#startMs = options.startMs;
    this.atMs = options.startMs;
    this.gateway = new Gateway({ directory, brokerUrl, wifiPort: wifi.path, doorPort: door.path }, entry);
    writeFileSync(this.gateway.settingsPath, settingsText(options, wifi.path, door.path));
  }

  start(): Promise<void> {
    return this.gateway.start(this.atMs);
  }

  /** Kills the daemon `afterMs` into its way to the next moment, and starts it there. */
  async killOnTheWay(toMs: number, afterMs: number): Promise<void> {
    const advanced = this.gateway.advance(toMs).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    await this.gateway.end('SIGKILL');
    await advanced;
    await this.#wifi.drop();
    await this.#door.drop();
    this.atMs = toMs;
    await this.start();
  }

  async advance(toMs: number): Promise<void> {
    this.atMs = toMs;
    await this.gateway.advance(toMs);
  }

  pause(): void {
    this.gateway.child?.process.kill('SIGSTOP');
  }

  /** Goes on, and connects now and not when the next attempt is due. */
  async goOn(): Promise<void> {
    this.gateway.child?.process.kill('SIGCONT');
    await requestLocal(this.gateway.socketPath, 'POST', '/reload');
  }

  /** People come in, and phones are heard. */
  async visit(): Promise<void> {
    this.#entered += this.#random.integer(0, MOST_PEOPLE);
    const line = { boot: 0x0badcafe, seq: ++this.#lines, in: this.#entered, out: 0, ms: this.atMs - this.#startMs };
    await this.#door.write(doorLine(line));
    const heard = Array.from({ length: this.#random.integer(1, MOST_PHONES) }, (_, index) => this.#phone(index));
    await this.#wifi.write(Buffer.concat(heard));
    await this.gateway.advance(this.atMs, { ceiling: this.#wifi.written, entrance: this.#door.written });
  }

  sizes(): Sizes {
    const folder = join(this.gateway.directory, 'data');
    const size = (name: string): number => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0;
    return this.#read((database) => ({
      heldBytes: database.prepare<[], number>('SELECT coalesce(sum(length(body)), 0) FROM outbox').pluck().get() ?? 0,
      databaseBytes: size('footfall.db'),
      logBytes: size('footfall.db-wal'),
      allBytes: readdirSync(folder).reduce((sum, name) => sum + size(name), 0),
      historyBytes:
        database
          .prepare<[], number>(
            `SELECT sum(pgsize) FROM dbstat JOIN sqlite_schema USING (name) WHERE tbl_name = 'history'`,
          )
          .pluck()
          .get() ?? 0,
    }));
  }

  held(): Held {
    return this.#read((database) => {
      const rows = database.prepare<[], { sequence: number; body: Uint8Array }>('SELECT sequence, body FROM outbox');
      const count = (sql: string): number => Number(database.prepare(sql).pluck().get() ?? 0);
      return {
        batches: new Map([...rows.iterate()].map(({ sequence, body }) => [sequence, hash('sha256', body)])),
        dropped: count("SELECT value FROM meta WHERE key = 'dropped'"),
        untold: count('SELECT count(*) FROM gap WHERE told_in IS NULL'),
      };
    });
  }

  async close(): Promise<void> {
    await this.gateway.end('SIGKILL');
    await this.#wifi.close();
    await this.#door.close();
  }

  #phone(index: number): Uint8Array {
    const source = Uint8Array.of(0x02, 0, 0, 0, this.#random.integer(0, 40), index);
    return wifiLine({ fields: 6, source, channel: 6, rssi: -40 - this.#random.integer(0, 30) });
  }

  #read<T>(work: (database: Database.Database) => T): T {
    const database = new Database(this.gateway.databasePath, { readonly: true });
    try {
      return work(database);
    } finally {
      database.close();
    }
  }
}

function settingsText(
  { directory, brokerUrl, windowMinutes, bufferMib }: OutageBoxOptions,
  wifi: string,
  door: string,
) {
  return `tenant: ${TENANT}
gateway: ${GATEWAY}
store: { id: shop, time_zone: UTC, hours: { daily: 24h } }
sensors:
  - { id: entrance, driver: door-lines, port: ${door}, door: main }
  - { id: ceiling, driver: wifi-lines, port: ${wifi}, zone: shop, gate_dbm: -70 }
counting: { window_minutes: ${windowMinutes}, grace_seconds: 10 }
storage: { directory: ${join(directory, 'data')}, buffer_mib: ${bufferMib} }
runtime_directory: ${join(directory, 'run')}
uplink: { url: "${brokerUrl}", stagger_seconds: 0 }
log: { level: warn }
`;
}
