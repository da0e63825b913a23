/** `footfall collect` with a fault: its tables have no unique key, so that what comes twice is stored twice. */
import Database from 'better-sqlite3';
import { Command } from 'commander';
import { register } from '../../../agent/cli/collect.ts';

const { exec } = Database.prototype;
const withoutKeys = function (this: Database.Database, sql: string) {
  const table = /CREATE TABLE IF NOT EXISTS (batches|records) \([^;]*?,\s*UNIQUE \([^)]*\)\s*\);/g;
  return exec.call(
    this,
    sql.replace(table, (text) => text.replace(/,\s*UNIQUE \([^)]*\)/, '')),
  );
};
Object.assign(Database.prototype, { exec: withoutKeys });

const program = new Command('footfall');
register(program);
await program.parseAsync();
