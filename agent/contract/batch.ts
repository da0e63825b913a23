/** A batch: one part of a sealed window in a CloudEvents 1.0 structured JSON envelope, immutable once encoded. */
import { z } from 'zod';
import { AgentError } from '../errors.ts';
import { count, envelope, moment, ordinal, origin, sequence, sequenceId, told } from './fields.ts';
import { HARD_LIMIT_BYTES } from './read.ts';
import { receivedRecord, type WireRecord } from './records.ts';
import { sourceOf } from './topics.ts';

export const BATCH_TYPE = 'footfall.batch.v1';
/** Grows by minor versions when fields are added; a receiver need not know the newer ones. */
export const BATCH_SCHEMA = 'urn:footfall:schema:batch:1.2';
/** A batch is closed when the next record would take it over this. */
export const SOFT_LIMIT_BYTES = 32 * 1024;

/** How far the gateway's wall clock could be trusted when the window was sealed. */
export const clockTrust = z.enum(['synchronised', 'rtc_only', 'unknown']);
export type ClockTrust = z.infer<typeof clockTrust>;

export const batchData = z
  .object({
    ...origin,
    sequence: told(
      sequence,
      'Consecutive within the epoch, over batches and gap records alike, and never used again. A new epoch of a box numbers on.',
      'sequence',
    ),
    store: told(z.string().min(1).max(128), 'Of the settings.'),
    time_zone: told(z.string().min(1).max(64), 'IANA time zone of the store.'),
    version: told(z.string().max(64), "Version of the gateway's software."),
    clock: told(
      clockTrust,
      'How far the wall clock could be trusted when the window was sealed: `synchronised` by the network, `rtc_only` from a battery-backed clock, `unknown`: times may be wrong by years.',
    ),
    warm_up: told(z.boolean(), 'True while the state was rebuilt without a readable snapshot: counts may be low.'),
    skipped_windows: told(
      count,
      'Windows before this one that were never sealed: time jumped ahead, or storage failed for longer than memory lasts.',
      'windows',
    ),
    clock_corrected_ms: told(
      z.int().nullable().default(null),
      'By how much the times of this window were corrected after it was counted, as the clock turned out to be wrong; null where they were not. The times told are the corrected ones. Absent in batches before 1.2.',
      'ms',
    ),
    window: told(
      z.object({
        ordinal: told(ordinal, 'Counts up within the epoch, each used once.', 'ordinal'),
        start_ms: told(z.int(), 'Start of the window: an attribute, never a key.', 'UTC ms'),
        end_ms: told(z.int(), 'End of the window, exclusive.', 'UTC ms'),
      }),
      'The window that was sealed.',
    ),
    part: told(
      ordinal,
      'This part of the window, from 1 and at most parts (not expressed in this schema); parts have consecutive sequences.',
      'parts',
    ),
    parts: told(ordinal, 'How many there are; all parts together are the window.', 'parts'),
    records: told(
      z.array(receivedRecord),
      'What was counted. Empty is a window in which nothing was to be told, not one that is missing.',
    ),
  })
  .meta({ title: 'Batch data', description: 'The window and who sealed it.' });

export const batchMessage = z
  .object({
    ...envelope,
    type: told(z.literal(BATCH_TYPE), 'Tells a batch from the other messages of its topic.'),
    id: sequenceId,
    time: moment('When the window was sealed'),
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
  })
  .meta({ title: 'Batch', description: 'One part of a sealed window. Immutable: every copy has the same bytes.' });
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
  /** As `clock_corrected_ms`. */
  correctedMs: number | null;
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
      clock_corrected_ms: window.correctedMs,
      window: { ordinal: window.ordinal, start_ms: window.startMs, end_ms: window.endMs },
      part,
      parts,
      records,
    },
  };
}
