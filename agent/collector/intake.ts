/** Checks what arrived before the database sees it. Pure. */
import { createHash } from 'node:crypto';
import { batchMessage } from '../contract/batch.ts';
import { GAP_TYPE, type GapRange, gapMessage } from '../contract/gap.ts';
import { type StateMessage, stateMessage } from '../contract/messages.ts';
import { PROBE_SEQUENCE, probeMessage } from '../contract/probe.ts';
import { readMessage } from '../contract/read.ts';
import { sourceOf } from '../contract/topics.ts';
import { notPlain, toPlainText } from './plain.ts';

export interface Sender {
  tenant: string;
  gateway: string;
}

/** A batch or a gap record that may be stored: one line of sequences, one rule for both. */
export interface CheckedBatch extends Sender {
  source: string;
  epoch: string;
  sequence: number;
  /** SHA-256 of the body. */
  digest: Uint8Array;
  body: Uint8Array;
  /** Null for a gap record. */
  timeZone: string | null;
  /** Ordinal of the window; 0 for a gap record, which has none. */
  window: number;
  records: CheckedRecord[];
  /** Of a gap record; empty for a batch. */
  told: GapRange[];
}

export interface CheckedRecord {
  window: number;
  store: string;
  place: string;
  kind: string;
  rev: number;
  startMs: number;
  endMs: number;
  /** JSON. */
  body: string;
}

/** Why a message, or one record of it, is not stored. */
export type RefusalCode = 'invalid' | 'invalid_state' | 'conflict' | 'record_conflict';

/** A message that is not stored. It can be answered only when it at least says which batch of which epoch it is. */
export interface RefusedMessage extends Sender {
  address: { epoch: string; sequence: number } | null;
  code: RefusalCode;
  message: string;
}

export type CheckedMessage = { ok: true; batch: CheckedBatch } | { ok: false; refused: RefusedMessage };

/**
 * Checks a batch or a gap record.
 * @param from the tenant and gateway of the topic, which the broker's access list vouches for.
 */
export function checkBatch(from: Sender, body: Uint8Array): CheckedMessage {
  const reading = readMessage(batchMessage, body);
  if (!reading.ok) {
    if (typeIn(reading.raw) === GAP_TYPE) return checkGap(from, body);
    return refuse(from, addressIn(reading.raw, from), reading.where);
  }
  const { data } = reading.value;
  return accept(from, body, reading.value, () => ({
    timeZone: data.time_zone,
    window: data.window.ordinal,
    records: data.records.map((record) => ({
      window: record.window,
      store: record.store,
      place: record.place,
      kind: record.kind,
      rev: record.rev,
      startMs: record.start_ms,
      endMs: record.end_ms,
      body: JSON.stringify(record),
    })),
    told: [],
  }));
}

function checkGap(from: Sender, body: Uint8Array): CheckedMessage {
  const reading = readMessage(gapMessage, body);
  if (!reading.ok) return refuse(from, addressIn(reading.raw, from), reading.where);
  const told = reading.value.data.ranges;
  return accept(from, body, reading.value, () => ({ timeZone: null, window: 0, records: [], told }));
}

function accept(
  from: Sender,
  body: Uint8Array,
  message: { source: string; data: { tenant: string; gateway: string; epoch: string; sequence: number } },
  content: () => Pick<CheckedBatch, 'timeZone' | 'window' | 'records' | 'told'>,
): CheckedMessage {
  const { source, data } = message;
  const { epoch, sequence } = data;
  if (data.tenant !== from.tenant || data.gateway !== from.gateway) {
    return refuse(from, { epoch, sequence }, 'source: expected the tenant and gateway of the topic, found others');
  }
  const wrong = notPlain(body, message);
  if (wrong !== null) return refuse(from, { epoch, sequence }, `data: ${wrong}`);
  const digest = createHash('sha256').update(body).digest();
  const { tenant, gateway } = from;
  return { ok: true, batch: { tenant, gateway, source, epoch, sequence, digest, body, ...content() } };
}

/** A well-formed probe of the topic's gateway, which is answered and not stored; null for any other message. */
export function checkProbe(from: Sender, body: Uint8Array): { epoch: string; sequence: number } | null {
  const reading = readMessage(probeMessage, body);
  if (!reading.ok) return null;
  const { tenant, gateway, epoch } = reading.value.data;
  return tenant === from.tenant && gateway === from.gateway ? { epoch, sequence: PROBE_SEQUENCE } : null;
}

/** The state message, or what is wrong with it. */
export function checkState(
  from: Sender,
  body: Uint8Array,
): { ok: true; state: StateMessage } | { ok: false; refused: RefusedMessage } {
  const reading = readMessage(stateMessage, body);
  const wrong = reading.ok ? notPlain(body, reading.value) : reading.where;
  if (reading.ok && wrong === null) return { ok: true, state: reading.value };
  return { ok: false, refused: { ...from, address: null, code: 'invalid_state', message: textOf(wrong ?? '') } };
}

function refuse(from: Sender, address: RefusedMessage['address'], message: string): CheckedMessage {
  return { ok: false, refused: { ...from, address, code: 'invalid', message: textOf(message) } };
}

/** Names found in a stranger's message may be in it. */
function textOf(message: string): string {
  return toPlainText(message.slice(0, 500));
}

function typeIn(raw: unknown): unknown {
  return typeof raw === 'object' && raw !== null && 'type' in raw ? raw.type : null;
}

/** The identity of a batch that is otherwise wrong, where the envelope gives one that fits the topic. */
function addressIn(raw: unknown, from: Sender): RefusedMessage['address'] {
  if (typeof raw !== 'object' || raw === null || !('source' in raw) || !('id' in raw)) return null;
  const { source, id } = raw;
  if (typeof source !== 'string' || typeof id !== 'string') return null;
  const epoch = source.slice(-16);
  if (!/^[0-9a-f]{16}$/.test(epoch) || source !== sourceOf(from.tenant, from.gateway, epoch)) return null;
  return /^[1-9][0-9]{0,15}$/.test(id) && Number.isSafeInteger(Number(id)) ? { epoch, sequence: Number(id) } : null;
}
