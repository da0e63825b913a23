/**
 * The epoch of a database: 64 random bits, bound to the machine and to the file it lives in. A cloned card, a copy and a
 * database older than what its identity file tells of begin a new one, so that no sequence ever means two things. What is
 * held stays under the epoch it was sealed in. A new epoch that was not needed loses nothing.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  type EpochStart,
  type Identity,
  isEpoch,
  isLine,
  type LastClose,
  lastCloseOf,
  sameFile,
  writeIdentity,
} from './identity.ts';
import type { Statements } from './statements.ts';
import type { EpochOrigin, Gap, Opened } from './storage.ts';
import { damaged } from './storage-error.ts';

/** Why an epoch ended. */
export type EpochEnd = Exclude<EpochOrigin, 'kept' | 'new'>;
export type Bound = Pick<Opened, 'epoch' | 'origin' | 'previous' | 'firstSequence' | 'nextSequence'>;
export type LostRange = Pick<Gap, 'epoch' | 'fromSequence' | 'toSequence'>;

/** What a database finds around it. */
export interface Surroundings {
  machineId: string;
  /** As `fileMark` gives it. */
  file: string;
  identity: Identity | null;
}

/** How far a database or its identity file knows the sequences. */
export interface Line {
  epochs: EpochStart[];
  sealedThrough: number;
}

/** More moves than a box sees in its life; beyond it the oldest are forgotten. */
const MAX_EPOCHS = 64;

/**
 * Reads the epoch, or begins one where the database is new, has moved or is an older copy. Call inside a transaction.
 * @param wanted begins one for this reason whatever is found.
 * @throws AgentError `database_damaged`.
 */
export function bindEpoch(statements: Statements, around: Surroundings, wanted: EpochEnd | null = null): Bound {
  const line = readLine(statements);
  const known = around.identity !== null && isAhead(around.identity, line) ? around.identity : null;
  const end = line === null ? null : (wanted ?? endOf(statements, line, around, known !== null));
  if (line !== null && end === null) {
    statements.writeMeta.run('file', around.file);
    return { ...readBound(statements), origin: 'kept' };
  }
  // Without a database only its identity file tells that there was one.
  const reason = end ?? (known !== null ? 'damaged' : null);
  beginEpoch(statements, around, continued(line, known), previousOf(line, known), reason);
  if (known !== null) noteLost(statements, unknownTo(line, known, known.oldestKept), 'damaged');
  return { ...readBound(statements), origin: reason ?? 'new' };
}

/** Begins an epoch behind those of `line`, whose sequences go on. The rows held keep the epoch they have. */
export function beginEpoch(
  statements: Statements,
  around: Surroundings,
  line: Line,
  previous: { epoch: string; lastSequence: number } | null,
  end: EpochEnd | null,
): void {
  const { readMeta, writeMeta, nameHeldEpoch, nameDeadEpoch } = statements;
  const old = readMeta.get('epoch');
  if (old !== undefined) {
    refuseMixture(statements, old);
    nameHeldEpoch.run(old);
    nameDeadEpoch.run(old);
  }
  const epoch = randomBytes(8).toString('hex');
  const epochs = [...line.epochs, { epoch, from: line.sealedThrough + 1 }].slice(-MAX_EPOCHS);
  writeMeta.run('epoch', epoch);
  writeMeta.run('machine', machineDigest(epoch, around.machineId));
  writeMeta.run('file', around.file);
  writeMeta.run('epochs', JSON.stringify(epochs));
  // An older state goes on: what it brings to a close again must not be counted again.
  const lastClose = around.identity?.lastClose;
  if (lastClose) writeMeta.run('sealed_before', JSON.stringify(lastClose));
  if (previous !== null) {
    writeMeta.run('previous_epoch', previous.epoch);
    writeMeta.run('previous_last_sequence', String(previous.lastSequence));
    writeMeta.run('previous_end', end ?? '');
  }
  numberOnFrom(statements, line.sealedThrough);
}

/** Notes sequences that are gone and that no row tells of. */
export function noteLost(statements: Statements, ranges: LostRange[], reason: string): void {
  const { readMeta, writeMeta, writeGap } = statements;
  let count = 0;
  for (const { epoch, fromSequence, toSequence } of ranges) {
    writeGap.run(epoch, fromSequence, toSequence, reason, null);
    count += toSequence - fromSequence + 1;
  }
  if (count > 0) writeMeta.run('dropped', String(Number(readMeta.get('dropped') ?? 0) + count));
}

