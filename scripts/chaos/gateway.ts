/** One gateway under fire: the daemon as a process of its own on a virtual clock, fed over three terminals. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requestLocal } from '../../agent/local/client.ts';
import type { StatusDocument } from '../../agent/local/document.ts';
import { startApart } from '../../test/support/brokers-node.ts';
import { type Child, until } from '../../test/support/processes.ts';
import { Pty } from '../../test/support/pty.ts';
import { readDurable } from './durable.ts';
import type { StoreFront } from './truth.ts';

/** A busy machine may take this long for a step that closes windows, or for a start. */
const PATIENCE_MS = 60_000;

export interface GatewayOptions {
  id: string;
  directory: string;
  runtimeDirectory: string;
  brokerUrl: string;
  ack: 'collector' | 'puback';
  /** The program with the verb `run`. */
  entry: string;
  front: StoreFront;
  /** Where the virtual clock stands, UTC milliseconds. */
  atMs: number;
}

type Ptys = Record<'counter' | 'events' | 'ceiling', Pty>;

export class ChaosGateway {
  readonly id: string;
  readonly front: StoreFront;
  readonly #options: GatewayOptions;
  readonly #settings: string;
  readonly #ptys: Ptys;
  #child: Child | null = null;
  #atMs: number;
  /** Of the present daemon, and of those before it. */
  #resent = { now: 0, before: 0 };
  #startMs = 0;

  static async open(options: GatewayOptions): Promise<ChaosGateway> {
    mkdirSync(options.directory, { recursive: true });
    mkdirSync(options.runtimeDirectory, { recursive: true, mode: 0o700 });
    const line = (name: string): Promise<Pty> => Pty.open(join(options.runtimeDirectory, name));
    const ptys = { counter: await line('counter'), events: await line('events'), ceiling: await line('ceiling') };
    return new ChaosGateway(options, ptys);
  }

