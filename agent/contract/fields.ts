/** What the schemas of contract v1 have in common: their kinds of fields, and what each field tells about itself. */
import { z } from 'zod';
import { LEVEL } from './topics.ts';

/**
 * How values of a measure become one, over places, gateways or windows (agent/contract/README.md tells how):
 * `sum`, `max`, `min`; `first` and `last` window; `rebase`: moved to a common end, then summed; `buckets`: summed by bucket;
 * `none`: derived or a reading of its moment.
 */
export type Merge = 'sum' | 'max' | 'min' | 'first' | 'last' | 'rebase' | 'buckets' | 'none';

/** A field with what it means, its unit and how it merges; the last two only where it is a number or holds numbers. */
export function told<T extends z.ZodType>(schema: T, description: string, unit?: string, merge?: Merge): T {
  return schema.meta({
    description,
    ...(unit === undefined ? {} : { 'x-unit': unit }),
    ...(merge === undefined ? {} : { 'x-merge': merge }),
  });
}

export const count = z.int().nonnegative();
export const ordinal = z.int().positive();
/** Identifies a batch within its epoch. */
export const sequence = z.int().positive();
export const name = z.string().min(1).max(128);
export const nullableNumber = z.number().nullable();
export const level = z.string().regex(LEVEL, 'expected 1 to 64 characters of a-z, 0-9, "_" and "-"');
/** 64 random bits per database file. */
export const epochText = z.string().regex(/^[0-9a-f]{16}$/, 'expected 16 lower-case hexadecimal digits');

export const SOURCE_MEANING =
  '/ff/{tenant}/{gateway}/{epoch}, equal to those of data (not expressed in this schema). With id it identifies the message for ever.';

/** The CloudEvents 1.0 envelope, but for `type`, `id` and `data`. */
export const envelope = {
  specversion: told(z.literal('1.0'), 'Version of CloudEvents.'),
  source: told(z.string().max(256), SOURCE_MEANING),
  datacontenttype: told(z.literal('application/json'), 'Of data.'),
  dataschema: told(
    z.string().max(256),
    'Id of the schema of the release that sealed it. A higher minor version only adds fields.',
  ),
};

/** Of an envelope: the sequence of its data. */
export const sequenceId = told(
  z.string().regex(/^[1-9][0-9]{0,15}$/, 'expected a sequence number as a decimal string'),
  'data.sequence as a decimal string (that both agree is not expressed in this schema).',
);

/** Of an envelope: a moment by the gateway's wall clock. */
export function moment(description: string) {
  return told(z.iso.datetime({ offset: true }), `${description}, by the gateway's wall clock, RFC 3339.`);
}

/** Who sent it, within data. */
export const origin = {
  tenant: told(level, 'Equal to that of the topic, which the access list of the broker vouches for.'),
  gateway: told(level, 'Equal to that of the topic.'),
  epoch: told(epochText, 'Epoch of the database that sealed it: 64 random bits. Sequences are unique within an epoch.'),
};
