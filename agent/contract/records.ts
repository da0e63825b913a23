/**
 * Schemas of the record kinds, contract v1, with what each field means. A type-level test keeps them equal to the records as
 * they are made (`analytics/records.ts`).
 */
import { z } from 'zod';
import { count, name, nullableNumber, ordinal, told } from './fields.ts';

const base = {
  place: told(
    name,
    '`store` for what concerns the whole store, else the id of a door, zone or sensor. Part of the key.',
  ),
  store: told(name, 'Of the settings; stable when a box is replaced. Part of the key.'),
  rev: told(
    z.int().positive(),
    'Revision of this record: 1 when its window is sealed; the nightly settlement raises it. The highest wins; keep all.',
    'revision',
  ),
  window: told(
    ordinal,
    'Ordinal of the window: counts up within the epoch, each used once. With epoch, store, place and kind it is the key.',
    'ordinal',
  ),
  start_ms: told(z.int(), 'Start of the window: an attribute, never a key.', 'UTC ms'),
  end_ms: told(z.int(), 'End of the window, exclusive.', 'UTC ms'),
  parameters: told(z.string().max(128), 'Id of the parameter set it was counted with.'),
};

const KIND = 'What the record tells. Part of the key.';
const kind = <K extends string>(value: K) => told(z.literal(value), KIND);

export const doorRecord = z
  .object({
    kind: kind('door'),
    ...base,
    entries: told(count, 'Came in through this door.', 'people', 'sum'),
    exits: told(count, 'Went out through this door.', 'people', 'sum'),
    catch_up_entries: told(
      count,
      'Of entries: came as one difference of a counter over a time when nothing was heard of it.',
      'people',
      'sum',
    ),
    catch_up_exits: told(count, 'Of exits: the same.', 'people', 'sum'),
    catch_up_from_ms: told(
      z.int().nullable().default(null),
      'Start of the earliest of those times; null without any. The people are spread evenly over them, as far as windows were still open: those from before count at the start of the first. Absent in batches before 1.1.',
      'UTC ms',
      'min',
    ),
    set_aside: told(count, 'In implausible jumps of a counter; in no other number.', 'people', 'sum'),
    resets: told(count, 'Times the counter restarted.', 'restarts', 'sum'),
  })
  .meta({ title: 'Door', description: 'Flow through one door.' });

export const occupancyRecord = z
  .object({
    kind: kind('occupancy'),
    ...base,
    entries: told(count, 'Came in, over all doors.', 'people', 'sum'),
    exits: told(
      count,
      'Went out, over all doors; in a settled revision scaled so that the day closes.',
      'people',
      'sum',
    ),
    already_left: told(
      count.default(0),
      'Exits of windows before this one that found nobody inside, as the entries of that time were caught up in this one. Absent in batches before 1.1.',
      'people',
      'sum',
    ),
    at_start: told(count, 'Inside at the start of the window.', 'people', 'first'),
    at_end: told(
      count,
      'Inside at its end: at_start + entries - exits - already_left, floored at 0. Before the settlement it may drift.',
      'people',
      'last',
    ),
    min: told(count, 'Fewest inside at once.', 'people', 'min'),
    max: told(count, 'Most inside at once.', 'people', 'max'),
    occupancy_ms: told(count, 'Time spent inside in this window: the integral of occupancy.', 'person-ms', 'sum'),
    entry_ms: told(
      count,
      'Sum over entries of the time left until end_ms; an additive part of dwell.',
      'person-ms',
      'rebase',
    ),
    exit_ms: told(count, 'The same over exits.', 'person-ms', 'rebase'),
  })
  .meta({ title: 'Occupancy', description: 'People inside the whole store.' });

const DEVICE =
  'A device is a pseudonym of an address that lasts a day at most: randomised addresses make several of one phone.';

