/**
 * Storage as the rest of the daemon sees it: one owner of one SQLite file, off the reading path. Bodies are opaque here.
 * Calls are carried out in the order they were made; each resolves after its commit (synchronous=FULL).
 */

export interface JournalBlob {
  firstOrdinal: number;
  lastOrdinal: number;
  body: Uint8Array;
}

export interface Snapshot {
  /** Format version of `body`, the writer's business. */
  version: number;
  /** Last ordinal folded into it. */
  ordinal: number;
  body: Uint8Array;
}

/** A sealed batch as it goes on the wire: immutable bytes. A gap record is one too. */
export interface Batch {
  /** Unique in the outbox, whatever the epoch: a database that begins a new epoch numbers on. */
  sequence: number;
  windowOrdinal: number;
  body: Uint8Array;
}

/** A batch in the outbox; another epoch than the database's where it was sealed before a move, or salvaged. */
export interface HeldBatch extends Batch {
  epoch: string;
}

/** Sequences that are gone for good. It stays until the gap record that tells of it is acknowledged. */
export interface Gap {
  id: number;
  epoch: string;
  fromSequence: number;
  /** Included. */
  toSequence: number;
  /** As on the wire (contract/gap.ts). */
  reason: string;
  /** The gap record that tells of it; null before there is one. */
  toldIn: number | null;
}

/** A batch that the collector rejected, or that was found damaged. */
export interface DeadLetter {
  epoch: string;
  sequence: number;
  windowOrdinal: number;
  code: string;
  message: string;
  /** UTC milliseconds on the gateway's timeline; null where it was not written down. */
  atMs: number | null;
  bytes: number;
}

/** How a database came to have its epoch. */
export type EpochOrigin =
  /** It has had it since before. */
  | 'kept'
  /** The first of this box. */
  | 'new'
  /** The database came from another machine or card. */
  | 'moved'
  /** It is an older copy of itself, or its sequences were used by a copy. */
  | 'restored'
  /** The one before was damaged. */
  | 'damaged'
  /** The one before is a newer release's. */
  | 'newer';

/** A database that was set aside because it could not be used. */
export interface Quarantine {
  /** Where it lies now. */
  path: string;
  /** What was found, in words. */
  found: string;
  /** What could be read and lives on in the new database. */
  salvaged: { batches: number; deadLetters: number; history: number; snapshot: boolean };
}

/** A record of a sealed window, kept on the box for reports. */
export interface HistoryRow {
  kind: string;
  place: string;
  window: number;
  rev: number;
  startMs: number;
  endMs: number;
  /** JSON. */
  body: string;
}

/** Something wrong that began or ended, or an event in the daemon's life: the memory behind "since when". */
export interface HealthChange {
  /** UTC milliseconds. */
  atMs: number;
  /** A reason's code (agent/verdict.ts), or `daemon_started`, `daemon_stopped`. */
  code: string;
  /** Sensor id; empty for the whole box. */
  subject: string;
  change: 'began' | 'ended' | 'event';
  /** For people; never an address or a secret. */
  message: string;
}

/** All that closing a window changes, in one transaction. */
export interface WindowClose {
  windowOrdinal: number;
  /** UTC milliseconds on the gateway's timeline at which it was sealed. */
  sealedAtMs: number;
  /** The status document as JSON, for whoever asks while no daemon runs; kept in place of the last one. Null leaves that. */
  status: string | null;
  batches: Batch[];
  /**
   * The gap record among the batches, by its sequence: its ranges take the place of the gaps (by id) that it tells, and it
   * takes the place of earlier gap records (by sequence), which leave the outbox.
   */
  gap: { sequence: number; ranges: Omit<Gap, 'id' | 'toldIn'>[]; tells: number[]; replaces: number[] } | null;
  history: HistoryRow[];
  snapshot: Snapshot;
}

