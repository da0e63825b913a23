/**
 * Brings into a new database what can be read, and trusted, of one that was set aside. A batch goes on only with the bytes
 * that were sealed; every sequence that may have been held and does not go on becomes a gap. It may be one that was
 * acknowledged, which the damaged database does not tell: "gone from the gateway" is true of it too.
 */
import { crc32 } from 'node:zlib';
import {
  beginEpoch,
  continued,
  type EpochEnd,
  epochsOf,
  type Line,
  machineDigest,
  noteLost,
  previousOf,
  type Surroundings,
  splitByEpoch,
} from './epoch.ts';
import { type EpochStart, isEpoch } from './identity.ts';
import { isSound } from './outbox.ts';
import { type Row, SalvageReader } from './salvage-reader.ts';
import type { Statements } from './statements.ts';
import type { Quarantine } from './storage.ts';

/** What a row takes on the disk beside its body. */
const ROW_BYTES = 200;
/** Sequences behind those the identity file tells that a database may claim: the file is written at each close. */
const MAX_AHEAD = 100_000;
const KEPT_META = ['pace', 'last_status'] as const;

interface Salvage {
  reader: SalvageReader;
  statements: Statements;
  around: Surroundings;
  line: Line;
  /** Bytes that may still be written. */
  room: number;
  /** Sequences that go on. */
  kept: Set<number>;
  /** Sequences that could be read and found no room. */
  leftOut: Set<number>;
  newestWindow: number;
}

/** First and last sequence of a run. */
type Run = [number, number];

/** Call inside a transaction on a new database, whose epoch begins here. @param from.room bytes that may be written. */
export function salvage(
  statements: Statements,
  around: Surroundings,
  from: { source: string | null; end: EpochEnd; room: number },
): Quarantine['salvaged'] {
  const reader = new SalvageReader(from.source);
  try {
    const line = continued(lineOf(reader, around), around.identity);
    const [kept, leftOut] = [new Set<number>(), new Set<number>()];
    const work: Salvage = { reader, statements, around, line, room: from.room, kept, leftOut, newestWindow: 0 };
    const snapshot = salvageState(work);
    const batches = salvageBatches(work, 'outbox');
    const deadLetters = salvageBatches(work, 'dead_letter');
    noteMissing(work, salvageGaps(work));
    salvageHealth(work);
    const history = salvageHistory(work);
    salvageMeta(work);
    beginEpoch(statements, around, line, previousOf(line, null), from.end);
    return { batches, deadLetters, history, snapshot };
  } finally {
    reader.close();
  }
}

/** What the damaged database says of its sequences; null where it cannot be believed. */
function lineOf(reader: SalvageReader, { identity, machineId }: Surroundings): Line | null {
  const epoch = reader.meta('epoch');
  if (!isEpoch(epoch)) return null;
  const isKnown = identity === null || identity.epochs.some((start) => start.epoch === epoch);
  if (!isKnown && reader.meta('machine') !== machineDigest(epoch, machineId)) return null;
  let epochs: EpochStart[];
  try {
    epochs = epochsOf((key) => reader.meta(key), epoch);
  } catch {
    epochs = [{ epoch, from: 1 }];
  }
  const claimed = reader.lastOf('outbox');
  const most = identity === null ? Number.POSITIVE_INFINITY : identity.sealedThrough + MAX_AHEAD;
  return { epochs, sealedThrough: claimed <= most ? claimed : 0 };
}

/** The state of the fold and the inputs behind it, or the mark of one that was lost: what comes is then a warm-up. */
function salvageState({ reader, statements }: Salvage): boolean {
  const found = reader.row('snapshot', 'id', 1, ['version', 'ordinal', 'body', 'checksum']);
  const { version, ordinal, body, checksum } = found ?? {};
  if (!isCount(version) || !isCount(ordinal) || !isBytes(body) || (checksum !== null && checksum !== crc32(body))) {
    statements.writeSnapshot.run(0, 0, new Uint8Array(), crc32(''));
    return false;
  }
  statements.writeSnapshot.run(version, ordinal, body, crc32(body));
  const sql = `SELECT first_ordinal, last_ordinal, body FROM journal WHERE last_ordinal > ? ORDER BY first_ordinal`;
  for (const { first_ordinal: first, last_ordinal: last, body: rows } of reader.run(sql, ordinal)) {
    if (!isCount(first) || !isCount(last) || !isBytes(rows)) break;
    statements.writeJournal.run(first, last, rows);
  }
  return true;
}

