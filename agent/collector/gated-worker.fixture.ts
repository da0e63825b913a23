/** The thread of a collector's database with commits that wait for as long as a file lies beside it. */
import { existsSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import Database from 'better-sqlite3';

const LOOK_MS = 20;
const gate = `${(workerData as { path: string }).path}.gate`;

const { transaction } = Database.prototype;
const gated = function (this: Database.Database, work: (...values: unknown[]) => unknown) {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  while (existsSync(gate)) Atomics.wait(cell, 0, 0, LOOK_MS);
  return transaction.call(this, work);
};
Object.assign(Database.prototype, { transaction: gated });

await import('./sqlite-worker.ts');
