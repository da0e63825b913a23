/** What can be done at the box about batches that will not be sent as they are. */
import type { DeadLetterRoutes } from './local/dead-letters.ts';
import type { Storage } from './storage/storage.ts';

export interface DeadLettersParts {
  storage: Pick<Storage, 'readDeadLetters' | 'readDeadBodies' | 'resend' | 'drop'>;
  /** Tells the uplink that the outbox holds this batch again. */
  held(sequence: number): void;
  /** Notes what was done. */
  event(code: string, message: string): void;
}

export function deadLetterRoutes({ storage, held, event }: DeadLettersParts): DeadLetterRoutes {
  return {
    async list(query) {
      const letters = await storage.readDeadLetters(query);
      return letters.map(({ windowOrdinal: window, atMs: at_ms, ...rest }) => ({ ...rest, window, at_ms }));
    },
    async body(sequence) {
      const [found] = await storage.readDeadBodies([sequence]);
      return found?.body ?? null;
    },
    async resend(sequences) {
      const went = await storage.resend(sequences);
      for (const sequence of went) held(sequence);
      if (went.length > 0) event('dead_letters_resent', `${went.length} by hand`);
      return went;
    },
    async drop(sequences) {
      const went = await storage.drop(sequences);
      if (went.length > 0) event('dead_letters_dropped', `${went.length} by hand`);
      return went;
    },
  };
}
