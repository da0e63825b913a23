/** Batches that will not be sent as they are, over the local socket: seen, read, sent again, dropped. */
import { AgentError } from '../errors.ts';

const PAGE = { usual: 1_000, most: 1_000 };
/** Sequences of one question; more of them are asked in parts. */
export const MAX_SEQUENCES = 4_000;

/** A batch that the collector rejected, or that was found damaged. */
export interface DeadLetter {
  sequence: number;
  /** Of the database that sealed it. */
  epoch: string;
  /** Ordinal of its window; 0 where it was not written down. */
  window: number;
  /** The collector's, or `damaged`. */
  code: string;
  message: string;
  /** About when, UTC milliseconds: when the newest batch then was sealed. Null where it was not written down. */
  at_ms: number | null;
  bytes: number;
}

export interface DeadLetterRoutes {
  /** In the order of their sequences, after one. */
  list(query: { after: number; limit: number }): Promise<DeadLetter[]>;
  /** The bytes as they were sealed; null where there are none, or they are damaged. */
  body(sequence: number): Promise<Uint8Array | null>;
  /** Puts them back into the outbox. @returns which went; the others cannot be sent again, or are not there. */
  resend(sequences: number[]): Promise<number[]>;
  /** Drops them for good. @returns which went. */
  drop(sequences: number[]): Promise<number[]>;
}

/** What `GET /dead-letters/body` answers. */
export interface DeadLetterBody {
  sequence: number;
  /** RFC 4648. */
  base64: string;
}

/** `after` and `limit` of a question. */
export function pageOf(query: URLSearchParams): { after: number; limit: number } {
  const after = wholeOf(query, 'after', 0);
  const limit = wholeOf(query, 'limit', PAGE.usual);
  if (limit >= 1 && limit <= PAGE.most) return { after, limit };
  throw new AgentError('limit_invalid', `expected "limit" as a whole number from 1 to ${PAGE.most}, received ${limit}`);
}

/** @throws AgentError `dead_letter_unknown`. */
export async function bodyOf(routes: DeadLetterRoutes, query: URLSearchParams): Promise<DeadLetterBody> {
  const sequence = wholeOf(query, 'sequence', 0);
  const body = await routes.body(sequence);
  if (body !== null) return { sequence, base64: Buffer.from(body).toString('base64') };
  throw new AgentError(
    'dead_letter_unknown',
    `expected a dead letter with sound bytes, found none of sequence ${sequence}`,
    'See what there is: footfall buffer list',
  );
}

/** The body of a `POST`: `{"sequences": [1, 2]}`. */
export function sequencesOf(body: unknown): number[] {
  const { sequences } = (body ?? {}) as { sequences?: unknown };
  if (Array.isArray(sequences) && sequences.length <= MAX_SEQUENCES && sequences.every(isSequence)) return sequences;
  throw new AgentError(
    'sequences_invalid',
    `expected {"sequences": [...]} with at most ${MAX_SEQUENCES} whole numbers from 1, received something else`,
  );
}

function isSequence(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 1;
}

function wholeOf(query: URLSearchParams, name: string, usual: number): number {
  const text = query.get(name);
  if (text === null) return usual;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new AgentError('query_invalid', `expected "${name}" as a whole number, received "${text.slice(0, 40)}"`);
}
