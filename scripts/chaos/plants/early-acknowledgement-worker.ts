/** The thread of a collector's database with a fault: see the plant of the same name. */
import Database from 'better-sqlite3';

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

await import('../../../agent/collector/sqlite-worker.ts');
