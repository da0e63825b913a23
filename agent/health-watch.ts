/** Judges the box again and again, remembers since when each thing is wrong, and has the changes stored. */
import { Health } from './health.ts';
import type { StatusDocument } from './local/document.ts';
import type { HealthEntry } from './local/routes.ts';
import type { HealthChange, Storage } from './storage/storage.ts';
import { type VerdictFacts, verdictOf, withReasons } from './verdict.ts';

export interface HealthWatchParts {
  /** What was wrong when the last run ended. */
  open: HealthChange[];
  nowMs: number;
  storage: Pick<Storage, 'noteHealth' | 'readHealth'>;
  /** Told of each change, as it happens. */
  changed(change: HealthChange): void;
}

export class HealthWatch {
  readonly #parts: HealthWatchParts;
  readonly #health: Health;
  #storing: Promise<void> | null = null;

  constructor(parts: HealthWatchParts) {
    this.#parts = parts;
    this.#health = new Health({ open: parts.open, nowMs: parts.nowMs });
  }

  /** The verdict, each of its reasons since when it holds, over restarts too. */
  judge(facts: VerdictFacts): StatusDocument['verdict'] {
    const { state, reasons } = verdictOf(facts);
    const known = this.#health.observe(reasons, facts.nowMs);
    return withReasons(state !== 'not_counting', known.reasons, known.wellSinceMs);
  }

  /** Something worth remembering that is neither good nor bad, such as a start. */
  event(code: string, message: string, nowMs: number): void {
    this.#health.event(code, message, nowMs);
  }

  /** Stores what has changed. Resolves when that is done or has failed; then it is tried again at the next call. */
  store(): Promise<void> {
    this.#storing ??= this.#store().finally(() => {
      this.#storing = null;
    });
    return this.#storing;
  }

  /** The newest changes that are stored, newest first. */
  async history(limit: number): Promise<HealthEntry[]> {
    const changes = await this.#parts.storage.readHealth({ limit });
    return changes.map(({ atMs, ...rest }) => ({ at_ms: atMs, ...rest }));
  }

  async #store(): Promise<void> {
    for (;;) {
      const changes = this.#health.takeChanges();
      if (changes.length === 0) return;
      try {
        await this.#parts.storage.noteHealth(changes);
      } catch {
        // The verdict tells of a storage that fails; the changes wait for it.
        this.#health.giveBack(changes);
        return;
      }
      for (const change of changes) this.#parts.changed(change);
    }
  }
}
