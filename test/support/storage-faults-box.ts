/** A gateway whose storage is about to fail: the daemon as a process of its own on a virtual clock, with a door that tells each person. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { requestLocal } from '../../agent/local/client.ts';
import type { StatusDocument } from '../../agent/local/document.ts';
import { Random } from '../../drivers/simulator/random.ts';
import { Gateway } from './gateway.ts';
import { Pty } from './pty.ts';

export const TENANT = 'lab';
const MINUTE = 60_000;
const MOST_PEOPLE = 9;
const LAST_BREATH_MS = 5_000;
/** Of the verdict that speak of the storage. */
const STORAGE_REASON = /^(storage_|database_|disk_full|batches_)/;
/** They tell what has been, and stay until somebody has seen it. */
const PAST_REASON = /^(database_quarantined|batches_dropped|batches_rejected|storage_quarantined)/;

export interface FaultBoxOptions {
  directory: string;
  /** Of the database. */
  storage: string;
  gateway: string;
  /** Nothing is sent where absent. */
  brokerUrl?: string;
  startMs: number;
  seed: number;
  /** The program in place of the product's, to plant a fault. */
  entry?: string;
}

export class FaultBox {
  readonly gateway: Gateway;
  readonly #options: FaultBoxOptions;
  readonly #random: Random;
  readonly #door: Pty;
  #sealedThrough = 0;
  atMs: number;
  /** People who came in, by the start of the window. */
  readonly truth = new Map<number, number>();
  /** Sequences that were sealed while the window after it was open, by the start of the window. */
  readonly sealed = new Map<number, number[]>();
  /** Reasons of the verdict that spoke of storage, and events of its life. */
  readonly reasons = new Set<string>();
  /** The daemon was started so many times, by us. */
  starts = 0;
  /** It ended and nobody told it to. */
  exits = 0;

  static async open(options: FaultBoxOptions): Promise<FaultBox> {
    mkdirSync(options.directory, { recursive: true });
    return new FaultBox(options, await Pty.open(join(options.directory, 'entrance')));
  }

  private constructor(options: FaultBoxOptions, door: Pty) {
    this.#options = options;
    this.#door = door;
    this.#random = new Random(options.seed).fork('people');
    this.atMs = options.startMs;
    const { directory, entry } = options;
    this.gateway = new Gateway({ directory, brokerUrl: '', wifiPort: '', doorPort: '' }, entry);
    this.#write(options.brokerUrl);
  }

  get databasePath(): string {
    return join(this.#options.storage, 'footfall.db');
  }

  /** Databases that were set aside, and still are. */
  get quarantines(): number {
    return readdirSync(this.#options.storage).filter((name) => /\.damaged-\d+$/.test(name)).length;
  }

  /** Starts the daemon; what was not read is lost, as on a real line. A start that fails is tried once more, as a supervisor does. */
  async start(): Promise<void> {
    await this.#door.drop();
    for (let attempt = 1; ; attempt++) {
      this.starts++;
      try {
        await this.gateway.start(this.atMs);
        return;
      } catch (error) {
        this.exits++;
        await this.gateway.end('SIGKILL');
        if (attempt === 2) throw error;
      }
    }
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.gateway.end(signal);
  }

  /** A minute goes by, and people come in about its middle. */
  async minute(): Promise<StatusDocument> {
    const start = Math.floor(this.atMs / MINUTE) * MINUTE + MINUTE;
    await this.#advance(start + MINUTE / 2);
    const people = this.#random.integer(1, MOST_PEOPLE);
    this.truth.set(start, people);
    await this.#door.write(Buffer.from('+\n'.repeat(people)));
    await this.#advance(this.atMs, this.#door.written);
    return this.look();
  }

  /** Closes the window that is open. */
  async closeWindow(): Promise<StatusDocument> {
    await this.#advance((Math.floor(this.atMs / MINUTE) + 1) * MINUTE + 5_000);
    return this.look();
  }

  async look(): Promise<StatusDocument> {
    const status = await this.gateway.status();
    this.#noteSealed(status.buffer.sealed_through);
    for (const { code } of status.verdict.reasons) if (STORAGE_REASON.test(code)) this.reasons.add(code);
    return status;
  }

  /** Sends what it holds to this broker from now on. */
  async deliverTo(brokerUrl: string): Promise<void> {
    this.#write(brokerUrl);
    await requestLocal(this.gateway.socketPath, 'POST', '/reload');
  }

  /** What happened in its life: codes of the events. */
  async events(): Promise<string[]> {
    const { changes } = (await requestLocal(this.gateway.socketPath, 'GET', '/health?limit=200')) as {
      changes: { code: string; message: string }[];
    };
    return changes.map(({ code, message }) => (code === 'epoch_began' ? `${code}: ${message}` : code));
  }

  async close(): Promise<void> {
    await this.gateway.end('SIGKILL');
    await this.#door.close();
  }

  /** Brings what the log holds into the file, as the daemon does now and then. */
  checkpoint(): void {
    const database = new Database(this.databasePath);
    database.pragma('wal_checkpoint(PASSIVE)');
    database.close();
  }

  #noteSealed(through: number): void {
    const closed = [...this.truth.keys()].filter((start) => start + MINUTE <= this.atMs).at(-1);
    for (; closed !== undefined && this.#sealedThrough < through; this.#sealedThrough++) {
      this.sealed.set(closed, [...(this.sealed.get(closed) ?? []), this.#sealedThrough + 1]);
    }
  }

  async #advance(toMs: number, entrance?: number): Promise<void> {
    this.atMs = toMs;
    const { child } = this.gateway;
    try {
      await this.gateway.advance(toMs, entrance === undefined ? {} : { entrance });
    } catch (error) {
      // Its socket is gone a moment before it is.
      await Promise.race([child?.ended, sleep(LAST_BREATH_MS)]);
      if (child?.running) throw error;
      this.exits++;
      throw new Error(`footfall run ended by itself:\n${child?.output.slice(-2_000)}`, { cause: error });
    }
  }

  #write(brokerUrl: string | undefined): void {
    const { directory, storage, gateway } = this.#options;
    const uplink = brokerUrl === undefined ? '' : `uplink: { url: "${brokerUrl}", stagger_seconds: 0 }\n`;
    writeFileSync(
      this.gateway.settingsPath,
      `tenant: ${TENANT}
gateway: ${gateway}
store: { id: shop, time_zone: UTC, hours: { daily: 24h } }
sensors:
  - { id: entrance, driver: door-lines, port: ${this.#door.path}, door: main }
counting: { window_minutes: 1, grace_seconds: 1 }
storage: { directory: ${storage}, commit_seconds: 1, door_commit_seconds: 1 }
runtime_directory: ${join(directory, 'run')}
${uplink}log: { level: warn }
`,
    );
  }
}

/** Storage works, and all that was counted is durable. */
export function isMended({ buffer, verdict }: StatusDocument): boolean {
  const still = verdict.reasons.filter(({ code }) => STORAGE_REASON.test(code) && !PAST_REASON.test(code));
  return buffer.storage_error === null && buffer.uncommitted === 0 && still.length === 0;
}
