/** Checks what arrived before the database sees it. Pure. */
import { createHash } from 'node:crypto';
import { type BatchMessage, batchMessage } from '../contract/batch.ts';
import { type StateMessage, stateMessage } from '../contract/messages.ts';
import { PROBE_SEQUENCE, probeMessage } from '../contract/probe.ts';
import { readMessage } from '../contract/read.ts';
import { sourceOf } from '../contract/topics.ts';

export interface Sender {
  tenant: string;
  gateway: string;
}

/** A batch that may be stored. */
export interface CheckedBatch extends Sender {
  source: string;
  epoch: string;
  sequence: number;
  /** SHA-256 of the body. */
  digest: Buffer;
  body: Uint8Array;
  timeZone: string;
  window: number;
  records: { window: number; store: string; place: string; kind: string; rev: number; startMs: number; body: string }[];
}

/** A message that is not stored. It can be answered only when it at least says which batch of which epoch it is. */
export interface RefusedMessage extends Sender {
  address: { epoch: string; sequence: number } | null;
  code: 'invalid';
  message: string;
}

export type CheckedMessage = { ok: true; batch: CheckedBatch } | { ok: false; refused: RefusedMessage };

/** @param from the tenant and gateway of the topic, which the broker's access list vouches for. */
export function checkBatch(from: Sender, body: Uint8Array): CheckedMessage {
  const reading = readMessage(batchMessage, body);
  if (!reading.ok) return refuse(from, addressIn(reading.raw, from), reading.where);
  const { data, source } = reading.value;
  const address = { epoch: data.epoch, sequence: data.sequence };
  if (data.tenant !== from.tenant || data.gateway !== from.gateway) {
    return refuse(from, address, 'source: expected the tenant and gateway of the topic, found others');
  }
  const records = textsOf(reading.value);
  if (records === null)
    return refuse(from, address, 'data.records: expected plain records, found one nested too deeply');
  const batch: CheckedBatch = {
    tenant: from.tenant,
    gateway: from.gateway,
    source,
    epoch: data.epoch,
    sequence: data.sequence,
    digest: createHash('sha256').update(body).digest(),
    body,
    timeZone: data.time_zone,
    window: data.window.ordinal,
    records,
  };
  return { ok: true, batch };
}

/** A well-formed probe of the topic's gateway, which is answered and not stored; null for any other message. */
export function checkProbe(from: Sender, body: Uint8Array): { epoch: string; sequence: number } | null {
  const reading = readMessage(probeMessage, body);
  if (!reading.ok) return null;
  const { tenant, gateway, epoch } = reading.value.data;
  return tenant === from.tenant && gateway === from.gateway ? { epoch, sequence: PROBE_SEQUENCE } : null;
}

/** The state message, or what is wrong with it. */
export function checkState(body: Uint8Array): { ok: true; state: StateMessage } | { ok: false; message: string } {
  const reading = readMessage(stateMessage, body);
  return reading.ok ? { ok: true, state: reading.value } : { ok: false, message: reading.where };
}

function refuse(from: Sender, address: RefusedMessage['address'], message: string): CheckedMessage {
  return { ok: false, refused: { ...from, address, code: 'invalid', message: message.slice(0, 500) } };
}

function textsOf(message: BatchMessage): CheckedBatch['records'] | null {
  try {
    return message.data.records.map((record) => ({
      window: record.window,
      store: record.store,
      place: record.place,
      kind: record.kind,
      rev: record.rev,
      startMs: record.start_ms,
      body: JSON.stringify(record),
    }));
  } catch {
    // Fields of a newer version are kept as they are: JSON.stringify gives up on tens of thousands of levels.
    return null;
  }
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