export const trafficRecord = z
  .object({
    kind: kind('traffic'),
    ...base,
    sightings: told(count, 'Probe requests heard.', 'probe requests', 'sum'),
    random_sightings: told(count, 'Of them: sent from a randomised address.', 'probe requests', 'sum'),
    late_sightings: told(
      count,
      'Of them: came too late for their minute, and are in no other number.',
      'probe requests',
      'sum',
    ),
    bursts_inside: told(
      count,
      'Runs of sightings of one device with gaps under 2 s, above the inside gate; fixtures excluded.',
      'bursts',
      'sum',
    ),
    bursts_outside: told(count, 'The same below the gate.', 'bursts', 'sum'),
    visits: told(count, 'Went inside in this window.', 'devices', 'sum'),
    passers_by: told(count, 'Encounter ended in this window, without having been inside.', 'devices', 'sum'),
    fixtures: told(count, 'Known as fixtures at the end of the window.', 'devices', 'last'),
    present_minutes: told(
      count,
      'Sum over the minutes of the window of distinct devices inside in the last five minutes.',
      'device-minutes',
      'sum',
    ),
    minutes: told(count, 'Minutes summed in present_minutes.', 'minutes', 'sum'),
    present_max: told(count, 'Most devices inside in one of those minutes.', 'devices', 'max'),
    people: told(nullableNumber, 'Mean number inside by calibration; null without one.', 'people', 'none'),
    people_low: told(nullableNumber, 'Lower end of its 90 % interval.', 'people', 'none'),
    people_high: told(nullableNumber, 'Upper end of its 90 % interval.', 'people', 'none'),
    factor: told(nullableNumber, 'Calibration, through the origin; null without a door.', 'people per device', 'none'),
    people_state: told(z.enum(['calibrated', 'uncalibrated']), 'Whether people is told.'),
  })
  .meta({ title: 'Traffic', description: `Wi-Fi devices heard in one zone. ${DEVICE}` });

export const dwellRecord = z
  .object({
    kind: kind('dwell'),
    ...base,
    visits: told(count, 'Visits that ended in this window, heard over five seconds or more.', 'visits', 'sum'),
    dwell_ms: told(count, 'Their summed dwell; divided by visits: the mean.', 'ms', 'sum'),
    censored: told(
      count,
      'Visits cut by a key change or by a restart without state; in no other number.',
      'visits',
      'sum',
    ),
    heard_once: told(count, 'Visits heard in one burst only, dwell unknown; in no other number.', 'visits', 'sum'),
    bounced: told(count, 'Of visits: under one minute.', 'visits', 'sum'),
    engaged: told(count, 'Of visits: of five minutes or more.', 'visits', 'sum'),
    histogram: told(
      z.array(
        z.tuple([
          told(z.int(), 'floor(ln(seconds) / ln(1.02)), for a dwell of at least one second.', 'bucket'),
          told(count, 'Visits in the bucket.', 'visits'),
        ]),
      ),
      '[bucket, visits] pairs in ascending order of bucket, empty buckets left out. Buckets are 2 % wide.',
      'visits by bucket',
      'buckets',
    ),
  })
  .meta({
    title: 'Dwell',
    description: 'Dwell of the devices whose identity lasts long enough to measure it (global addresses).',
  });

export const entryRecord = z
  .object({
    kind: kind('entry'),
    ...base,
    entries: told(count.nullable(), 'Came in through doors; null where no door is counted.', 'people', 'sum'),
    passing_people: told(
      nullableNumber,
      'Passed in front, visitors included, corrected for exposure; null where uncalibrated. entries / passing_people is the entry rate.',
      'people',
      'sum',
    ),
    passing_state: told(
      z.enum(['calibrated', 'uncalibrated_outside', 'uncalibrated']),
      'Whether passing_people is told; `uncalibrated_outside`: inside is calibrated, outside is not.',
    ),
    visits: told(
      count,
      'By device, as in traffic: visits / (visits + passers_by) needs no calibration.',
      'devices',
      'sum',
    ),
    passers_by: told(count, 'By device, as in traffic.', 'devices', 'sum'),
    transactions: told(count.nullable(), 'At the tills; null where none is connected.', 'transactions', 'sum'),
  })
  .meta({ title: 'Entry rate', description: 'Numerator and denominator of the entry rate, apart.' });

