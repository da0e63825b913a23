/** One fault of storage at a daemon that counts, from a sound start to the last acknowledgement, and what became of every person. */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { openReport } from '../../agent/collector/report.ts';
import type { StatusDocument } from '../../agent/local/document.ts';
import { Random } from '../../drivers/simulator/random.ts';
import { type Account, readAccount, settle } from './outage-account.ts';
import { until } from './processes.ts';
import { FaultBox, isMended, TENANT } from './storage-faults-box.ts';
import { FaultDisk } from './storage-faults-disk.ts';
import { FAULT_KINDS } from './storage-faults-kinds.ts';

const START_MS = Date.UTC(2026, 2, 2, 9);
const PATIENCE_MS = 90_000;
const DISK_MIB = 24;
/** Minutes of the box's clock in which storage must work again once nothing stands in its way. */
const RECOVERY_MINUTES = 5;

export interface FaultOptions {
  /** Scratch directory. */
  directory: string;
  kind: string;
  seed: number;
  /** Of a broker with a collector, and the file of that. */
  brokerUrl: string;
  database: string;
  /** Whether what was sealed before the fault is with the collector; drawn unless told. */
  delivered?: boolean;
  entry?: string;
}

export interface FaultLedger {
  kind: string;
  seed: number;
  /** What was done. */
  fault: string;
  /** Whether the batches before it were with the collector. */
  delivered: boolean;
  starts: number;
  exits: number;
  /** Whether storage worked again without a restart after it was struck, or started on what it found. */
  mended: boolean;
  quarantines: number;
  /** Why epochs ended. */
  epochs: string[];
  /** Reasons of the verdict and events, and what gap records say. */
  told: string[];
  sealed: number;
  stored: number;
  gone: number;
  double: number;
  /** Sequences neither stored nor told. */
  missing: number[];
  left: number;
  report: { awaited: number; lost: number };
  people: PeopleLedger;
  /** Of the collector's state message. */
  previousEnd: string | null;
  /** Why the run came to no end; null where it did. */
  failed: string | null;
}

export interface PeopleLedger {
  came: number;
  stored: number;
  /** In windows whose batch is told as gone. */
  gone: number;
  /** In the window that was open when the daemon was killed. */
  open: number;
  /** In other windows. */
  lost: number;
  /** Counted more than once, in windows that were sealed again after the database had gone back. */
  again: number;
}

