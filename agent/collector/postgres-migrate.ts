/** Brings a PostgreSQL database to the schema of this release. Several collectors may start together. */
import type { Client } from 'pg';
import { AgentError, reasonOf } from '../errors.ts';
import type { Log } from '../mqtt/link.ts';
import { databaseError, newClient } from './postgres-connection.ts';
import { MIGRATIONS } from './postgres-schema.ts';
import { VISITOR_VIEWS } from './postgres-views.ts';

/** Of the advisory lock, which all collectors of one database share: "foot" in ASCII. */
const LOCK = 0x666f6f74;

/** @throws AgentError `collector_database` */
export async function migrate(url: string, name: string, log: Log): Promise<void> {
  const client = newClient(url, null);
  client.on('error', () => undefined);
  try {
    await client.connect();
    await expectUtf8(client, name);
    // First without a lock: a role that may only read and write can run a collector on tables made by another.
    if ((await versionOf(client)) < newest()) await expand(client, log);
    await addVisitors(client, log);
    const { rows } = await client.query("SELECT current_setting('fsync') AS fsync");
    if (rows[0].fsync === 'off')
      log('warn', { database: name }, 'The server has fsync off: a power cut loses what was acknowledged');
  } catch (error) {
    throw error instanceof AgentError ? error : databaseError(name, error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The version of the schema; 0 for an empty database. */
export async function versionOf(client: Client): Promise<number> {
  const { rows } = await client.query("SELECT to_regclass('schema_migration') IS NOT NULL AS there");
  if (!rows[0].there) return 0;
  const found = await client.query('SELECT coalesce(max(version), 0)::integer AS version FROM schema_migration');
  return found.rows[0].version;
}

function newest(): number {
  return Math.max(...MIGRATIONS.map(({ version }) => version));
}

async function expand(client: Client, log: Log): Promise<void> {
  await client.query('BEGIN');
  await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
  await client.query(`CREATE TABLE IF NOT EXISTS schema_migration (
    version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`);
  const before = await versionOf(client);
  for (const { version, sql } of MIGRATIONS) {
    if (version <= before) continue;
    await client.query(sql);
    await client.query('INSERT INTO schema_migration (version) VALUES ($1)', [version]);
    log('info', { version }, 'Schema expanded');
  }
  await client.query('COMMIT');
}

/** Unions of visitors need the extension hll: made where the server has it and this role may. */
async function addVisitors(client: Client, log: Log): Promise<void> {
  const { rows } = await client.query(`SELECT
    EXISTS (SELECT FROM pg_available_extensions WHERE name = 'hll') AS available, to_regclass('visitors') IS NOT NULL AS there`);
  if (rows[0].there) return;
  if (!rows[0].available) {
    log('info', {}, 'No view of visitors: the server does not have the extension hll (postgresql-hll)');
    return;
  }
  try {
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
    await client.query('CREATE EXTENSION IF NOT EXISTS hll');
    await client.query(VISITOR_VIEWS);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    log(
      'warn',
      { reason: reasonOf(error) },
      'No view of visitors: CREATE EXTENSION hll needs a role with that right, once',
    );
  }
}

/** Any other encoding cannot hold every store's name. */
async function expectUtf8(client: Client, name: string): Promise<void> {
  const { rows } = await client.query("SELECT current_setting('server_encoding') AS encoding");
  if (rows[0].encoding === 'UTF8') return;
  throw new AgentError(
    'collector_database',
    `expected a database in UTF8 at ${name}, found ${rows[0].encoding}`,
    'Create it with ENCODING UTF8 TEMPLATE template0.',
  );
}
