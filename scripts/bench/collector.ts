/** `npm run bench:collector`: batches a second from a publisher through a real mosquitto into a committing collector. */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { reasonOf } from '../../agent/errors.ts';
import { freePort } from '../../agent/uplink/brokers.ts';
import { Broker, MOSQUITTO } from '../../test/support/broker.ts';
import { POSTGRES_MISSING, Postgres } from '../../test/support/postgres.ts';
import { Child, until } from '../../test/support/processes.ts';
import { fileSystemOf } from './meter.ts';

const HELP = `Usage: npm run bench:collector [-- --batches N] [--window N] [--gateways N] [--only sqlite|postgres] [--json]

Publishes realistic batches (eight records, about 6 KB) through a real mosquitto with set_tcp_nodelay and waits until each is
acknowledged, which a collector does after its commit. Every fsync is made; PostgreSQL keeps synchronous_commit on.

  --batches N    in each run (default 20000)
  --window N     unacknowledged at a time, over all gateways (default 512)
  --gateways N   that the batches are of (default 64)
  --only NAME    one database only
  --json         print the figures as JSON
  -h, --help     print this

The databases are in the system's directory for temporary files (TMPDIR): choose a real disk. Times cannot be compared
between machines.

Exit codes: 0 measured, 1 failed or a batch is not stored once, 64 wrong use.
`;

interface Options {
  batches: number;
  window: number;
  gateways: number;
  databases: string[];
  json: boolean;
}

interface Figures {
  database: string;
  batches: number;
  octets: number;
  per_second: number;
  commits: number;
  fsyncs: number | null;
  /** Of one core, percent, while it ran. */
  cpu_percent: Record<string, number>;
  stored_once: boolean;
}

const ROOT = join(import.meta.dirname, '..', '..');
const TICKS_A_SECOND = 100;

async function measure(kind: string, folder: string, options: Options): Promise<Figures> {
  const broker = new Broker(folder, await freePort());
  await broker.start();
  let postgres: Postgres | null = null;
  let collector: Child | null = null;
  try {
    if (kind === 'postgres') {
      postgres = await Postgres.start({ parent: tmpdir(), settings: ['shared_buffers=256MB', 'max_wal_size=4GB'] });
    }
    const database = postgres?.url() ?? join(folder, 'collector.db');
    const words = ['collect', '--broker', broker.url, '--database', database, '--json'];
    collector = new Child('collector', process.execPath, [join(ROOT, 'agent/main.ts'), ...words]);
    return await run(kind, options, { broker, postgres, collector, database });
  } finally {
    await collector?.end('SIGKILL');
    await postgres?.stop();
    await broker.kill();
  }
}

interface Parts {
  broker: Broker;
  postgres: Postgres | null;
  collector: Child;
  database: string;
}

async function run(kind: string, options: Options, { broker, postgres, collector, database }: Parts): Promise<Figures> {
  await until('the collector to subscribe', () => {
    if (!collector.running) throw new Error(collector.output);
    return collector.output.includes('"Connected"');
  });
  const pids = () => ({
    collector: [collector.pid],
    broker: [broker.child?.pid ?? 0],
    ...(postgres === null ? {} : { postgres: [postgres.pid, ...childrenOf(postgres.pid)] }),
  });
  const syncs = async () =>
    postgres === null
      ? null
      : Number((await postgres.query<{ n: string }>(database, 'SELECT wal_sync AS n FROM pg_stat_wal'))[0].n);
  const [syncsBefore, cpuBefore] = [await syncs(), cpuOf(pids())];
  const args = [broker.port, options.batches, options.window, options.gateways, Date.now()].map(String);
  const publisher = new Child('publisher', process.execPath, [
    join(import.meta.dirname, 'collector-publisher.ts'),
    ...args,
  ]);
  const { code } = await publisher.ended;
  if (code !== 0) throw new Error(`the publisher failed: ${publisher.output}`);
  const cpuAfter = cpuOf(pids());
  const syncsAfter = await syncs();
  const told = JSON.parse(publisher.output.trim()) as { ms: number; cpuUs: number; octets: number };
  collector.process.kill('SIGINT');
  await collector.ended;
  const ledger = JSON.parse(collector.output.trim().split('\n').at(-1) ?? '{}') as Record<string, number>;
  const percent = (us: number) => Math.round(us / told.ms / 10);
  return {
    database: kind,
    batches: options.batches,
    octets: Math.round(told.octets),
    per_second: Math.round((options.batches / told.ms) * 1_000),
    commits: ledger.commits,
    fsyncs: syncsBefore === null || syncsAfter === null ? null : syncsAfter - syncsBefore,
    cpu_percent: {
      publisher: percent(told.cpuUs),
      ...Object.fromEntries(Object.entries(cpuAfter).map(([name, us]) => [name, percent(us - cpuBefore[name])])),
    },
    stored_once: ledger.stored === options.batches && ledger.duplicates + ledger.conflicts + ledger.rejected === 0,
  };
}