export async function strike(options: FaultOptions): Promise<FaultLedger> {
  const { directory, seed, brokerUrl, database } = options;
  const kind = FAULT_KINDS[options.kind];
  const random = new Random(seed).fork(options.kind);
  const gateway = `f${seed}-${options.kind.replaceAll(/[^a-z0-9]+/g, '-')}`;
  const drawn = random.chance(0.5);
  const delivered = options.delivered ?? drawn;
  const disk = kind.disk === undefined ? null : new FaultDisk(kind.disk, DISK_MIB);
  const box = await FaultBox.open({
    ...{ directory: join(directory, gateway), storage: disk?.folder ?? join(directory, gateway, 'data') },
    ...{ gateway, startMs: START_MS, seed },
    ...(delivered && { brokerUrl }),
    ...(options.entry === undefined ? {} : { entry: options.entry }),
  });
  const ledger: FaultLedger = {
    ...{ kind: options.kind, seed, fault: '', delivered, starts: 0, exits: 0, mended: false, quarantines: 0 },
    ...{ epochs: [], told: [], sealed: 0, stored: 0, gone: 0, double: 0, missing: [], left: 0 },
    report: { awaited: -1, lost: -1 },
    people: { came: 0, stored: 0, gone: 0, open: 0, lost: 0, again: 0 },
    ...{ previousEnd: null, failed: null },
  };
  /** Starts of windows that were open when the daemon was killed. */
  const open = new Set<number>();
  try {
    await box.start();
    for (let minutes = random.integer(3, 9); minutes > 0; minutes--) await box.minute();
    // Else all of a young database is in its log.
    if (random.chance(0.7)) box.checkpoint();
    for (let minutes = random.integer(1, 3); minutes > 0; minutes--) await box.minute();
    if (delivered) await whenHeld(box, 0);
    const context = { box, random, disk };
    if (kind.down === true) {
      // In the middle of a window; one that is told to end has committed what it knows.
      const inOrder = random.chance(0.3);
      const last = [...box.truth.keys()].at(-1);
      if (last !== undefined) open.add(last);
      await box.end(inOrder ? 'SIGTERM' : 'SIGKILL');
      ledger.fault = `${kind.strike(context)}, ${inOrder ? 'stopped' : 'killed'}`;
      await box.start();
    } else {
      ledger.fault = kind.strike(context);
      for (let minutes = random.integer(1, 4); minutes > 0; minutes--) await box.minute();
      await kind.mend?.(context);
    }
    ledger.mended = await mends(box);
    for (let minutes = random.integer(1, 3); minutes > 0; minutes--) await box.minute();
    // Once more, in order: what was damaged unseen is met at the latest now.
    await box.end('SIGTERM');
    const last = [...box.truth.keys()].at(-1);
    if (last !== undefined && kind.damages === true) open.add(last);
    await box.start();
    await box.minute();
    await box.deliverTo(brokerUrl);
    await box.closeWindow();
    // What was dropped or found damaged on the way is told with the next window.
    await whenHeld(box, 0);
    const events = await box.events();
    await box.closeWindow();
    await whenHeld(box, 0);
    // A close learns of gaps that others noted, and the one after it tells them.
    await box.closeWindow();
    const { buffer } = await whenHeld(box, 0);
    await box.end('SIGTERM');
    ledger.sealed = buffer.sealed_through;
    ledger.left = buffer.held;
    ledger.quarantines = box.quarantines;
    ledger.epochs = [...new Set(events.filter((event) => event.startsWith('epoch_began')))].map((event) =>
      event.slice(13),
    );
    const account = readAccount(database, TENANT, gateway);
    const reasons = new Set([...account.told.values()].map((reason) => `gap ${reason}`));
    const isEvent = (event: string): boolean => event === 'database_quarantined';
    ledger.told = [...new Set([...box.reasons, ...events.filter(isEvent), ...reasons])];
    ledger.stored = account.stored.size;
    ledger.double = account.double;
    ledger.missing = settle(account, buffer.sealed_through).missing;
    ledger.gone = [...account.told.keys()].filter((sequence) => !account.stored.has(sequence)).length;
    const { gateways } = await openReport(database, Date.now());
    ledger.report = gateways.find((each) => each.gateway === gateway) ?? ledger.report;
    ledger.people = peopleOf(box, account, open);
    ledger.previousEnd = previousEndOf(database, gateway);
  } catch (error) {
    ledger.failed = error instanceof Error ? error.message : String(error);
  } finally {
    ledger.starts = box.starts;
    ledger.exits = box.exits;
    await box.close();
    disk?.remove();
  }
  return ledger;
}

/** Whether storage works again while people go on coming in. */
async function mends(box: FaultBox): Promise<boolean> {
  for (let minutes = RECOVERY_MINUTES; minutes > 0; minutes--) {
    await box.minute();
    // The crossings of the last moment wait for their commit.
    if (isMended(await box.closeWindow())) return true;
  }
  return false;
}

async function whenHeld(box: FaultBox, held: number): Promise<StatusDocument> {
  const deadline = performance.now() + PATIENCE_MS;
  return until(
    'the last acknowledgement',
    async () => {
      const status = await box.look();
      return status.buffer.held === held || performance.now() > deadline ? status : null;
    },
    PATIENCE_MS + 30_000,
    20,
  );
}

function peopleOf({ truth, sealed }: FaultBox, account: Account, open: Set<number>): PeopleLedger {
  const stored = new Map<number, number>();
  for (const { startMs, entries } of account.stored.values()) {
    if (startMs !== null) stored.set(startMs, (stored.get(startMs) ?? 0) + entries);
  }
  const isGone = (sequence: number): boolean => account.told.has(sequence) && !account.stored.has(sequence);
  const people: PeopleLedger = { came: 0, stored: 0, gone: 0, open: 0, lost: 0, again: 0 };
  for (const [start, came] of truth) {
    const found = stored.get(start) ?? 0;
    people.came += came;
    people.stored += Math.min(found, came);
    people.again += Math.max(0, found - came);
    const short = Math.max(0, came - found);
    if (sealed.get(start)?.some(isGone)) people.gone += short;
    else if (open.has(start)) people.open += short;
    else people.lost += short;
  }
  return people;
}

function previousEndOf(databasePath: string, gateway: string): string | null {
  const database = new Database(databasePath, { readonly: true });
  try {
    const state = database
      .prepare<[string], string>('SELECT state FROM gateways WHERE gateway = ?')
      .pluck()
      .get(gateway);
    const { previous } = JSON.parse(state ?? '{}') as { previous?: { end: string | null } | null };
    return previous?.end ?? null;
  } finally {
    database.close();
  }
}
