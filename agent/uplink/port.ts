/** What the uplink needs of the rest. It owns nothing: sealed batches are read from here and deleted on acknowledgement. */

import type { CertificateFacts } from '../mqtt/certificates.ts';
import type { FailureKind } from '../mqtt/explain.ts';
import type { LinkPhase } from '../mqtt/link.ts';

export interface SealedBatch {
  sequence: number;
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
  /** `collector` deletes on the collector's acknowledgement; `puback` on the broker's, which is weaker (README). */
  ack: 'collector' | 'puback';
  /** Batches published and not yet acknowledged. */
  window: number;
}

/** The facts of the state message that only the daemon knows; asked for at each birth and repetition. */
export interface StateFacts {
  sealedThrough: number;
  oldestHeld: number | null;
  previous: { epoch: string; lastSequence: number } | null;
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
}