/** CPU microseconds of processes so far, by what they are; those of ended children of theirs not counted. */
function cpuOf(pids: Record<string, number[]>): Record<string, number> {
  const one = (pid: number): number => {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
      return ((Number(fields[11]) + Number(fields[12])) * 1e6) / TICKS_A_SECOND;
    } catch {
      return 0;
    }
  };
  return Object.fromEntries(
    Object.entries(pids).map(([name, list]) => [name, list.reduce((sum, pid) => sum + one(pid), 0)]),
  );
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')[1]) === parent;
      } catch {
        return false;
      }
    })
    .map(Number);
}

function readOptions(args: string[]): Options | null | string {
  try {
    const number = (value: string) => ({ type: 'string' as const, default: value });
    const { values } = parseArgs({
      args,
      options: {
        batches: number('20000'),
        window: number('512'),
        gateways: number('64'),
        only: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return null;
    const counts = {
      batches: Number(values.batches),
      window: Number(values.window),
      gateways: Number(values.gateways),
    };
    for (const [name, count] of Object.entries(counts)) {
      if (!Number.isInteger(count) || count < 1) return `expected a whole number of at least 1 for --${name}`;
    }
    const all = ['sqlite', 'postgres'];
    if (values.only !== undefined && !all.includes(values.only))
      return `expected sqlite or postgres, found ${values.only}`;
    return { ...counts, databases: values.only === undefined ? all : [values.only], json: values.json };
  } catch (error) {
    return reasonOf(error);
  }
}

async function main(args: string[]): Promise<number> {
  const options = readOptions(args);
  if (typeof options === 'string') {
    process.stderr.write(`${options}\nSee: npm run bench:collector -- --help\n`);
    return 64;
  }
  if (options === null) {
    process.stdout.write(HELP);
    return 0;
  }
  const missing =
    MOSQUITTO === null ? 'needs mosquitto' : options.databases.includes('postgres') ? POSTGRES_MISSING : null;
  if (missing !== null) {
    process.stderr.write(`${missing}\n`);
    return 1;
  }
  let well = true;
  const all: Figures[] = [];
  for (const kind of options.databases) {
    const folder = await mkdtemp(join(tmpdir(), 'footfall-bench-collector-'));
    try {
      const figures = await measure(kind, folder, options);
      all.push(figures);
      well &&= figures.stored_once;
      if (options.json) continue;
      const cpu = Object.entries(figures.cpu_percent).map(([name, percent]) => `${name} ${percent} %`);
      process.stdout.write(
        `${kind}: ${figures.per_second} batches/s of ${figures.octets} octets acknowledged (${figures.batches} on ${fileSystemOf(folder)}), ` +
          `${figures.commits} commits, ${figures.fsyncs ?? figures.commits} fsyncs of the log; CPU of one core: ${cpu.join(', ')}; ` +
          `${figures.stored_once ? 'each stored once' : 'NOT each stored once'}\n`,
      );
    } catch (error) {
      process.stderr.write(`${kind}: ${reasonOf(error)}\n`);
      well = false;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  if (options.json) process.stdout.write(`${JSON.stringify(all, null, 2)}\n`);
  return well ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
