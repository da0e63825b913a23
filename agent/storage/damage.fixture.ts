/** A box's database with something of everything in it, ways to damage it, and what must be true of it afterwards. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { keepIdentity } from './epoch.ts';
import { fileMark } from './identity.ts';
import { Owner } from './owner.ts';
import { countRows, keepRestIfAble } from './rest.ts';
import { sampleClose } from './samples.fixture.ts';
import { prepareStatements } from './statements.ts';
import type { Gap, HeldBatch, Opened, WindowClose } from './storage.ts';

export const MACHINE = 'machine';

/** In memory where the system has a place for that: a test of damage opens a database hundreds of times. */
export function quickDirectory(): { file(name: string): string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'footfall-damage-'));
  return { file: (name) => join(path, name), [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** What was ever sealed under `epoch/sequence`, and what of it was acknowledged. */
export interface Truth {
  sealed: Map<string, Uint8Array>;
  acknowledged: Set<string>;
}

export const nothing = (): Truth => ({ sealed: new Map(), acknowledged: new Set() });

/** A close whose batch names its epoch and sequence, as real ones do. */
export function closeOf(truth: Truth, epoch: string, sequence: number, bytes = 600): WindowClose {
  const close = sampleClose({ sequence, windowOrdinal: sequence, ordinal: sequence });
  const source = `/ff/acme/door-1/${epoch}`;
  const body = Buffer.from(JSON.stringify({ id: String(sequence), source, data: String(sequence).padEnd(bytes, '.') }));
  truth.sealed.set(`${epoch}/${sequence}`, body);
  return { ...close, batches: [{ ...close.batches[0], body }] };
}

/** Seals `count` more batches. */
export function sealMore(owner: Owner, opened: Opened, truth: Truth, count: number): void {
  for (let n = 0; n < count; n++) owner.closeWindow(closeOf(truth, opened.epoch, opened.nextSequence + n));
}

/** An open database with batches held, acknowledged, rejected and dropped, and inputs behind its snapshot. */
export function fill(path: string, truth: Truth, count = 40): { owner: Owner; opened: Opened } {
  const owner = new OpenOwner({ path, machineId: MACHINE });
  const opened = owner.open();
  const before = Math.floor(count * 0.75);
  sealMore(owner, opened, truth, before);
  owner.checkpoint();
  sealMore(owner, { ...opened, nextSequence: opened.nextSequence + before }, truth, count - before);
  const acknowledged = [1, 2, 3, 4, 5, 20, 21];
  owner.acknowledge(acknowledged);
  for (const sequence of acknowledged) truth.acknowledged.add(`${opened.epoch}/${sequence}`);
  owner.reject([7, 8, 9].map((sequence) => ({ sequence, code: 'schema', message: 'no' })));
  owner.drop([8]);
  owner.commit({ firstOrdinal: count + 1, lastOrdinal: count + 9, body: new Uint8Array(500).fill(7) });
  owner.noteHealth([{ atMs: 5, code: 'uplink_down', subject: '', change: 'began', message: 'no broker' }]);
  return { owner, opened };
}

/** A database at rest, as it can be put down again and again. */
export interface Template {
  truth: Truth;
  epoch: string;
  file: Uint8Array;
  wal: Uint8Array | null;
  identity: Uint8Array;
}

/** @param killed leaves the log behind, as a kill does. */
export function makeTemplate(path: string, { killed }: { killed: boolean }): Template {
  const truth = nothing();
  const { owner, opened } = fill(path, truth);
  const read = (part: string): Uint8Array => readFileSync(`${path}${part}`);
  const template = (wal: Uint8Array | null): Template => {
    return { truth, epoch: opened.epoch, file: read(''), wal, identity: read('.identity') };
  };
  // Most of it is in the file, the rest in the log.
  const before = killed ? template(read('-wal')) : null;
  owner.stop();
  return before ?? template(null);
}

/** Puts a template down as if it had always been this file. */
export function putDown(path: string, template: Template): void {
  writeFileSync(path, template.file);
  writeFileSync(`${path}.identity`, template.identity);
  if (template.wal !== null) writeFileSync(`${path}-wal`, template.wal);
  const database = new BetterSqlite(path);
  const statements = prepareStatements(database);
  statements.writeMeta.run('file', fileMark(path));
  keepIdentity(statements, path);
  const counts = countRows(statements);
  const log = template.wal === null ? null : readFileSync(`${path}-wal`);
  const main = readFileSync(path);
  database.close();
  if (log === null) {
    keepRestIfAble(path, counts);
    return;
  }
  // Closing brought the log into the file: as it was before.
  writeFileSync(path, main);
  writeFileSync(`${path}-wal`, log);
}

/** Changes bytes of a file as a failing medium does: without a trace in its times. */
export function damageFile(path: string, change: (content: Buffer) => void): Buffer {
  const written = (Math.floor(statSync(path).mtimeMs) + 0.5) / 1000;
  const content = readFileSync(path);
  change(content);
  writeFileSync(path, content);
  utimesSync(path, written, written);
  return content;
}

export class OpenOwner extends Owner {
  /** Brings the log into the file; what follows begins it anew. */
  checkpoint(): void {
    this.statements.readMeta.database.pragma('wal_checkpoint(PASSIVE)');
  }

  get gaps(): Gap[] {
    return this.statements.readGaps.all();
  }
}

export interface Account {
  opened: Opened;
  held: HeldBatch[];
  dead: Set<string>;
  gaps: Gap[];
  /** Batches given whose bytes nobody sealed. */
  forged: string[];
  /** Sealed, and neither held nor acknowledged nor a dead letter nor told. */
  missing: string[];
}

/**
 * Opens what is there and reads all of it, renewing as the daemon does where damage shows only then; seals one more, and
 * accounts for every sequence.
 */
export function accountFor(path: string, truth: Truth, machineId = MACHINE): Account {
  const owner = new OpenOwner({ path, machineId });
  let opened = owner.open();
  try {
    for (let renewals = 0; ; renewals++) {
      try {
        return accountOf(owner, opened, truth);
      } catch (error) {
        if (!isDamage(error) || renewals === 3) throw error;
        opened = owner.renew('damaged');
      }
    }
  } finally {
    owner.stop();
  }
}

function accountOf(owner: OpenOwner, opened: Opened, truth: Truth): Account {
  const held = owner.readOutbox({ after: 0, before: Number.POSITIVE_INFINITY, limit: 10_000 });
  const dead = new Set(owner.readDeadLetters({ after: 0, limit: 10_000 }).map(keyOf));
  sealMore(owner, opened, nothing(), 1);
  const { gaps } = owner;
  const heldKeys = new Set(held.map(keyOf));
  const isTold = (key: string): boolean => {
    const [epoch, sequence] = [key.slice(0, 16), Number(key.slice(17))];
    return gaps.some((gap) => gap.epoch === epoch && gap.fromSequence <= sequence && sequence <= gap.toSequence);
  };
  const missing = [...truth.sealed.keys()].filter(
    (key) => !heldKeys.has(key) && !dead.has(key) && !truth.acknowledged.has(key) && !isTold(key),
  );
  const forged = held.filter((batch) => {
    const sealed = truth.sealed.get(keyOf(batch));
    return sealed === undefined || !Buffer.from(batch.body).equals(sealed);
  });
  return { opened, held, dead, gaps, forged: forged.map(keyOf), missing };
}

function keyOf({ epoch, sequence }: { epoch: string; sequence: number }): string {
  return `${epoch}/${sequence}`;
}

function isDamage(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'database_damaged';
}