  private constructor(options: GatewayOptions, ptys: Ptys) {
    this.#options = options;
    this.#ptys = ptys;
    this.id = options.id;
    this.front = options.front;
    this.#atMs = options.atMs;
    this.#settings = join(options.directory, 'footfall.yaml');
    writeFileSync(this.#settings, settingsText(options, ptys));
  }

  get atMs(): number {
    return this.#atMs;
  }

  /** Batches sent again within a session, as far as the status was read in time. */
  get resent(): number {
    return this.#resent.before + this.#resent.now;
  }

  /** The process that lives now, if any. */
  get child(): Child | null {
    return this.#child;
  }

  /** Milliseconds that a start takes here. */
  get startTakes(): number {
    return this.#startMs;
  }

  /** Spawns the daemon. */
  launch(): void {
    const clock = ['--virtual-clock', new Date(this.#atMs).toISOString()];
    const words = [this.#options.entry, 'run', '-s', this.#settings, ...clock];
    this.#child = startApart(`daemon of ${this.id}`, process.execPath, words);
  }

  /** Resolves when the daemon counts and every line is open. @throws where it ends before. */
  async ready(): Promise<void> {
    const began = performance.now();
    const child = this.#child;
    await until(
      `every sensor of ${this.id} to be up`,
      async () => {
        if (!(child?.running ?? false)) throw new Error(`footfall run of ${this.id} ended:\n${child?.output}`);
        const status = await this.status().catch(() => null);
        return status?.sensors.every((sensor) => sensor.state === 'up') ?? false;
      },
      PATIENCE_MS,
      5,
    );
    this.#startMs = performance.now() - began;
  }

  async start(): Promise<void> {
    // What nobody read is lost, as on a real line.
    for (const pty of Object.values(this.#ptys)) await pty.drop();
    this.launch();
    await this.ready();
  }

  async status(): Promise<StatusDocument> {
    const status = (await this.#ask('GET', '/status')) as StatusDocument;
    this.#resent.now = status.uplink.resent;
    return status;
  }

  /**
   * The counter says where it stands: before anybody passes, as that is where it is counted from, and in the end, as a
   * daemon may have been killed over its last line.
   */
  async report(): Promise<void> {
    await this.#send({ counter: this.front.report(this.#atMs) });
  }

  /** Time goes on by `stepMs`; then people pass and devices are heard, and the daemon has taken it in. */
  async step(stepMs: number): Promise<void> {
    await this.pass(stepMs);
    await this.#send(this.front.step(this.#atMs));
  }

  /** Time goes on; what came before is durable then. */
  async pass(ms: number): Promise<void> {
    this.#atMs += ms;
    await this.#advance({});
    this.front.confirmed();
  }

  /**
   * SIGKILL, and what the dead daemon's database tells.
   * @param stepping the step that is cut off: what it still sends goes nowhere.
   * @returns what it lacks though it was committed, or null.
   */
  async kill(stepping: Promise<void>): Promise<string | null> {
    await this.#child?.end('SIGKILL');
    await stepping.catch(() => undefined);
    this.#resent = { now: 0, before: this.resent };
    return this.front.killed(readDurable(this.databasePath));
  }

  /** SIGKILL of a daemon that has not been fed. */
  async killStarting(): Promise<void> {
    await this.#child?.end('SIGKILL');
  }

  /** An end in order loses nothing that was taken in. */
  async stop(): Promise<void> {
    await this.#child?.end('SIGTERM');
    this.#resent = { now: 0, before: this.resent };
    this.front.confirmed();
  }

  async close(): Promise<void> {
    await this.#child?.end('SIGKILL');
    for (const pty of Object.values(this.#ptys)) await pty.close();
  }

  get databasePath(): string {
    return join(this.#options.directory, 'data', 'footfall.db');
  }

  async #send(bytes: Partial<Record<keyof Ptys, Uint8Array>>): Promise<void> {
    const { counter, events, ceiling } = this.#ptys;
    if (bytes.counter !== undefined) await counter.write(bytes.counter);
    if (bytes.events !== undefined) await events.write(bytes.events);
    if (bytes.ceiling !== undefined) await ceiling.write(bytes.ceiling);
    await this.#advance({ counter: counter.written, events: events.written, ceiling: ceiling.written });
  }

  async #advance(delivered: Record<string, number>): Promise<void> {
    await this.#ask('POST', '/clock/advance', { to_ms: this.#atMs, delivered });
  }

  async #ask(method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown> {
    const child = this.#child;
    try {
      return await requestLocal(
        join(this.#options.runtimeDirectory, 'run', 'footfall.sock'),
        method,
        path,
        body,
        PATIENCE_MS,
      );
    } catch (error) {
      if (child?.running) throw error;
      throw new Error(`footfall run of ${this.id} has ended:\n${child?.output.slice(-2_000)}`, { cause: error });
    }
  }
}

function settingsText({ id, directory, runtimeDirectory, brokerUrl, ack }: GatewayOptions, ptys: Ptys) {
  return `tenant: chaos
gateway: ${id}
store:
  id: shop-${id}
  time_zone: UTC
  hours: { daily: "00:00-24:00" }
sensors:
  - { id: counter, driver: door-lines, port: ${ptys.counter.path}, door: main }
  - { id: events, driver: door-lines, port: ${ptys.events.path}, door: side }
  - { id: ceiling, driver: wifi-lines, port: ${ptys.ceiling.path}, zone: shop, gate_dbm: -70 }
counting: { window_minutes: 1, grace_seconds: 10, visit_gap_seconds: 300, passing_seconds: 20 }
storage: { directory: ${join(directory, 'data')}, commit_seconds: 1, door_commit_seconds: 1 }
runtime_directory: ${join(runtimeDirectory, 'run')}
uplink: { url: "${brokerUrl}", ack: ${ack}, window: 16, stagger_seconds: 0 }
log: { level: warn }
`;
}