export const bleRecord = z
  .object({
    kind: kind('ble'),
    ...base,
    advertisements: told(count, 'Heard, at any hour and signal strength.', 'advertisements', 'sum'),
    random_advertisements: told(count, 'Of them: from a random address.', 'advertisements', 'sum'),
    late_advertisements: told(count, 'Of them: too late to count on.', 'advertisements', 'sum'),
    untracked_advertisements: told(
      count,
      'Of addresses beyond what can be told apart at once, as in a flood; in no number below.',
      'advertisements',
      'sum',
    ),
    phone_minutes: told(
      count,
      'Sum over minutes of distinct addresses of what people carry, above the gate, in opening hours.',
      'device-minutes',
      'sum',
    ),
    fixture_minutes: told(count, 'The same of what stays, at any hour.', 'device-minutes', 'sum'),
    other_minutes: told(count, 'The same of what does not tell, in opening hours.', 'device-minutes', 'sum'),
    phones_max: told(count, 'Most phones of one minute.', 'devices', 'max'),
    minutes: told(count, 'Minutes summed.', 'minutes', 'sum'),
    open_minutes: told(count, 'Of them: in opening hours.', 'minutes', 'sum'),
  })
  .meta({
    title: 'Bluetooth',
    description:
      'Bluetooth advertisers heard in one zone, or in all of them (`store`, where there are several): an index of how busy it is, never a number of people and never distinct devices of more than a minute.',
  });

export const coverageRecord = z
  .object({
    kind: kind('coverage'),
    ...base,
    driver: told(name, 'What speaks to the sensor named by place.'),
    covered_ms: told(count, 'Time of the window in which the sensor was heard.', 'ms', 'sum'),
    bytes: told(count, 'Received of it.', 'bytes', 'sum'),
    accepted: told(count, 'Frames taken from it.', 'frames', 'sum'),
    rejected: told(
      z.record(z.string(), count),
      'Frames or runs of bytes that were rejected, by reason.',
      'frames by reason',
      'buckets',
    ),
  })
  .meta({
    title: 'Coverage',
    description: 'How much of the window a sensor was heard: a zero with coverage is a zero, without it is a missing.',
  });

export const dayRecord = z
  .object({
    kind: kind('day'),
    ...base,
    date: told(z.iso.date(), 'Local calendar date, YYYY-MM-DD.'),
    entries: told(count, 'Of the business day, from one settlement to the next.', 'people', 'sum'),
    exits: told(count, 'The same.', 'people', 'sum'),
    entry_ms: told(
      count,
      "Sum over entries of the time left until the day's end, or that of the last window where business ran past it.",
      'person-ms',
      'sum',
    ),
    exit_ms: told(count, 'The same over exits.', 'person-ms', 'sum'),
    dwell_ms: told(
      nullableNumber,
      "Mean dwell by Little's law after drift is closed: (entry_ms - entries / exits * exit_ms) / entries; null without both flows.",
      'ms',
      'none',
    ),
    dwell_error_ms: told(nullableNumber, 'Its standard error.', 'ms', 'none'),
    drift: told(z.int(), 'entries - exits before the settlement: what the doors missed.', 'people', 'sum'),
    occupancy_max: told(count, 'Most inside at once, settled.', 'people', 'max'),
    visits: told(count, 'As in traffic.', 'devices', 'sum'),
    passers_by: told(count, 'As in traffic.', 'devices', 'sum'),
    passing_people: told(nullableNumber, 'As in entry; null where uncalibrated.', 'people', 'sum'),
    transactions: told(count.nullable(), 'At the tills; null where none is connected.', 'transactions', 'sum'),
    coverage_permille: told(count, "Share of the day's sensor time that was covered.", '1/1000', 'none'),
  })
  .meta({
    title: 'Day',
    description:
      "The store's day, settled after closing; told among the records of the window in which that happened. start_ms and end_ms span the local day (23, 24 or 25 hours).",
  });

