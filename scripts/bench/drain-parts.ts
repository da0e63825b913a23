/** What both ways of delivery have: brokers, a committing collector, and what their processes cost. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { accepts } from '../../agent/uplink/brokers.ts';
import { MOSQUITTO } from '../../test/support/broker.ts';
import { MAIN } from '../../test/support/gateway.ts';
import { Child, until } from '../../test/support/processes.ts';

const TICKS_A_SECOND = 100;
const PATIENCE_MS = 600_000;

export interface Cost {
  /** CPU microseconds so far, of the kernel too. */
  cpuUs: number;
  /** The most memory so far, octets. */
  rss: number;
}

/** Of a process that lives; zeros of one that does not. */
export function costOf(pid: number): Cost {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
    return { cpuUs: ((Number(fields[11]) + Number(fields[12])) * 1e6) / TICKS_A_SECOND, rss: peak * 1024 };
  } catch {
    return { cpuUs: 0, rss: 0 };
  }
}

/** A mosquitto with these settings beside its listener. */
export class Mosquitto {
  readonly port: number;
  readonly #config: string;
  #child: Child | null = null;

  constructor(directory: string, name: string, port: number, settings: readonly string[]) {
    this.port = port;
    this.#config = join(directory, `${name}.conf`);
    const lines = [`listener ${port} 127.0.0.1`, 'allow_anonymous true', 'log_type error', 'set_tcp_nodelay true'];
    // Started by root, it would go on as a user who may not write here.
    const user = process.getuid?.() === 0 ? ['user root'] : [];
    writeFileSync(this.#config, `${[...user, ...lines, ...settings].join('\n')}\n`);
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  async start(): Promise<void> {
    this.#child = new Child('mosquitto', MOSQUITTO ?? 'mosquitto', ['-c', this.#config]);
    await until('mosquitto to listen', () => accepts(this.port));
  }

  pause(): void {
    this.#child?.process.kill('SIGSTOP');
  }

  goOn(): void {
    this.#child?.process.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    await this.#child?.end('SIGKILL');
  }
}

/** `footfall collect`, and when it said that it had committed. */
export class CommittingCollector {
  readonly database: string;
  readonly #child: Child;
  #line = '';
  stored = 0;
  /** Milliseconds of `performance.now` at the first commit and at the last. */
  firstMs = 0;
  lastMs = 0;

  constructor(directory: string, brokerUrl: string) {
    this.database = join(directory, 'collector.db');
    const words = ['collect', '--broker', brokerUrl, '--database', this.database, '--json'];
    this.#child = new Child('collector', process.execPath, [MAIN, ...words]);
    this.#child.process.stdout?.on('data', (text: string) => this.#read(text));
  }

  get pid(): number {
    return this.#child.pid;
  }

  async subscribed(): Promise<void> {
    await until('the collector to subscribe', () => this.#child.output.includes('"Connected"'));
  }

  /** Waits until so many are stored. @returns how many are. */
  async reached(count: number): Promise<number> {
    return until('the collector to commit', () => (this.stored >= count ? this.stored : null), PATIENCE_MS, 5);
  }

  /** Waits until so many are stored, or nothing came for a while. */
  async settled(count: number, quietMs: number): Promise<void> {
    const since = performance.now();
    const isQuiet = (): boolean => performance.now() - Math.max(this.lastMs, since) > quietMs;
    await until('the last commit', () => this.stored >= count || isQuiet(), PATIENCE_MS, 20);
  }

  async end(): Promise<void> {
    await this.#child.end('SIGTERM');
  }

  /** Different sequences that are in the database. */
  count(): number {
    const database = new Database(this.database, { readonly: true });
    try {
      return database.prepare<[], number>('SELECT count(DISTINCT sequence) FROM batches').pluck().get() ?? 0;
    } finally {
      database.close();
    }
  }

  #read(text: string): void {
    const lines = (this.#line + text).split('\n');
    this.#line = lines.pop() ?? '';
    for (const line of lines) {
      if (!line.includes('"Committed"')) continue;
      const { stored } = JSON.parse(line) as { stored: number };
      if (stored === 0) continue;
      this.stored += stored;
      this.lastMs = performance.now();
      if (this.firstMs === 0) this.firstMs = this.lastMs;
    }
  }
}

/** A step of drain-gateway.ts, under way, with the memory that systemd/footfall.service gives the daemon. */
export function gatewayStep(directory: string, ...words: string[]): Child {
  const script = fileURLToPath(new URL('drain-gateway.ts', import.meta.url));
  const env = {
    ...process.env,
    NODE_OPTIONS: '--max-semi-space-size=1',
    MALLOC_ARENA_MAX: '2',
    NODE_COMPILE_CACHE: join(directory, 'compiled'),
  };
  return new Child(`gateway ${words[0]}`, process.execPath, [script, ...words], { env });
}

/** What a step printed, once it has ended. @throws where it failed. */
export async function outcomeOf<T>(step: Child): Promise<T> {
  const { code, signal } = await step.ended;
  await until('its last words', () => step.output.endsWith('\n') || code !== 0);
  if (code !== 0) throw new Error(`${step.name} ended with ${signal ?? code}: ${step.output}`);
  return JSON.parse(step.output.trim().split('\n').at(-1) ?? '') as T;
}
