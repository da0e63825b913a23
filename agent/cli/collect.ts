/** `footfall collect`: the reference collector, and a report of what it holds. */
import type { Command } from 'commander';
import type { Collector, CollectorEvent } from '../collector/collector.ts';
import type { CollectorReport } from '../collector/report.ts';
import { reasonOf } from '../errors.ts';
import { atLeastOne, passwordIn } from './options.ts';

const DEFAULT_BROKER = 'mqtt://127.0.0.1:1883';
const DEFAULT_DATABASE = './collector.db';

interface CollectOptions {
  broker: string;
  username?: string;
  passwordFile?: string;
  caFile?: string;
  certFile?: string;
  keyFile?: string;
  database: string;
  group?: string;
  every: number;
  json?: boolean;
  gaps?: boolean;
}

/** @param sqliteWorker another entry than the product's for the thread that owns a SQLite file. */
export function register(program: Command, sqliteWorker?: URL): void {
  const collect = program
    .command('collect')
    .description('receive batches from a broker, store each once, and acknowledge after the commit')
    .option('--broker <URL>', 'mqtt:// or mqtts:// with host and port', DEFAULT_BROKER)
    .option('--username <NAME>', 'user name at the broker')
    .option('--password-file <FILE>', 'file whose first line is the password')
    .option('--ca-file <FILE>', "certificates (PEM) that may sign the broker's; default: those of the system")
    .option('--cert-file <FILE>', 'client certificate (PEM, its chain behind it) to show the broker; with --key-file')
    .option('--key-file <FILE>', 'its key (PEM), without a passphrase')
    .option(
      '--database <FILE|URL>',
      'SQLite file, made where there is none, or postgres://user@host/database',
      DEFAULT_DATABASE,
    )
    .option('--group <NAME>', 'share the batches with other collectors of this name, on one PostgreSQL (needs MQTT 5)')
    .option('--every <N>', 'print a line each N batches', atLeastOne, 100)
    .option('--json', 'print one JSON line per commit and per notice instead')
    .addHelpText(
      'after',
      `
Ctrl-C commits what has arrived, says goodbye, and prints the ledger.
The password of PostgreSQL comes from ~/.pgpass or PGPASSWORD rather than from the address. While PostgreSQL is away nothing
is acknowledged, and the gateways send again.

Exit codes: 0 ended as asked, 1 could not start or failed, 64 wrong use.

Examples:
  footfall collect
  footfall collect --broker mqtts://broker.example:8883 --ca-file ca.pem --username collector --password-file secret
  footfall collect --json | jq 'select(.stored > 0)'
  footfall collect --database postgres://collector@db.example/footfall --group collectors
  footfall collect report --database collector.db`,
    )
    .action((options: CollectOptions) => run(options, sqliteWorker));
  collect
    .command('report')
    .description('what the database holds: per gateway the batches, windows, gaps and entries of today')
    .addHelpText(
      'after',
      `
Takes --database FILE or URL (default ${DEFAULT_DATABASE}) and --json. Collectors may go on writing meanwhile.
"awaited" are sequences that the gateway may still hold, "told" those it said are gone and why, "lost" those it no longer
holds and said nothing of. A report of losses is a report: the exit code stays 0.

Exit codes: 0 reported, 1 the database cannot be read, 64 wrong use.

Examples:
  footfall collect report
  footfall collect report --database postgres://collector@db.example/footfall --gaps
  footfall collect report --database collector.db --json | jq .gaps`,
    )
    // Also given here, so that they may follow the word `report`.
    .option('--database <FILE|URL>', 'SQLite file or PostgreSQL database of a collector')
    .option('--gaps', 'list every range of missing sequences')
    .option('--json', 'print the report as JSON')
    .action((_own: unknown, command: Command) => report(command.optsWithGlobals<CollectOptions>()));
}

async function run(options: CollectOptions, sqliteWorker: URL | undefined): Promise<void> {
  const [{ startCollector }, { realClock }] = await Promise.all([
    import('../collector/collector.ts'),
    import('../platform/clock.ts'),
  ]);
  const { broker: url, username, passwordFile, caFile, certFile, keyFile, database, group, every, json } = options;
  const write = (line: string) => process.stdout.write(`${line}\n`);
  let collector: Collector | null = null;
  let printed = 0;
  collector = await startCollector({
    url,
    ...(username === undefined ? {} : { username }),
    ...(passwordFile === undefined ? {} : { password: passwordIn(passwordFile) }),
    ...(caFile === undefined ? {} : { caFile }),
    ...(certFile === undefined ? {} : { certFile }),
    ...(keyFile === undefined ? {} : { keyFile }),
    database,
    ...(group === undefined ? {} : { group }),
    ...(sqliteWorker === undefined ? {} : { sqliteWorker }),
    clock: realClock(),
    log: (level, fields, message) => {
      if (level === 'debug') return;
      write(json ? JSON.stringify({ level, message, ...fields }) : lineOf(message, fields));
    },
    observe: (event) => {
      if (json) write(JSON.stringify({ level: 'info', message: 'Committed', ...event }));
      else if (collector !== null && collector.stats().received - printed >= every) {
        printed = collector.stats().received;
        write(progressOf(collector, event));
      }
    },
  });
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve());
  });
  await collector.stop();
  await printLedger(collector, database, json === true, write);
}

