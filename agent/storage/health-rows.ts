/** The history of health: a bounded run of changes, and beside it what is open, which no bound may forget. */
import type { Statements } from './statements.ts';
import type { HealthChange } from './storage.ts';

const ROWS_KEPT = 5_000;
const MAX_MESSAGE = 1_000;

/**
 * Adds changes and drops the oldest rows. In the rows of each code and subject `began` and `ended` alternate: beginning
 * what is open and ending what is not leaves everything as it is. Call inside a transaction.
 */
export function noteHealth(statements: Statements, changes: HealthChange[]): void {
  const { beginHealth, endHealth, writeHealth, trimHealth } = statements;
  for (const { atMs: at, code, subject, change, message: text } of changes) {
    const atMs = Math.round(at);
    const message = text.slice(0, MAX_MESSAGE);
    if (change === 'began' && beginHealth.run(code, subject, atMs, message).changes === 0) continue;
    if (change === 'ended' && endHealth.run(code, subject).changes === 0) continue;
    writeHealth.run(atMs, code, subject, change, message);
  }
  trimHealth.run(ROWS_KEPT);
}
