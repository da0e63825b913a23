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

/** A sealed batch as it goes on the wire: immutable bytes. */
export interface Batch {
  sequence: number;
  windowOrdinal: number;
  body: Uint8Array;
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
  history: HistoryRow[];
  snapshot: Snapshot;
}

/** What a database holds when it is opened. */
export interface Opened {
  /** 64 random bits as 16 lower-case hex digits; one per database file and machine. */
  epoch: string;
  /** The epoch before this one on this box, with the last sequence it sealed. */
  previous: { epoch: string; lastSequence: number } | null;
  /** The sequence the next batch must carry; from 1, never reused. */
  nextSequence: number;
  /** Ordinal of the last window closed, 0 for none; windows are numbered on from it even when no snapshot can be read. */
  lastWindow: number;
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
  /** UTC milliseconds at which the oldest held batch was sealed; null when none is held or it was not written down. */
  oldestSealedMs: number | null;
  /** Bytes sealed in a window, as a running mean over the last hundred or so; null before the first. */
  bytesPerWindow: number | null;
  sealedThrough: number;
  deadLetters: number;
}

export interface StorageState extends OutboxState {
  journalBlobs: number;
  databaseBytes: number;
}

export interface Storage {
  open(): Promise<Opened>;
  /** Makes a run of inputs durable. */
  commit(blob: JournalBlob): Promise<void>;
  /** Batches into the outbox, records into the history, the snapshot moves on, the journal up to it is trimmed. */
  closeWindow(close: WindowClose): Promise<void>;
  /** Held batches with sequences in (after, before), ascending or newest first. */
  readOutbox(query: { after: number; before: number; limit: number; newestFirst?: boolean }): Promise<Batch[]>;
  /** Deletes batches the collector has committed. Unknown sequences are ignored. */
  acknowledge(sequences: number[]): Promise<void>;
  /** Moves batches the collector rejected to the dead letters, with its reason. */
  reject(rejected: { sequence: number; code: string; message: string }[]): Promise<void>;
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