async function report(options: CollectOptions): Promise<void> {
  const [{ openReport }, { realClock }] = await Promise.all([
    import('../collector/report.ts'),
    import('../platform/clock.ts'),
  ]);
  const now = realClock().wall();
  const found = await openReport(options.database, now);
  const text = options.json ? JSON.stringify(found, null, 2) : await tableOf(found, now, options.gaps === true);
  process.stdout.write(`${text}\n`);
}

async function tableOf(found: CollectorReport, now: number, listGaps: boolean): Promise<string> {
  if (found.gateways.length === 0) return 'No gateway has been heard yet.';
  const [{ renderTable }, { painter, terminalOf }, { formatAgo, formatCount }] = await Promise.all([
    import('./view/table.ts'),
    import('./view/style.ts'),
    import('./view/format.ts'),
  ]);
  const { width, colour } = terminalOf(process.stdout, process.env);
  const count = (title: string) => ({ title, align: 'right' as const });
  const counts = ['last seen', 'batches', 'windows', 'awaited', 'lost', 'told', 'refused', 'epochs', 'entries today'];
  const columns = [{ title: 'gateway', shrinkTo: 16 }, { title: 'state' }, ...counts.map(count)];
  const rows = found.gateways.map((row) => [
    `${row.tenant}/${row.gateway}`,
    row.online === null ? 'unknown' : row.online ? 'online' : 'offline',
    formatAgo(row.last_seen_ms, now),
    formatCount(row.batches),
    formatCount(row.windows),
    formatCount(row.awaited),
    { text: formatCount(row.lost), tone: row.lost > 0 ? ('bad' as const) : ('plain' as const) },
    formatCount(row.told),
    formatCount(row.refused),
    formatCount(row.epochs),
    formatCount(row.entries_today),
  ]);
  const reasons = found.gateways.flatMap(({ tenant, gateway, told_by_reason: told }) =>
    Object.entries(told).map(([reason, many]) => `told gone by ${tenant}/${gateway}: ${formatCount(many)} ${reason}`),
  );
  const gaps = found.gaps.map(({ state, reason, tenant, gateway, epoch, first, last }) => {
    const what = reason === null ? state : `${state} (${reason})`;
    return `${what}: ${tenant}/${gateway}, epoch ${epoch}, sequences ${first} to ${last}`;
  });
  const hint = `${formatCount(gaps.length)} ranges of sequences are missing: --gaps lists them`;
  const tail = listGaps ? gaps : gaps.length === 0 ? [] : [hint];
  return [...renderTable(columns, rows, { width, paint: painter(colour) }), ...reasons, ...tail].join('\n');
}

async function printLedger(
  collector: Collector,
  database: string,
  json: boolean,
  write: (line: string) => void,
): Promise<void> {
  const { received, stored, duplicates, conflicts, rejected, probes, dropped, acknowledged, commits, failedCommits } =
    collector.stats();
  const counts = { received, stored, duplicates, conflicts, rejected, probes, dropped, acknowledged };
  const ledger = { ...counts, commits, failed_commits: failedCommits, ...(await missingIn(database, json, write)) };
  if (json) write(JSON.stringify({ level: 'info', message: 'Ledger', ...ledger }));
  else for (const [name, value] of Object.entries(ledger)) write(`${name.padEnd(14)}${String(value).padStart(10)}`);
}

/** Nothing where the database cannot be asked now: what was received is worth telling all the same. */
async function missingIn(
  database: string,
  json: boolean,
  write: (line: string) => void,
): Promise<Record<string, number>> {
  const { countMissing, openReport } = await import('../collector/report.ts');
  try {
    return countMissing((await openReport(database, 0)).gaps);
  } catch (error) {
    const reason = reasonOf(error);
    const message = 'The gaps are not known';
    write(json ? JSON.stringify({ level: 'warn', message, reason }) : lineOf(message, { reason }));
    return {};
  }
}

function progressOf(collector: Collector, event: CollectorEvent): string {
  const { received, stored, duplicates, conflicts, rejected } = collector.stats();
  const odd = conflicts + rejected > 0 ? `, ${conflicts} conflicts, ${rejected} rejected` : '';
  return `${received} received, ${stored} stored, ${duplicates} duplicates${odd} (last commit: ${event.stored} new)`;
}

function lineOf(message: string, fields: Record<string, unknown>): string {
  const texts = Object.entries(fields).map(([name, value]) => `${name}: ${String(value)}`);
  return texts.length === 0 ? message : `${message} (${texts.join(', ')})`;
}
