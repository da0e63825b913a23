/**
 * A gap record: which sequences the gateway no longer has and why, so that the centre can prove what is missing. It takes a
 * sequence of its own among the batches, goes where they go, is acknowledged as they are, and is never dropped itself:
 * only replaced by a later one that tells the same and more.
 */
import { z } from 'zod';
import { envelope, epochText, moment, origin, sequence, sequenceId, told } from './fields.ts';
import { sourceOf } from './topics.ts';

export const GAP_TYPE = 'footfall.gap.v1';
export const GAP_SCHEMA = 'urn:footfall:schema:gap:1.0';

/** Why sequences are gone. A receiver takes any other text too: a newer release may know more reasons. */
export const GAP_REASONS = [
  /** The buffer reached its bound in bytes. */
  'buffer_full',
  /** They lay further behind the newest window than the buffer's bound allows. */
  'buffer_age',
  /** The disk was full. */
  'disk_full',
  /** The database or the batch was damaged, and what was left of it could not be trusted. */
  'damaged',
  /** The collector had rejected them, and the dead letters reached their bound. */
  'dead_letters_full',
  /** The collector had rejected them, and somebody at the box dropped them. */
  'operator',
] as const;
export type GapReason = (typeof GAP_REASONS)[number];

export const gapRange = z
  .object({
    epoch: told(epochText, "Of the sequences: this database's, or one before it on the same box."),
    from_seq: told(sequence, 'The first that is gone.', 'sequence'),
    to_seq: told(sequence, 'The last that is gone; at least from_seq (not expressed in this schema).', 'sequence'),
    reason: told(
      z.string().min(1).max(64),
      `Why: ${GAP_REASONS.map((reason) => `\`${reason}\``).join(', ')}, or another of a newer release.`,
    ),
  })
  .refine((range) => range.from_seq <= range.to_seq, 'expected from_seq to be at most to_seq')
  .meta({ title: 'Gap range', description: 'Sequences that the gateway no longer has.' });
export type GapRange = z.infer<typeof gapRange>;

export const gapMessage = z
  .object({
    ...envelope,
    type: told(z.literal(GAP_TYPE), 'Tells a gap record from the other messages of its topic.'),
    id: sequenceId,
    time: moment('When it was sealed'),
    data: z
      .object({
        ...origin,
        sequence: told(sequence, 'Its own, among those of the batches.', 'sequence'),
        ranges: told(
          z.array(gapRange).min(1),
          'What is gone. May include sequences of earlier gap records, which this one replaces.',
        ),
      })
      .meta({ title: 'Gap data', description: 'What is gone, and who tells.' }),
  })
  .check(({ value, issues }) => {
    const { data } = value;
    const differ = (field: string, other: string) =>
      issues.push({ code: 'custom', message: `expected it to agree with ${other}`, path: [field], input: value });
    if (value.source !== sourceOf(data.tenant, data.gateway, data.epoch)) {
      differ('source', 'data.tenant, data.gateway and data.epoch');
    }
    if (value.id !== String(data.sequence)) differ('id', 'data.sequence');
  })
  .meta({ title: 'Gap record', description: 'Which sequences the gateway no longer has, and why.' });
export type GapMessage = z.infer<typeof gapMessage>;

/** The bytes of a gap record. @param sealedAtMs wall clock, UTC milliseconds. */
export function encodeGap(
  origin: { tenant: string; gateway: string; epoch: string; sealedAtMs: number },
  sequence: number,
  ranges: GapRange[],
): Uint8Array {
  const { tenant, gateway, epoch, sealedAtMs } = origin;
  const message: GapMessage = {
    specversion: '1.0',
    type: GAP_TYPE,
    source: sourceOf(tenant, gateway, epoch),
    id: String(sequence),
    time: new Date(sealedAtMs).toISOString(),
    datacontenttype: 'application/json',
    dataschema: GAP_SCHEMA,
    data: { tenant, gateway, epoch, sequence, ranges },
  };
  return new TextEncoder().encode(JSON.stringify(message));
}