export const visitorsRecord = z
  .object({
    kind: kind('visitors'),
    ...base,
    date: told(z.iso.date(), 'Local calendar date, YYYY-MM-DD, as in day.'),
    sketch: told(
      z
        .string()
        .regex(/^(?:[0-9a-f]{2})+$/)
        .nullable(),
      "Storage bytes of postgresql-hll (version 1, hll(12, 5, 0, 1), type SPARSE or FULL) in lower-case hexadecimal: ('\\x' || sketch)::hll reads it, hll_union_agg unites several. Index: the low log2m bits of the 64-bit keyed hash; rank: 1 + trailing zeros of the rest. Null below ten visitors for each of keys: it would tell of single devices.",
    ),
    log2m: told(z.int().min(4).max(17), 'Binary logarithm of the number of registers.', 'bits', 'none'),
    regwidth: told(z.int().min(1).max(7), 'Width of a register.', 'bits', 'none'),
    estimate: told(
      count,
      'Distinct devices by the sketch, told also where that is null; standard error 1.04 / sqrt(2^log2m). Not a sum over places, days or gateways: unite the sketches.',
      'devices',
      'none',
    ),
    keys: told(
      count,
      'Keys that the hashes were made with: 1, but 2 or more where a key was lost or changed in the course of the day. A device heard under two of them counts twice.',
      'keys',
      'none',
    ),
    visits: told(
      count,
      'Visits behind it; fewer than visits of day where the sharing was set in the course of it.',
      'visits',
      'sum',
    ),
    random_share: told(
      z.number().min(0).max(1).nullable(),
      'Share of those visits by randomised addresses, which go by the fingerprint of what they ask for: phones of one model may count as one. Null without visits.',
      'ratio',
      'none',
    ),
  })
  .meta({
    title: 'Visitors',
    description:
      'Sketch of the distinct devices that visited on the store day, fixtures left out as far as they were known; only where the settings share it (`share.visitors`), told beside day, with the span of day. Only sketches made with one key can be united. Each gateway makes a key of its own, and a new one at every closing: without a key in common a union over gateways, or over days, means no more than the sum of their estimates.',
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
  visitorsRecord,
]);
export type WireRecord = z.infer<typeof wireRecord>;
export type RecordKind = WireRecord['kind'];

/** The schemas by kind. */
export const RECORD_KINDS: ReadonlyMap<string, z.ZodType> = new Map(
  wireRecord.options.map((schema) => [schema.shape.kind.value, schema as z.ZodType]),
);

/** What every record has, whatever its kind. */
export const baseRecord = z
  .looseObject({ kind: told(name, `${KIND} Keep kinds that you do not know.`), ...base })
  .meta({ title: 'Record', description: 'What one place tells of one window.' });

/**
 * A record as a receiver takes it: a known kind must be right in every field; unknown fields are kept, and so are kinds
 * of a newer minor version, because a collector that refused them would make the gateway drop them. Checked once and passed
 * on as it came: most of what a collector reads is records.
 */
export const receivedRecord = z.unknown().check((context) => {
  const result = schemaFor(context.value).safeParse(context.value);
  if (result.success) return;
  for (const { message, path } of result.error.issues) {
    context.issues.push({ code: 'custom', message, path: [...path], input: context.value });
  }
}) as z.ZodType as z.ZodType<z.infer<typeof baseRecord>>;

function schemaFor(record: unknown): z.ZodType {
  const kind = typeof record === 'object' && record !== null && 'kind' in record ? record.kind : null;
  if (kind === 'dwell' && isHistogram((record as { histogram?: unknown }).histogram)) return besidesHistogram;
  return (typeof kind === 'string' ? RECORD_KINDS.get(kind) : undefined) ?? baseRecord;
}

/**
 * A histogram has hundreds of pairs, more than all the rest of a batch has fields: it is looked through here, and the schema
 * is asked only what is wrong with one.
 */
const besidesHistogram = dwellRecord.omit({ histogram: true });

function isHistogram(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  return value.every((pair: unknown) => {
    if (!Array.isArray(pair) || pair.length !== 2) return false;
    return Number.isSafeInteger(pair[0]) && Number.isSafeInteger(pair[1]) && pair[1] >= 0;
  });
}
