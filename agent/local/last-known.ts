/** What can be told while no daemon answers: put together by agent/last-known.ts, shown by `footfall status`. */
import type { Reason, RunEnd, StatusDocument } from './document.ts';
import type { Waiting } from './run-record.ts';

export interface LastKnown {
  v: 1;
  /** UTC milliseconds, the machine's wall clock. */
  at_ms: number;
  /** When the last run began; null where no run is known. */
  started_ms: number | null;
  /** How it ended; null where no run is known, and where it has not ended. */
  end: RunEnd | null;
  /** Why the run that is alive does not count yet; null where none waits. */
  waiting: Waiting | null;
  /** The last status document that was kept: at the end of an orderly run, else at the close of the last window. */
  status: StatusDocument | null;
  /** What was wrong and had not ended. */
  reasons: Reason[];
  /** What the database holds now; null where it cannot be read. */
  database: {
    path: string;
    bytes: number;
    sealed_through: number;
    held: number;
    held_bytes: number;
    oldest_sequence: number | null;
    dead_letters: number;
  } | null;
  /** Why the database cannot be read; null where it can, and where there is none yet. */
  database_error: { code: string; message: string; hint: string } | null;
  /** The unit as systemd tells it; null where systemd knows none. */
  service: { unit: string; active: string; result: string; restarts: number } | null;
}
