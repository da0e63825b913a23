/** `footfall collect` with a fault: a commit is put off for a moment, and the acknowledgements do not wait for it. */
import Database from 'better-sqlite3';
import { Command } from 'commander';
import { register } from '../../../agent/cli/collect.ts';

const COMMIT_LATER_MS = 400;

const late = function (this: Database.Database, work: (...values: unknown[]) => unknown) {
  return (...values: unknown[]): unknown => {
    if (!this.inTransaction) {
      this.exec('BEGIN');
      setTimeout(() => this.open && this.exec('COMMIT'), COMMIT_LATER_MS);
    }
    return work(...values);
  };
};
Object.assign(Database.prototype, { transaction: late });

const program = new Command('footfall');
register(program);
await program.parseAsync();
