/** Where dead letters are read: from the daemon, or from the database while none answers. */
import { join } from 'node:path';
import { AgentError } from '../../errors.ts';
import { requestLocal } from '../../local/client.ts';
import type { DeadLetter, DeadLetterBody } from '../../local/dead-letters.ts';
import { ask } from '../observe.ts';
import { DEFAULT_SETTINGS, socketOf } from '../socket.ts';
import type { BufferFacts } from '../view/buffer.ts';

const DATABASE = 'footfall.db';
const PAGE = 1_000;
const NO_ANSWER = ['daemon_not_running', 'daemon_silent'];

export interface Places {
  settings?: string;
  socket?: string;
}

export interface Letters {
  /** What the buffer holds. */
  facts(): Promise<BufferFacts>;
  /** All of them, by sequence. */
  list(): Promise<DeadLetter[]>;
  /** As it was sealed; null where there is none, or its bytes are damaged. */
  body(sequence: number): Promise<Uint8Array | null>;
}

/** Throws what reading the settings throws, and what the socket answers but that nobody is there. */
export async function openLetters(places: Places): Promise<Letters> {
  const socket = await socketOf(places);
  try {
    const { at_ms, time_zone, buffer } = await ask(socket);
    return { facts: async () => ({ ...buffer, at_ms, time_zone, from: 'daemon' }), ...lettersOfDaemon(socket) };
  } catch (error) {
    if (!(error instanceof AgentError) || !NO_ANSWER.includes(error.code)) throw error;
    return lettersAtRest(places).catch((reason: unknown) => {
      // Where nothing says which box is meant, that nobody answers is the better word.
      throw places.settings === undefined ? error : reason;
    });
  }
}

export function lettersOfDaemon(socket: string): Omit<Letters, 'facts'> {
  return {
    async list() {
      const letters: DeadLetter[] = [];
      for (;;) {
        const route = `/dead-letters?after=${letters.at(-1)?.sequence ?? 0}&limit=${PAGE}`;
        const { dead_letters: page } = (await requestLocal(socket, 'GET', route)) as { dead_letters: DeadLetter[] };
        letters.push(...page);
        if (page.length < PAGE) return letters;
      }
    },
    async body(sequence) {
      try {
        const answer = await requestLocal(socket, 'GET', `/dead-letters/body?sequence=${sequence}`);
        return Buffer.from((answer as DeadLetterBody).base64, 'base64');
      } catch (error) {
        if (error instanceof AgentError && error.code === 'dead_letter_unknown') return null;
        throw error;
      }
    },
  };
}

async function lettersAtRest({ settings: file = DEFAULT_SETTINGS }: Places): Promise<Letters> {
  const [{ readBase }, { inspectDatabase, inspectDeadBody, inspectDeadLetters }, { realClock }] = await Promise.all([
    import('../../settings/last-good.ts'),
    import('../../storage/inspect.ts'),
    import('../../platform/clock.ts'),
  ]);
  const { settings } = readBase({ path: file });
  const path = join(settings.storage.directory, DATABASE);
  return {
    async facts() {
      const { epoch, outbox } = inspectDatabase(path, { healthLimit: 0 });
      return {
        from: 'database',
        at_ms: realClock().wall(),
        time_zone: settings.store.timeZone,
        epoch: epoch ?? '',
        held: outbox.held,
        held_bytes: outbox.heldBytes,
        bound_bytes: settings.storage.bufferBytes,
        hours_left: null,
        oldest_sequence: outbox.oldestSequence,
        oldest_ms: outbox.oldestSealedMs,
        sealed_through: outbox.sealedThrough,
        dropped: outbox.dropped,
        dropped_untold: outbox.untold,
        dead_letters: outbox.deadLetters,
      };
    },
    list: async () =>
      inspectDeadLetters(path).map(({ windowOrdinal: window, atMs: at_ms, ...rest }) => ({ ...rest, window, at_ms })),
    body: async (sequence) => inspectDeadBody(path, sequence)?.body ?? null,
  };
}
