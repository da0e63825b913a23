/** What the uplink needs of the rest. It owns nothing: sealed batches are read from here and deleted on acknowledgement. */

import type { ConfigOutcome, StateMessage } from '../contract/messages.ts';
import type { CertificateFacts } from '../mqtt/certificates.ts';
import type { FailureKind } from '../mqtt/explain.ts';
import type { LinkPhase } from '../mqtt/link.ts';
import type { IgnoredCounts } from './ignored.ts';

export interface SealedBatch {
  /** Unique in the outbox, whatever the epoch: a database that begins a new epoch numbers on. */
  sequence: number;
  /** Of the database that sealed it; a salvaged batch has another than those sealed now. */
  epoch: string;
  body: Uint8Array;
}

export interface Outbox {
  /** Held batches with sequences in (after, before), ascending or newest first. */
  readOutbox(query: { after: number; before: number; limit: number; newestFirst?: boolean }): Promise<SealedBatch[]>;
  acknowledge(sequences: number[]): Promise<void>;
  reject(rejected: { sequence: number; code: string; message: string }[]): Promise<void>;
}

export interface UplinkOptions {
  /** mqtt:// or mqtts:// with host and optional port. */
  url: string;
  tenant: string;
  gateway: string;
  epoch: string;
  username?: string;
  password?: string;
  /** Read again before each attempt. */
  caFile?: string;
  /** Client certificate (PEM, with its chain) and its key; both or neither; read again before each attempt. */
  certFile?: string;
  keyFile?: string;
  /**
   * `collector`: a batch is deleted on the collector's acknowledgement, which follows its commit. `puback`: on the
   * broker's, for brokers with no collector behind them. That is weaker: a broker acknowledges what it holds in memory,
   * what its limits drop without a word, and what nobody subscribes to, so a batch may be lost and nobody is told.
   */
  ack: 'collector' | 'puback';
  /** Batches published and not yet acknowledged. */
  window: number;
  /**
   * A batch sealed while connected waits for up to this many seconds, always the same for one gateway, so that a fleet
   * whose windows close at the same instant does not send at the same instant.
   */
  staggerSeconds: number;
}

/** The facts of the state message that only the daemon knows; asked for at each birth and repetition. */
export interface StateFacts {
  firstSequence: number;
  sealedThrough: number;
  oldestHeld: number | null;
  previous: StateMessage['previous'];
  config: ConfigOutcome | null;
  parameters: string;
  version: string;
  sensors: { id: string; driver: string; state: string }[];
}

export interface UplinkState {
  phase: LinkPhase;
  /** Wall-clock milliseconds since when it is in this phase. */
  since: number;
  protocol: 4 | 5 | null;
  /** Why the last attempt or session ended, for people. */
  lastError: string | null;
  /** What kind of failure `lastError` is; null exactly when that is. */
  lastErrorKind: FailureKind | null;
  /** Empty without TLS, or before the first connection. */
  certificates: CertificateFacts[];
  /** Wall-clock milliseconds; null before the first. */
  lastAcknowledgedAt: number | null;
  lastPublishedAt: number | null;
  inFlight: number;
  published: number;
  acknowledged: number;
  rejected: number;
  resent: number;
  /** Wall-clock milliseconds until which the collector asked to publish nothing; null where it does not. */
  pausedUntil: number | null;
  /** Acknowledgements, or entries of them, that were not taken, by reason. */
  ignoredAcks: IgnoredCounts;
}