/** Newest first: where there is no room for all, the oldest stay behind, as they would in a full buffer. */
function salvageBatches(work: Salvage, table: 'outbox' | 'dead_letter'): number {
  const { reader, statements, kept, leftOut } = work;
  const isDead = table === 'dead_letter';
  const columns = ['window_ordinal', 'body', 'sealed_ms', 'epoch', 'kind', 'digest'];
  const all = isDead ? [...columns, 'code', 'message', 'at_ms'] : columns;
  const insert = statements.readMeta.database.prepare<unknown[]>(
    `INSERT INTO ${table}(sequence, ${all.join(', ')}) VALUES (?${', ?'.repeat(all.length)})`,
  );
  let count = 0;
  for (const sequence of reader.keys(table, 'sequence').reverse()) {
    const row = reader.row(table, 'sequence', sequence, all);
    const epoch = row === undefined || kept.has(sequence) ? null : epochOf(work, sequence, row);
    if (row === undefined || epoch === null || !isBytes(row.body)) continue;
    if (!spend(work, row.body.length)) {
      leftOut.add(sequence);
      continue;
    }
    try {
      insert.run(sequence, ...all.map((column) => ({ ...row, epoch, kind: row.kind ?? 0 })[column] ?? null));
    } catch (error) {
      if (isDatatype(error)) continue;
      throw error;
    }
    count++;
    kept.add(sequence);
    work.line.sealedThrough = Math.max(work.line.sealedThrough, sequence);
    work.newestWindow = Math.max(work.newestWindow, isCount(row.window_ordinal) ? row.window_ordinal : 0);
    // Nothing else told an epoch: the batches do.
    if (work.line.epochs.length === 0) work.line.epochs.push({ epoch, from: 1 });
  }
  return count;
}

/** The epoch that sealed a batch; null where its bytes are not what was sealed under this sequence. */
function epochOf({ line }: Salvage, sequence: number, { body, digest, epoch }: Row): string | null {
  if (!isBytes(body) || !(digest === null || isBytes(digest)) || !isSound({ body, digest })) return null;
  const told = envelopeOf(body);
  if (told !== null) return told.id === String(sequence) ? told.epoch : null;
  // A release that wrote no digest sealed it, and the bytes do not tell either.
  if (digest === null) return null;
  const sealing = epoch === null ? line.epochs.at(-1)?.epoch : epoch;
  return line.epochs.some((start) => start.epoch === sealing) && isEpoch(sealing) ? sealing : null;
}

/** Id and epoch that a CloudEvent names; null for other bytes. */
function envelopeOf(body: Uint8Array): { id: string; epoch: string } | null {
  try {
    const { id, source } = JSON.parse(Buffer.from(body).toString()) as { id?: unknown; source?: unknown };
    const epoch = typeof source === 'string' ? source.split('/').at(-1) : undefined;
    return typeof id === 'string' && isEpoch(epoch) ? { id, epoch } : null;
  } catch {
    return null;
  }
}

/** @returns the runs of sequences that they tell. */
function salvageGaps({ reader, statements, kept }: Salvage): Run[] {
  const columns = ['epoch', 'from_sequence', 'to_sequence', 'reason', 'told_in'];
  return reader.keys('gap', 'id').flatMap((id): Run[] => {
    const row = reader.row('gap', 'id', id, columns);
    const { epoch, from_sequence: first, to_sequence: last, reason, told_in: toldIn } = row ?? {};
    if (!isEpoch(epoch) || !isCount(first) || !isCount(last) || first > last || typeof reason !== 'string') return [];
    // One whose record is lost is told again.
    statements.writeGap.run(epoch, first, last, reason, isCount(toldIn) && kept.has(toldIn) ? toldIn : null);
    return [[first, last]];
  });
}