/** The epochs the database has had and how far it has sealed; null for one that has none yet. */
export function readLine(statements: Statements): Line | null {
  const { readMeta, sealedThrough } = statements;
  const epoch = readMeta.get('epoch');
  if (epoch === undefined) return null;
  if (!isEpoch(epoch)) throw damaged('an epoch that is none');
  const sealed = sealedThrough.get() ?? 0;
  const [oldest, newest] = ['MIN', 'MAX'].map((edge) => {
    return pluck<number | null>(statements, `SELECT ${edge}(sequence) FROM outbox`) ?? sealed;
  });
  if (newest > sealed || oldest < Math.min(sealed, 1)) throw damaged('a batch with a sequence that was never given');
  return { epochs: epochsOf((key) => readMeta.get(key), epoch), sealedThrough: sealed };
}

/** Splits sequences by the epoch that sealed them. */
export function splitByEpoch(epochs: EpochStart[], fromSequence: number, toSequence: number): LostRange[] {
  return epochs.flatMap(({ epoch, from }, index) => {
    const start = Math.max(index === 0 ? fromSequence : from, fromSequence);
    const stop = Math.min((epochs[index + 1]?.from ?? Infinity) - 1, toSequence);
    return start <= stop ? [{ epoch, fromSequence: start, toSequence: stop }] : [];
  });
}

/** Writes down beside the database what it holds now. Throws what the file system throws. */
export function keepIdentity(statements: Statements, path: string): void {
  const line = readLine(statements);
  const file = statements.readMeta.get('file');
  if (line === null || file === undefined) return;
  const oldestKept = Math.min(
    ...[
      'SELECT MIN(sequence) FROM outbox',
      'SELECT MIN(sequence) FROM dead_letter',
      'SELECT MIN(from_sequence) FROM gap',
    ].map((sql) => pluck<number | null>(statements, sql) ?? line.sealedThrough + 1),
  );
  const epochs = line.epochs.filter((_, index) => (line.epochs[index + 1]?.from ?? Infinity) > oldestKept);
  const { sealedThrough } = line;
  writeIdentity(path, { epochs, sealedThrough, oldestKept, lastClose: readLastClose(statements), file, rest: null });
}

/** The last close that the database knows of. */
function readLastClose({ readMeta }: Statements): LastClose | null {
  return lastCloseOf({ window: Number(readMeta.get('last_window')), atMs: Number(readMeta.get('last_close_ms')) });
}

/** Windows that were sealed in an epoch before, though the state may be from before them; null where it is not. */
export function sealedBefore(statements: Statements): LastClose | null {
  const text = statements.readMeta.get('sealed_before');
  const before = text === undefined ? null : lastCloseOf(parsedJson(text, 'a last close that cannot be read'));
  return before !== null && before.window > (readLastClose(statements)?.window ?? 0) ? before : null;
}

/** Whether the identity file knows of sequences that the database never sealed. */
export function isAhead(identity: Identity, line: Line | null): boolean {
  return unknownTo(line, identity, 1).length > 0;
}

/** What the identity file knows to have been sealed, from a sequence on, and the database does not. */
function unknownTo(line: Line | null, identity: Identity, from: number): LostRange[] {
  return splitByEpoch(identity.epochs, from, identity.sealedThrough).flatMap((range) => {
    const index = line?.epochs.findIndex(({ epoch }) => epoch === range.epoch) ?? -1;
    if (line === null || index < 0) return [range];
    const known = (line.epochs[index + 1]?.from ?? line.sealedThrough + 1) - 1;
    const fromSequence = Math.max(range.fromSequence, known + 1);
    return fromSequence <= range.toSequence ? [{ ...range, fromSequence }] : [];
  });
}

function endOf(statements: Statements, line: Line, around: Surroundings, isOlder: boolean): EpochEnd | null {
  const { epoch } = line.epochs[line.epochs.length - 1];
  const machine = statements.readMeta.get('machine');
  if (machine !== machineDigest(epoch, around.machineId)) {
    const known = around.identity?.epochs.at(-1)?.epoch;
    // Bound to this machine under the epoch that the identity file tells: it is the epoch that was flipped.
    if (known !== undefined && machine === machineDigest(known, around.machineId)) throw damaged('another epoch');
    return 'moved';
  }
  // A release before this one did not write down its file.
  const file = statements.readMeta.get('file') ?? around.file;
  return isOlder || !sameFile(file, around.file) ? 'restored' : null;
}

