/** A batch: one part of a sealed window in a CloudEvents 1.0 structured JSON envelope, immutable once encoded. */
import { z } from 'zod';
import { AgentError } from '../errors.ts';
import { HARD_LIMIT_BYTES } from './read.ts';
import { receivedRecord, type WireRecord } from './records.ts';
import { isLevel, sourceOf } from './topics.ts';

export const BATCH_TYPE = 'footfall.batch.v1';
/** Grows by minor versions when fields are added; a receiver need not know the newer ones. */
export const BATCH_SCHEMA = 'urn:footfall:schema:batch:1.1';
/** A batch is closed when the next record would take it over this. */
export const SOFT_LIMIT_BYTES = 32 * 1024;

const count = z.int().nonnegative();
const ordinal = z.int().positive();
const level = z.string().refine(isLevel, 'expected 1 to 64 characters of a-z, 0-9, "_" and "-"');
/** 64 random bits per database file. */
export const epochText = z.string().regex(/^[0-9a-f]{16}$/, 'expected 16 lower-case hexadecimal digits');

/** How far the gateway's wall clock could be trusted when the window was sealed. */
export const clockTrust = z.enum(['synchronised', 'rtc_only', 'unknown']);
export type ClockTrust = z.infer<typeof clockTrust>;

export const batchData = z.object({
  tenant: level,
  gateway: level,
  epoch: epochText,
  sequence: ordinal,
  store: z.string().min(1).max(128),
  /** IANA time zone of the store. */
  time_zone: z.string().min(1).max(64),
  /** Version of the gateway's software. */
  version: z.string().max(64),
  clock: clockTrust,
  /** True while the state was rebuilt without a readable snapshot: counts may be low. */
  warm_up: z.boolean(),
  /** Windows before this one that were never sealed because time jumped ahead. */
  skipped_windows: count,
  window: z.object({ ordinal, start_ms: z.int(), end_ms: z.int() }),
  /** This part of the window, from 1, and how many there are; all parts together are the window. */
  part: ordinal,
  parts: ordinal,
  records: z.array(receivedRecord),
});

export const batchMessage = z
  .object({
    specversion: z.literal('1.0'),
    type: z.literal(BATCH_TYPE),
    source: z.string().max(256),
    /** The sequence as a decimal string: with `source` it identifies the batch. */
    id: z.string().regex(/^[1-9][0-9]{0,15}$/, 'expected a sequence number as a decimal string'),
    /** When the window was sealed, RFC 3339. */
    time: z.iso.datetime({ offset: true }),
    datacontenttype: z.literal('application/json'),
    dataschema: z.string().max(256),
    data: batchData,
  })
  .check(({ value, issues }) => {
    const { data } = value;
    const source = sourceOf(data.tenant, data.gateway, data.epoch);
    const differ = (field: string, other: string) =>
      issues.push({ code: 'custom', message: `expected it to agree with ${other}`, path: [field], input: value });
    if (value.source !== source) differ('source', 'data.tenant, data.gateway and data.epoch');
    if (value.id !== String(data.sequence)) differ('id', 'data.sequence');
    if (data.part > data.parts) differ('data.part', 'data.parts');
  });
export type BatchMessage = z.infer<typeof batchMessage>;

/** What a batch says of the gateway that sealed it. */
export interface BatchOrigin {
  tenant: string;
  gateway: string;
  epoch: string;
  store: string;
  timeZone: string;
  version: string;
  clock: ClockTrust;
  /** Wall-clock milliseconds of sealing. */
  sealedAtMs: number;
}

/** One sealed window, as analytics makes it. */
export interface WindowToSeal {
  ordinal: number;
  startMs: number;
  endMs: number;
  skipped: number;
  warmUp: boolean;
  records: readonly WireRecord[];
}

export interface EncodedBatch {
  sequence: number;
  windowOrdinal: number;
  body: Uint8Array;
}

/**
 * Encodes a sealed window as one batch, or several where it is larger than the soft limit, with consecutive sequence
 * numbers from `firstSequence`. A window without records is one batch too: a zero is not a missing.
 * @throws AgentError `record_too_large` when one record alone passes the hard limit.
 */
export function encodeWindow(window: WindowToSeal, origin: BatchOrigin, firstSequence: number): EncodedBatch[] {
  const encoder = new TextEncoder();
  // Room for the digits of part and parts that the measured envelope does not have.
  const envelope = encoder.encode(JSON.stringify(envelopeOf(window, origin, firstSequence, 1, 1, []))).length + 16;
  const groups: WireRecord[][] = [[]];
  let size = envelope;
  for (const record of window.records) {
    const bytes = encoder.encode(JSON.stringify(record)).length + 1;
    if (envelope + bytes > HARD_LIMIT_BYTES) {
      throw new AgentError(
        'record_too_large',
        `expected a ${record.kind} record of at most ${HARD_LIMIT_BYTES - envelope} bytes, found ${bytes}`,
        'This is a defect: please report it with the support bundle.',
      );
    }
    if (size + bytes > SOFT_LIMIT_BYTES && groups[groups.length - 1].length > 0) {
      groups.push([]);
      size = envelope;
    }
    groups[groups.length - 1].push(record);
    size += bytes;
  }
  return groups.map((records, index) => {
    const sequence = firstSequence + index;
    const message = envelopeOf(window, origin, sequence, index + 1, groups.length, records);
    return { sequence, windowOrdinal: window.ordinal, body: encoder.encode(JSON.stringify(message)) };
  });
}

function envelopeOf(
  window: WindowToSeal,
  origin: BatchOrigin,
  sequence: number,
  part: number,
  parts: number,
  records: readonly WireRecord[],
) {
  return {
    specversion: '1.0',
    type: BATCH_TYPE,
    source: sourceOf(origin.tenant, origin.gateway, origin.epoch),
    id: String(sequence),
    time: new Date(origin.sealedAtMs).toISOString(),
    datacontenttype: 'application/json',
    dataschema: BATCH_SCHEMA,
    data: {
      tenant: origin.tenant,
      gateway: origin.gateway,
      epoch: origin.epoch,
      sequence,
      store: origin.store,
      time_zone: origin.timeZone,
      version: origin.version,
      clock: origin.clock,
      warm_up: window.warmUp,
      skipped_windows: window.skipped,
      window: { ordinal: window.ordinal, start_ms: window.startMs, end_ms: window.endMs },
      part,
      parts,
      records,
    },
  };
}
