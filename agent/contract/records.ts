/**
 * Schemas of the record kinds, contract v1. Meanings and units of each field are told where the records are made
 * (`analytics/records.ts`); a type-level test keeps both equal.
 */
import { z } from 'zod';

const count = z.int().nonnegative();
const name = z.string().min(1).max(128);
const nullableNumber = z.number().nullable();

const base = {
  place: name,
  store: name,
  rev: z.int().positive(),
  window: z.int().positive(),
  start_ms: z.int(),
  end_ms: z.int(),
  parameters: z.string().max(128),
};

export const doorRecord = z.object({
  kind: z.literal('door'),
  ...base,
  entries: count,
  exits: count,
  catch_up_entries: count,
  catch_up_exits: count,
  /** Absent in batches of releases before 1.1 of the schema. */
  catch_up_from_ms: z.int().nullable().default(null),
  set_aside: count,
  resets: count,
});

export const occupancyRecord = z.object({
  kind: z.literal('occupancy'),
  ...base,
  entries: count,
  exits: count,
  /** Absent in batches of releases before 1.1 of the schema, as the start of a silence above. */
  already_left: count.default(0),
  at_start: count,
  at_end: count,
  min: count,
  max: count,
  occupancy_ms: count,
  entry_ms: count,
  exit_ms: count,
});

export const trafficRecord = z.object({
  kind: z.literal('traffic'),
  ...base,
  sightings: count,
  random_sightings: count,
  late_sightings: count,
  bursts_inside: count,
  bursts_outside: count,
  visits: count,
  passers_by: count,
  fixtures: count,
  present_minutes: count,
  minutes: count,
  present_max: count,
  people: nullableNumber,
  people_low: nullableNumber,
  people_high: nullableNumber,
  factor: nullableNumber,
  people_state: z.enum(['calibrated', 'uncalibrated']),
});

export const dwellRecord = z.object({
  kind: z.literal('dwell'),
  ...base,
  visits: count,
  dwell_ms: count,
  censored: count,
  heard_once: count,
  bounced: count,
  engaged: count,
  histogram: z.array(z.tuple([z.int(), count])),
});

export const entryRecord = z.object({
  kind: z.literal('entry'),
  ...base,
  entries: count.nullable(),
  passing_people: nullableNumber,
  passing_state: z.enum(['calibrated', 'uncalibrated_outside', 'uncalibrated']),
  visits: count,
  passers_by: count,
  transactions: count.nullable(),
});

export const bleRecord = z.object({
  kind: z.literal('ble'),
  ...base,
  advertisements: count,
  random_advertisements: count,
  late_advertisements: count,
  untracked_advertisements: count,
  phone_minutes: count,
  fixture_minutes: count,
  other_minutes: count,
  phones_max: count,
  minutes: count,
  open_minutes: count,
});

export const coverageRecord = z.object({
  kind: z.literal('coverage'),
  ...base,
  driver: name,
  covered_ms: count,
  bytes: count,
  accepted: count,
  rejected: z.record(z.string(), count),
});

export const dayRecord = z.object({
  kind: z.literal('day'),
  ...base,
  date: z.iso.date(),
  entries: count,
  exits: count,
  entry_ms: count,
  exit_ms: count,
  dwell_ms: nullableNumber,
  dwell_error_ms: nullableNumber,
  drift: z.int(),
  occupancy_max: count,
  visits: count,
  passers_by: count,
  passing_people: nullableNumber,
  transactions: count.nullable(),
  coverage_permille: count,
});

/** Every record kind of contract v1. */
export const wireRecord = z.discriminatedUnion('kind', [
  doorRecord,
  occupancyRecord,
  trafficRecord,
  dwellRecord,
  entryRecord,
  bleRecord,
  coverageRecord,
  dayRecord,
]);
export type WireRecord = z.infer<typeof wireRecord>;

const known: ReadonlyMap<string, z.ZodType> = new Map(
  wireRecord.options.map((schema) => [schema.shape.kind.value, schema as z.ZodType]),
);

/**
 * A record as a receiver takes it: a known kind must be right in every field; unknown fields are kept, and so are kinds
 * of a newer minor version, because a collector that refused them would make the gateway drop them.
 */
export const receivedRecord = z.looseObject({ kind: name, ...base }).check((context) => {
  const result = known.get(context.value.kind)?.safeParse(context.value);
  if (result === undefined || result.success) return;
  for (const issue of result.error.issues) {
    context.issues.push({ code: 'custom', message: issue.message, path: [...issue.path], input: context.value });
  }
});