/** What a database holds when it is opened. */
export interface Opened {
  /** 64 random bits as 16 lower-case hex digits; one per database file and machine. */
  epoch: string;
  origin: EpochOrigin;
  /** The epoch before this one on this box, with the last sequence it sealed as far as is known, and why it ended. */
  previous: { epoch: string; lastSequence: number; end: Exclude<EpochOrigin, 'kept' | 'new'> | null } | null;
  /** The first sequence of this epoch. */
  firstSequence: number;
  /** The sequence the next batch must carry; from `firstSequence`, never reused. */
  nextSequence: number;
  /** What this opening set aside; null where the database was sound. */
  quarantined: Quarantine | null;
  /** Gaps whose record is not acknowledged yet. */
  gaps: Gap[];
  /** Ordinal of the last window closed, 0 for none; windows are numbered on from it even when no snapshot can be read. */
  lastWindow: number;
  /**
   * Where the state is older than what was sealed, as in a copy that was put back: windows up to this ordinal that ended
   * before this time (UTC milliseconds) were sealed in an earlier epoch. Null where it is not.
   */
  sealedBefore: { window: number; atMs: number } | null;
  snapshot: Snapshot | null;
  /** Blobs behind the snapshot, in order. */
  journal: JournalBlob[];
  /** What began and has not ended. */
  openHealth: HealthChange[];
}

export interface OutboxState {
  held: number;
  heldBytes: number;
  oldestSequence: number | null;
  /** The oldest held of the current epoch, and of the one before it. */
  oldestOfEpoch: number | null;
  oldestOfPrevious: number | null;
  /** UTC milliseconds at which the oldest held batch was sealed; null when none is held or it was not written down. */
  oldestSealedMs: number | null;
  /** Bytes sealed in a window, as a running mean over the last hundred or so; null before the first. */
  bytesPerWindow: number | null;
  sealedThrough: number;
  deadLetters: number;
  /** Sequences dropped since the database was made, as told in gap records. */
  dropped: number;
  /** Sequences that are gone and whose gap record is not acknowledged yet, by reason. */
  untold: Record<string, number>;
}

/** A database that was set aside and still lies there. */
export interface SetAside {
  path: string;
  /** With its log. */
  bytes: number;
  /** When it was set aside, UTC milliseconds of the machine's clock. */
  atMs: number;
}

export interface StorageState extends OutboxState {
  journalBlobs: number;
  databaseBytes: number;
  /** Oldest first. */
  setAside: SetAside[];
}

export interface Storage {
  open(): Promise<Opened>;
  /** Makes a run of inputs durable. */
  commit(blob: JournalBlob): Promise<void>;
  /**
   * Batches into the outbox, records into the history, the snapshot moves on, the journal up to it is trimmed. Then the
   * buffer's bounds are kept: the oldest batches beyond them are dropped, gap records never.
   * @returns the gaps whose record is not acknowledged yet.
   */
  closeWindow(close: WindowClose): Promise<Gap[]>;
  /**
   * Sets a damaged database aside, salvages what can be read of it into a new one, and begins a new epoch. `damaged` too
   * where it is the medium that failed; `restored` keeps the database and only begins a new epoch in it.
   */
  renew(reason: 'damaged' | 'restored'): Promise<Opened>;
  /**
   * Held batches with sequences in (after, before), ascending or newest first. One whose bytes are damaged is not given: it
   * becomes a dead letter and a gap.
   */
  readOutbox(query: { after: number; before: number; limit: number; newestFirst?: boolean }): Promise<HeldBatch[]>;
  /** Deletes batches the collector has committed. Unknown sequences are ignored. */
  acknowledge(sequences: number[]): Promise<void>;
  /** Moves batches the collector rejected to the dead letters, with its reason. */
  reject(rejected: { sequence: number; code: string; message: string }[]): Promise<void>;
  /** The dead letters, oldest sequence first, after one. */
  readDeadLetters(query: { after: number; limit: number }): Promise<DeadLetter[]>;
  /** The bytes of dead letters, as they were sealed; unknown sequences are left out. */
  readDeadBodies(sequences: number[]): Promise<HeldBatch[]>;
  /** Puts dead letters back into the outbox, as they were sealed; a batch in `conflict` or damaged stays. @returns which went. */
  resend(sequences: number[]): Promise<number[]>;
  /** Drops dead letters for good; the next gap record tells of them. @returns which went. */
  drop(sequences: number[]): Promise<number[]>;
  readHistory(query: { kind?: string; fromMs: number; toMs: number }): Promise<HistoryRow[]>;
  /** Adds changes of health, and drops the oldest beyond a bound. */
  noteHealth(changes: HealthChange[]): Promise<void>;
  /** The newest changes of health, newest first. */
  readHealth(query: { limit: number }): Promise<HealthChange[]>;
  /** Keeps the status document (JSON) in place of the last one. */
  keepStatus(status: string): Promise<void>;
  state(): Promise<StorageState>;
  /** Finishes what was asked, checkpoints and closes the file. */
  stop(): Promise<void>;
}
