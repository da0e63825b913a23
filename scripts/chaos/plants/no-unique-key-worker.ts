/** The thread of a collector's database with a fault: see the plant of the same name. */
import Database from 'better-sqlite3';

const { exec } = Database.prototype;
const withoutKeys = function (this: Database.Database, sql: string) {
  const table = /CREATE TABLE IF NOT EXISTS (batches|records) \([^;]*?,\s*UNIQUE \([^)]*\)\s*\);/g;
  return exec.call(
    this,
    sql.replace(table, (text) => text.replace(/,\s*UNIQUE \([^)]*\)/, '')),
  );
};
Object.assign(Database.prototype, { exec: withoutKeys });

await import('../../../agent/collector/sqlite-worker.ts');