/** Tells of each sequence since the oldest that may have been held, unless it goes on or is told already. */
function noteMissing({ statements, around, line, kept, leftOut, reader }: Salvage, told: Run[]): void {
  const { identity } = around;
  const isRelated = identity !== null && line.epochs.some(({ epoch }) => epoch === identity.epochs.at(-1)?.epoch);
  const from = isRelated ? identity.oldestKept : (line.epochs[0]?.from ?? 1);
  const single = (sequence: number): Run => [sequence, sequence];
  const known = [...kept].map(single);
  const dropped = Number(reader.meta('dropped') ?? 0);
  if (isCount(dropped)) statements.writeMeta.run('dropped', String(dropped));
  const tell = (runs: Run[], reason: string): void => {
    const ranges = runs.flatMap(([first, last]) => splitByEpoch(line.epochs, first, last));
    noteLost(statements, ranges, reason);
  };
  const left = [...leftOut].map(single);
  tell(without([from, line.sealedThrough], [...known, ...told, ...left]), 'damaged');
  tell(joined(left), 'disk_full');
}

function salvageHealth({ reader, statements }: Salvage): void {
  const sql = 'SELECT code, subject, at_ms, message FROM health_open ORDER BY code, subject';
  for (const { code, subject, at_ms: atMs, message } of reader.run(sql)) {
    if (isText(code) && isText(subject) && isCount(atMs) && isText(message)) {
      statements.beginHealth.run(code, subject, atMs, message);
    }
  }
  for (const id of reader.keys('health', 'id')) {
    const row = reader.row('health', 'id', id, ['at_ms', 'code', 'subject', 'change', 'message']);
    const { at_ms: atMs, code, subject, change, message } = row ?? {};
    if (isCount(atMs) && isText(code) && isText(subject) && isText(change) && isText(message)) {
      statements.writeHealth.run(atMs, code, subject, change, message);
    }
  }
}

function salvageHistory(work: Salvage): number {
  const { reader, statements } = work;
  const columns = ['kind', 'place', 'window', 'rev', 'start_ms', 'end_ms', 'body'];
  let count = 0;
  for (const id of reader.keys('history', 'rowid').reverse()) {
    const row = reader.row('history', 'rowid', id, columns);
    const { kind, place, window, rev, start_ms: start, end_ms: end, body } = row ?? {};
    if (!isText(kind) || !isText(place) || !isCount(window) || !isCount(rev)) continue;
    if (!isCount(start) || !isCount(end) || !isText(body) || !isJson(body)) continue;
    if (!spend(work, body.length)) break;
    statements.writeHistory.run(kind, place, window, rev, start, end, body);
    work.newestWindow = Math.max(work.newestWindow, window);
    count++;
  }
  return count;
}

function salvageMeta({ reader, statements, newestWindow }: Salvage): void {
  for (const key of KEPT_META) {
    const value = reader.meta(key);
    if (value !== undefined && isJson(value)) statements.writeMeta.run(key, value);
  }
  // Windows are numbered on behind all that is kept, or the history would be overwritten.
  const last = Number(reader.meta('last_window') ?? 0);
  statements.writeMeta.run('last_window', String(Math.max(isCount(last) ? last : 0, newestWindow)));
}

function spend(work: Salvage, bytes: number): boolean {
  if (work.room < bytes + ROW_BYTES) {
    work.room = 0;
    return false;
  }
  work.room -= bytes + ROW_BYTES;
  return true;
}

/** What of a run is in none of the others. */
function without([from, to]: Run, others: Run[]): Run[] {
  const rest: Run[] = [];
  let next = from;
  for (const [first, last] of joined(others)) {
    if (first > next) rest.push([next, Math.min(first - 1, to)]);
    next = Math.max(next, last + 1);
    if (next > to) break;
  }
  if (next <= to) rest.push([next, to]);
  return rest.filter(([first, last]) => first <= last);
}

/** Runs in order, those that touch as one. */
function joined(runs: Run[]): Run[] {
  const result: Run[] = [];
  for (const [first, last] of runs.toSorted((a, b) => a[0] - b[0])) {
    const before = result.at(-1);
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else result.push([first, last]);
  }
  return result;
}

function isDatatype(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_CONSTRAINT');
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
