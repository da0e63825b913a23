/** A real daemon on the gateway's side of a link; a real mosquitto and `footfall collect` on the broker's. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openReport } from '../../agent/collector/report.ts';
import { requestLocal } from '../../agent/local/client.ts';
import type { StatusDocument } from '../../agent/local/document.ts';
import { MOSQUITTO } from './broker.ts';
import { startApart } from './brokers-node.ts';
import { MAIN } from './gateway.ts';
import { BROKER_ADDRESS, NetnsLink } from './netns-link.ts';
import { type Child, until } from './processes.ts';
import { Pty } from './pty.ts';

export const TENANT = 'lab';
export const GATEWAY = 'far-away';
const PORT = 1883;
const START_MS = Date.UTC(2026, 2, 2, 8);
const WINDOW_MS = 60_000;
/** A busy machine may take this long for a start, or for a step that closes windows. */
const PATIENCE_MS = 60_000;

export class NetnsParts {
  readonly link: NetnsLink;
  readonly collectorDatabase: string;
  /** People who went in through the door. */
  entered = 0;
  readonly #directory: string;
  /** On a file system that a power-off clears, and with a short path for sockets. */
  readonly #runtime: string;
  readonly #door: Pty;
  #daemon: Child | null = null;
  #broker: Child | null = null;
  #collector: Child | null = null;
  #connections = 0;
  #atMs = START_MS;
  #steps: Promise<void> = Promise.resolve();