/** The line of the database, and behind it what only the identity file knows of. */
export function continued(line: Line | null, known: Identity | null): Line {
  const own = line ?? { epochs: [], sealedThrough: 0 };
  if (known === null) return own;
  const further = known.epochs.filter(
    ({ epoch, from }) => from > own.sealedThrough && own.epochs.every((start) => start.epoch !== epoch),
  );
  return {
    epochs: [...own.epochs, ...further],
    sealedThrough: Math.max(own.sealedThrough, known.sealedThrough),
  };
}

export function previousOf(line: Line | null, known: Identity | null): { epoch: string; lastSequence: number } | null {
  const last = known ?? line;
  const epoch = last?.epochs.at(-1)?.epoch;
  return last === null || epoch === undefined ? null : { epoch, lastSequence: last.sealedThrough };
}

function readBound(statements: Statements): Omit<Bound, 'origin'> {
  const { readMeta } = statements;
  const line = readLine(statements);
  const current = line?.epochs.at(-1);
  if (line === null || current === undefined) throw damaged('no epoch');
  const previous = readMeta.get('previous_epoch');
  const end = readMeta.get('previous_end');
  return {
    epoch: current.epoch,
    firstSequence: current.from,
    nextSequence: line.sealedThrough + 1,
    previous:
      previous === undefined
        ? null
        : { epoch: previous, lastSequence: Number(readMeta.get('previous_last_sequence') ?? 0), end: knownEnd(end) },
  };
}

/** The epochs of a database by what its table `meta` says. @throws AgentError `database_damaged`. */
export function epochsOf(meta: (key: string) => string | undefined, epoch: string): EpochStart[] {
  const text = meta('epochs');
  const epochs = text === undefined ? [] : parsed(text);
  if (epochs.at(-1)?.epoch === epoch) return epochs;
  // An older release began it, or it is the first.
  const previous = meta('previous_epoch');
  if (!isEpoch(previous)) return [{ epoch, from: 1 }];
  const earlier = epochs.length > 0 ? epochs : [{ epoch: previous, from: 1 }];
  return [...earlier, { epoch, from: Number(meta('previous_last_sequence') ?? 0) + 1 }];
}

function parsed(text: string): EpochStart[] {
  const value = parsedJson(text, 'a list of epochs that cannot be read');
  if (!isLine(value)) throw damaged('a list of epochs that is none');
  return value;
}

function parsedJson(text: string, found: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw damaged(found, error);
  }
}

function knownEnd(text: string | undefined): EpochEnd | null {
  const ends: readonly string[] = ['moved', 'restored', 'damaged', 'newer'] satisfies EpochEnd[];
  return text !== undefined && ends.includes(text) ? (text as EpochEnd) : null;
}

/**
 * Refuses batches that name another epoch than the one they are about to be given: the log of another database can bring
 * pages with it that are sound, and not ours.
 */
function refuseMixture(statements: Statements, epoch: string): void {
  const head = 'substr(body, 1, 512)';
  const found = pluck<number>(
    statements,
    `SELECT sequence FROM outbox WHERE epoch IS NULL AND instr(${head}, CAST('"source":"' AS BLOB)) > 0
     AND instr(${head}, CAST('/${epoch}"' AS BLOB)) = 0 LIMIT 1`,
  );
  if (found !== undefined) throw damaged('batches of another database');
}

/** The next batch gets the sequence behind this one: the table counts on from the highest it ever had. */
function numberOnFrom({ readMeta, sealedThrough }: Statements, last: number): void {
  if ((sealedThrough.get() ?? 0) >= last) return;
  const { database } = readMeta;
  database.prepare("INSERT INTO outbox(sequence, window_ordinal, body) VALUES (?, 0, x'')").run(last);
  database.prepare('DELETE FROM outbox WHERE sequence = ?').run(last);
}

function pluck<T>({ readMeta }: Statements, sql: string): T | undefined {
  return readMeta.database.prepare<[], T>(sql).pluck().get();
}

/** Says whether the machine is the same, and nothing else about it. */
export function machineDigest(epoch: string, machineId: string): string {
  return createHash('sha256').update(`${epoch}/${machineId}`).digest('hex');
}
