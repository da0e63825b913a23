/** The status document, put together from what every part knows of itself. */
import type { StatusDocument } from './local/document.ts';
import type { Pipeline } from './pipeline.ts';
import type { Sensor } from './sensors.ts';
import type { Settings } from './settings/settings.ts';
import type { StorageState } from './storage/storage.ts';
import type { UplinkState } from './uplink/port.ts';
import { verdictOf } from './verdict.ts';
import { VERSION } from './version.ts';

export interface StatusParts {
  settings: Settings;
  /** UTC milliseconds on the gateway's timeline. */
  atMs: number;
  startedMs: number;
  pipeline: Pipeline;
  sensors: readonly Sensor[];
  /** As storage last told. */
  storage: StorageState;
  storageErrorSinceMs: number;
  epoch: string;
  /** Null when nothing is to be sent. */
  uplink: UplinkState | null;
  /** The network's wall clock: the uplink's times are moved from it onto the gateway's timeline. */
  networkNowMs: number;
  virtual: boolean;
  key: StatusDocument['clock']['key'];
  longestStallMs: number;
}

export function statusOf(parts: StatusParts): StatusDocument {
  const { settings, atMs, startedMs, pipeline, storage } = parts;
  const { intake } = pipeline;
  const live = intake.fold.live();
  const sensors = parts.sensors.map((sensor) => sensor.status());
  const uplink = uplinkState(parts);
  const memory = process.memoryUsage();
  return {
    v: 1,
    version: VERSION,
    tenant: settings.tenant,
    gateway: settings.gateway,
    store: settings.store.id,
    time_zone: settings.store.timeZone,
    at_ms: atMs,
    started_ms: startedMs,
    verdict: verdictOf({
      nowMs: atMs,
      startedMs,
      sensors,
      uplink,
      held: storage.held,
      deadLetters: storage.deadLetters,
      storageError: pipeline.storageError,
      storageErrorSinceMs: parts.storageErrorSinceMs,
      keyOnTmpfs: parts.key !== 'not_tmpfs',
    }),
    sensors,
    today: live.today,
    window: live.window,
    buffer: {
      epoch: parts.epoch,
      held: storage.held,
      held_bytes: storage.heldBytes,
      oldest_sequence: storage.oldestSequence,
      sealed_through: pipeline.sealedThrough,
      dead_letters: storage.deadLetters,
      database_bytes: storage.databaseBytes,
      uncommitted: pipeline.uncommitted,
      last_commit_ms: pipeline.lastCommit,
      storage_error: pipeline.storageError,
    },
    uplink: { ...uplink, url: settings.uplink?.url ?? '' },
    clock: { virtual: parts.virtual, key: parts.key },
    process: {
      pid: process.pid,
      rss_bytes: memory.rss,
      heap_bytes: memory.heapUsed,
      ordinal: intake.lastOrdinal,
      longest_stall_ms: parts.longestStallMs,
    },
  };
}

function uplinkState({ uplink, startedMs, atMs, networkNowMs }: StatusParts): UplinkState {
  if (uplink === null) {
    return {
      phase: 'off',
      since: startedMs,
      protocol: null,
      lastError: null,
      lastAcknowledgedAt: null,
      lastPublishedAt: null,
      inFlight: 0,
      published: 0,
      acknowledged: 0,
      rejected: 0,
      resent: 0,
    };
  }
  const move = (ms: number): number => Math.round(ms - networkNowMs + atMs);
  const moveKnown = (ms: number | null): number | null => (ms === null ? null : move(ms));
  return {
    ...uplink,
    since: move(uplink.since),
    lastAcknowledgedAt: moveKnown(uplink.lastAcknowledgedAt),
    lastPublishedAt: moveKnown(uplink.lastPublishedAt),
  };
}
