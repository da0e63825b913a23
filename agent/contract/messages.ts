/** The two small messages of contract v1: a gateway's state and the collector's acknowledgement. */
import { z } from 'zod';
import { epochText } from './batch.ts';

const sequence = z.int().positive();

/** Birth, repetition (every 15 minutes) and will of a gateway's connection; retained. */
export const stateMessage = z.object({
  /** Identifies one connection: a will ends only the birth of the same id, never a newer one. */
  birth: z.string().regex(/^[0-9a-f]{16}$/, 'expected 16 lower-case hexadecimal digits'),
  online: z.boolean(),
  epoch: epochText,
  /** The last sequence sealed in this epoch, 0 before the first. */
  sealed_through: z.int().nonnegative(),
  /** The oldest sequence still on the box; what is missing below it will never come. Null when it holds none. */
  oldest_held: sequence.nullable(),
  /** The epoch before this one on the same box, so that its tail is known. */
  previous: z.object({ epoch: epochText, last_sequence: z.int().nonnegative() }).nullable(),
  /** Id of the parameter set in force. */
  parameters: z.string().max(128),
  version: z.string().max(64),
  sensors: z
    .array(z.object({ id: z.string().max(128), driver: z.string().max(64), state: z.string().max(32) }))
    .max(255),
  /** The gateway's wall clock, UTC milliseconds. */
  at_ms: z.int(),
});
export type StateMessage = z.infer<typeof stateMessage>;

/** What the collector has committed, sent at once after its commit, duplicates included. */
export const ackMessage = z.object({
  epoch: epochText,
  ok: z.array(sequence),
  /** Batches that will never be taken: they go to the gateway's dead letters. */
  rejected: z.array(z.object({ seq: sequence, code: z.string().min(1).max(64), message: z.string().max(1024) })),
  /** Seconds for which the gateway publishes nothing more. */
  retry_after_s: z.number().nonnegative().optional(),
});
export type AckMessage = z.infer<typeof ackMessage>;

/** The bytes of a message. */
export function encodeMessage(message: StateMessage | AckMessage): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(message));
}
