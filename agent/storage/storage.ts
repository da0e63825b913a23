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

/** All that closing a window changes, in one transaction. */
export interface WindowClose {
  windowOrdinal: number;
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
}

export interface OutboxState {
  held: number;
  heldBytes: number;
  oldestSequence: number | null;
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
  state(): Promise<StorageState>;
  /** Finishes what was asked, checkpoints and closes the file. */
  stop(): Promise<void>;
}
