/** A throw-away PostgreSQL cluster on a loopback port, in a folder of its own. */
import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { freePort } from '../../agent/uplink/brokers.ts';
import { Child, until } from './processes.ts';

const VERSIONS = '/usr/lib/postgresql';
/** The newest server that Debian put there; null where none is. */
const PROGRAMS = newestPrograms();
/** The server refuses to run as root: there it runs as the user that its package made. */
const AS_ROOT = process.getuid?.() === 0;
const USER = AS_ROOT ? identityOf('postgres') : null;

/** Null where a cluster can be made, else why not. */
export const POSTGRES_MISSING =
  PROGRAMS === null
    ? `needs the PostgreSQL server under ${VERSIONS}`
    : AS_ROOT && USER === null
      ? 'needs a user postgres, because it runs as root'
      : null;
export const POSTGRES_NOTE = POSTGRES_MISSING === null ? '' : ` (skipped: ${POSTGRES_MISSING})`;

export class Postgres {
  readonly port: number;
  readonly #folder: string;
  readonly #settings: readonly string[];
  #child: Child | null = null;
  #databases = 0;

  private constructor(folder: string, port: number, settings: readonly string[]) {
    this.#folder = folder;
    this.port = port;
    this.#settings = settings;
  }

  /**
   * Makes a cluster and starts it.
   * @param options.parent where its folder is made; a memory file system is quick, a disk is what fsync is measured on.
   * @param options.settings such as `fsync=off`.
   */
  static async start(options: { parent?: string; settings?: string[] } = {}): Promise<Postgres> {
    if (POSTGRES_MISSING !== null) throw new Error(POSTGRES_MISSING);
    const parent = options.parent ?? (existsSync('/dev/shm') ? '/dev/shm' : tmpdir());
    const folder = mkdtempSync(join(parent, 'footfall-postgres-'));
    if (USER !== null) chownSync(folder, USER.uid, USER.gid);
    const data = join(folder, 'data');
    run('initdb', [
      '--pgdata',
      data,
      '--username',
      'footfall',
      '--auth',
      'trust',
      '--encoding',
      'UTF8',
      '--no-sync',
      '--locale',
      'C.UTF-8',
    ]);
    const server = new Postgres(folder, await freePort(), options.settings ?? []);
    await server.restart();
    return server;
  }

  /** Address of the cluster's first database, or another. */
  url(database = 'postgres'): string {
    return `postgres://footfall@127.0.0.1:${this.port}/${database}`;
  }

  /** A new empty database. @returns its address. */
  async createDatabase(): Promise<string> {
    const name = `d${++this.#databases}`;
    await this.query(this.url(), `CREATE DATABASE ${name}`);
    return this.url(name);
  }

  async query<Row extends Record<string, unknown>>(url: string, text: string, values: unknown[] = []): Promise<Row[]> {
    const client = new Client({ connectionString: url });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<Row>(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  get pid(): number {
    if (this.#child === null) throw new Error('the server is not running');
    return this.#child.pid;
  }

  /** Starts it after `kill`. */
  async restart(): Promise<void> {
    const settings = [`port=${this.port}`, 'listen_addresses=127.0.0.1', `unix_socket_directories=${this.#folder}`];
    const args = [
      '-D',
      join(this.#folder, 'data'),
      ...[...settings, ...this.#settings].flatMap((text) => ['-c', text]),
    ];
    this.#child = new Child('postgres', ...asUser('postgres', args));
    const child = this.#child;
    await until('PostgreSQL to answer', async () => {
      if (!child.running) throw new Error(`PostgreSQL ended: ${child.output}`);
      return this.query(this.url(), 'SELECT 1').then(
        () => true,
        () => false,
      );
    });
  }

  /** Ends all of it without a word: its children see the death of the first process and end too. */
  async kill(): Promise<void> {
    await this.#child?.end('SIGQUIT');
  }

  /** Ends it and removes its folder. */
  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function run(program: string, args: string[]): void {
  const [file, words] = asUser(program, args);
  execFileSync(file, words, { stdio: ['ignore', 'ignore', 'pipe'], cwd: '/' });
}

function asUser(program: string, args: string[]): [string, string[]] {
  const path = join(PROGRAMS ?? '', program);
  if (USER === null) return [path, args];
  return ['/usr/bin/setpriv', [`--reuid=${USER.uid}`, `--regid=${USER.gid}`, '--clear-groups', path, ...args]];
}

function newestPrograms(): string | null {
  if (!existsSync(VERSIONS)) return null;
  const versions = readdirSync(VERSIONS).filter((name) => existsSync(join(VERSIONS, name, 'bin', 'initdb')));
  const newest = versions.sort((a, b) => Number(b) - Number(a)).at(0);
  return newest === undefined ? null : join(VERSIONS, newest, 'bin');
}

function identityOf(name: string): { uid: number; gid: number } | null {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${name}:`));
  if (line === undefined) return null;
  const [, , uid, gid] = line.split(':');
  return { uid: Number(uid), gid: Number(gid) };
}