  static async open(directory: string, ack: 'collector' | 'puback'): Promise<NetnsParts> {
    const runtime = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : directory, 'footfall-net-'));
    const parts = new NetnsParts(directory, runtime, await Pty.open(join(runtime, 'door')));
    try {
      await parts.#start(ack);
      return parts;
    } catch (error) {
      await parts.close();
      throw error;
    }
  }

  private constructor(directory: string, runtime: string, door: Pty) {
    this.#directory = directory;
    this.#runtime = runtime;
    this.#door = door;
    this.collectorDatabase = join(directory, 'collector.db');
    this.link = new NetnsLink();
  }

  /** `windows` windows pass, and then people go in; a window is sealed once its grace is over. One step at a time. */
  step(windows: number, people: number): Promise<void> {
    const step = this.#steps.then(() => this.#step(windows, people));
    this.#steps = step.catch(() => undefined);
    return step;
  }

  async #step(windows: number, people: number): Promise<void> {
    this.#atMs += windows * WINDOW_MS;
    await this.#advance({});
    if (people === 0) return;
    this.entered += people;
    await this.#door.write(Buffer.from('+\n'.repeat(people)));
    await this.#advance({ door: this.#door.written });
  }

  async status(): Promise<StatusDocument> {
    return (await requestLocal(this.#socket, 'GET', '/status', undefined, PATIENCE_MS)) as StatusDocument;
  }

  /** What a technician at the box reads: `footfall status --json`. */
  async askAtTheBox(): Promise<StatusDocument> {
    const words = [MAIN, 'status', '--json', '--socket', this.#socket];
    const child = startApart('footfall status', process.execPath, words, { keep: 1_000_000 });
    // The process ends before the last of its output is read.
    await new Promise((resolve) => child.process.once('close', resolve));
    return JSON.parse(child.output) as StatusDocument;
  }

  /** What the broker made the collector believe of the gateway; null before it was heard. */
  async believedOnline(): Promise<boolean | null> {
    return (await openReport(this.collectorDatabase, 0)).gateways[0]?.online ?? null;
  }

  async killBroker(): Promise<void> {
    await this.#broker?.end('SIGKILL');
  }

  async startBroker(): Promise<void> {
    const config = join(this.#directory, 'mosquitto.conf');
    const child = this.link.start('broker', 'mosquitto', MOSQUITTO ?? 'mosquitto', ['-c', config]);
    this.#broker = child;
    await until('mosquitto to listen', () => {
      if (!child.running) throw new Error(`mosquitto ended:\n${child.output}`);
      return listensIn(child.pid, PORT);
    });
  }

  /** A number that grows with each connection of the collector's. */
  get collectorConnections(): number {
    return this.#connections;
  }

  /** Stops the collector where it is, as a machine does that has too much to do. */
  freezeCollector(isFrozen: boolean): void {
    this.#collector?.process.kill(isFrozen ? 'SIGSTOP' : 'SIGCONT');
  }

  async close(): Promise<void> {
    // A stopped process is killed as well.
    for (const child of [this.#daemon, this.#collector, this.#broker]) await child?.end('SIGKILL');
    await this.#door.close();
    this.link.close();
    rmSync(this.#runtime, { recursive: true, force: true });
  }

  get #socket(): string {
    return join(this.#runtime, 'run', 'footfall.sock');
  }

  async #advance(delivered: Record<string, number>): Promise<void> {
    await requestLocal(this.#socket, 'POST', '/clock/advance', { to_ms: this.#atMs, delivered }, PATIENCE_MS);
  }

  async #start(ack: 'collector' | 'puback'): Promise<void> {
    const settings = join(this.#directory, 'footfall.yaml');
    mkdirSync(this.#directory, { recursive: true });
    writeFileSync(settings, this.#settingsText(ack));
    // Started by root, mosquitto would go on as a user who may not read here.
    const lines = [
      `listener ${PORT} 0.0.0.0`,
      'allow_anonymous true',
      'persistence false',
      'user root',
      'log_type error',
    ];
    writeFileSync(join(this.#directory, 'mosquitto.conf'), `${[...lines, 'set_tcp_nodelay true'].join('\n')}\n`);
    await this.startBroker();
    const collect = [MAIN, 'collect', '--broker', `mqtt://127.0.0.1:${PORT}`, '--database', this.collectorDatabase];
    this.#collector = this.link.start('broker', 'footfall collect', process.execPath, [...collect, '--json']);
    const { stdout } = this.#collector.process;
    if (stdout !== null) {
      createInterface(stdout).on('line', (line) => {
        if (line.includes('"message":"Connected"')) this.#connections++;
      });
    }
    const clock = ['--virtual-clock', new Date(this.#atMs).toISOString()];
    const daemon = this.link.start('gateway', 'footfall run', process.execPath, [
      MAIN,
      'run',
      '-s',
      settings,
      ...clock,
    ]);
    this.#daemon = daemon;
    await until(
      'the daemon to count and to be connected',
      async () => {
        if (!daemon.running) throw new Error(`footfall run ended:\n${daemon.output}`);
        const status = await this.status().catch(() => null);
        return status?.sensors.every(({ state }) => state === 'up') && status.uplink.phase === 'connected';
      },
      PATIENCE_MS,
    );
    await until(
      'the collector to hear of the gateway',
      () => this.believedOnline().catch(() => null),
      PATIENCE_MS,
      100,
    );
  }

  #settingsText(ack: 'collector' | 'puback'): string {
    return `tenant: ${TENANT}
gateway: ${GATEWAY}
store:
  id: shop
  time_zone: UTC
  hours: { daily: "00:00-24:00" }
sensors:
  - { id: door, driver: door-lines, port: ${this.#door.path}, door: side }
counting: { window_minutes: 1, grace_seconds: 10 }
storage: { directory: ${join(this.#directory, 'data')}, commit_seconds: 1, door_commit_seconds: 1 }
runtime_directory: ${join(this.#runtime, 'run')}
uplink: { url: "mqtt://${BROKER_ADDRESS}:${PORT}", ack: ${ack}, window: 16, stagger_seconds: 0 }
log: { level: warn }
`;
  }
}

/** Whether somebody in the network of a process listens on a port. */
function listensIn(pid: number, port: number): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return new RegExp(`:${hex} [0-9A-F:]+ 0A `).test(readFileSync(`/proc/${pid}/net/tcp`, 'utf8'));
}
