/** `footfall run` and `footfall collect` as processes of their own, driven through what an operator has: files, lines, a socket. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { requestLocal } from '../../agent/local/client.ts';
import type { StatusDocument } from '../../agent/local/document.ts';
import { Child, until } from './processes.ts';

export const MAIN = fileURLToPath(new URL('../../agent/main.ts', import.meta.url));

/** A busy machine may take this long for a step that closes windows. */
const PATIENCE_MS = 60_000;

export interface GatewaySettings {
  /** Scratch directory of this gateway. */
  directory: string;
  brokerUrl: string;
  wifiPort: string;
  doorPort: string;
  ack?: 'collector' | 'puback';
  windowMinutes?: number;
}

/** Writes the settings file and returns its path. */
export function writeSettings(settings: GatewaySettings): string {
  mkdirSync(settings.directory, { recursive: true });
  const path = join(settings.directory, 'footfall.yaml');
  writeFileSync(
    path,
    `tenant: lab
gateway: room-1
store:
  id: room
  time_zone: Europe/Prague
  hours: { daily: "07:00-18:00" }
sensors:
  - { id: ceiling, driver: wifi-pcap, port: ${settings.wifiPort}, zone: room, gate_dbm: -70, link_type: 127 }
  - { id: entrance, driver: door-lines, port: ${settings.doorPort}, door: main }
counting: { window_minutes: ${settings.windowMinutes ?? 15}, grace_seconds: 10, visit_gap_seconds: 300, passing_seconds: 20 }
storage: { directory: ${join(settings.directory, 'data')}, commit_seconds: 5, door_commit_seconds: 1 }
runtime_directory: ${join(settings.directory, 'run')}
uplink: { url: "${settings.brokerUrl}", ack: ${settings.ack ?? 'collector'}, window: 16, stagger_seconds: 0 }
log: { level: info }
`,
  );
  return path;
}

export class Gateway {
  readonly directory: string;
  readonly settingsPath: string;
  readonly #entry: string;
  readonly #nodeArguments: readonly string[];
  child: Child | null = null;
  /** What every run so far printed. */
  printed = '';

  /**
   * @param entry the program to run in place of the product's, to plant a fault.
   * @param nodeArguments what Node is told in front of the program.
   */
  constructor(settings: GatewaySettings, entry: string = MAIN, nodeArguments: readonly string[] = []) {
    this.directory = settings.directory;
    this.settingsPath = writeSettings(settings);
    this.#entry = entry;
    this.#nodeArguments = nodeArguments;
  }

  get databasePath(): string {
    return join(this.directory, 'data', 'footfall.db');
  }

  get socketPath(): string {
    return join(this.directory, 'run', 'footfall.sock');
  }

  /** Starts at a virtual time and waits until it counts and every line is open. */
  async start(atMs: number): Promise<void> {
    const clock = ['--virtual-clock', new Date(atMs).toISOString()];
    const child = new Child(
      'footfall run',
      process.execPath,
      [...this.#nodeArguments, this.#entry, 'run', '-s', this.settingsPath, ...clock],
      {
        keep: 10_000_000,
      },
    );
    this.child = child;
    await until(
      'every sensor up',
      async () => {
        if (!child.running) throw new Error(`footfall run ended:\n${child.output}`);
        const status = await this.status().catch(() => null);
        return status?.sensors.every((sensor) => sensor.state === 'up') ?? false;
      },
      30_000,
      5,
    );
  }

  async status(): Promise<StatusDocument> {
    return (await requestLocal(this.socketPath, 'GET', '/status', undefined, PATIENCE_MS)) as StatusDocument;
  }

  /** Moves the virtual clock to `toMs` and has it take in all bytes that were sent: `delivered` by sensor since its start. */
  async advance(toMs: number, delivered: Record<string, number> = {}): Promise<void> {
    await requestLocal(this.socketPath, 'POST', '/clock/advance', { to_ms: toMs, delivered }, PATIENCE_MS);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    await this.child?.end(signal);
    this.printed += this.child?.output ?? '';
    this.child = null;
  }
}

export class Collector {
  readonly database: string;
  readonly #broker: string;
  child: Child | null = null;

  constructor(database: string, broker: string) {
    this.database = database;
    this.#broker = broker;
  }

  start(): void {
    this.child = new Child('footfall collect', process.execPath, [
      MAIN,
      'collect',
      '--broker',
      this.#broker,
      '--database',
      this.database,
      '--json',
    ]);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    await this.child?.end(signal);
  }
}
