/** The status document, put together from what every part knows of itself. */
import { topicsOf } from './contract/topics.ts';
import type { RunEnd, StatusDocument } from './local/document.ts';
import type { Pipeline } from './pipeline.ts';
import type { Sensor } from './sensors.ts';
import type { Settings } from './settings/settings.ts';
import { bufferOf } from './status-buffer.ts';
import type { Opened, StorageState } from './storage/storage.ts';
import type { StateFacts, UplinkState } from './uplink/port.ts';
import type { VerdictFacts } from './verdict.ts';
import { VERSION } from './version.ts';

export interface StatusParts {
  settings: Settings;
  settingsState: StatusDocument['settings'];
  /** UTC milliseconds on the gateway's timeline. */
  atMs: number;
  startedMs: number;
  pipeline: Pipeline;
  sensors: readonly Sensor[];
  /** As storage last told. */
  storage: StorageState;
  storageErrorSinceMs: number;
  /** The database that is written to, as it was when it was opened. */
  opened: Opened;
  /** Null when nothing is to be sent. */
  uplink: UplinkState | null;
  /** The network's wall clock: the uplink's times are moved from it onto the gateway's timeline. */
  networkNowMs: number;
  virtual: boolean;
  key: StatusDocument['clock']['key'];
  clockTrust: StatusDocument['clock']['trust'];
  disk: StatusDocument['disk'];
  temperatureC: number | null;
  lastEnd: RunEnd | null;
  longestStallMs: number;
  judge(facts: VerdictFacts): StatusDocument['verdict'];
}

export function statusOf(parts: StatusParts): StatusDocument {
  const { settings, atMs, startedMs, pipeline } = parts;
  const { intake } = pipeline;
  const live = intake.fold.live();
  const facts = factsOf(parts);
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
    verdict: parts.judge(facts),
    sensors: facts.sensors,
    today: live.today,
    window: live.window,
    buffer: facts.buffer,
    uplink: { url: settings.uplink?.url ?? '', ...facts.uplink },
    clock: { virtual: parts.virtual, key: parts.key, trust: parts.clockTrust },
    settings: parts.settingsState,
    disk: parts.disk,
    box: { temperature_c: parts.temperatureC, last_end: parts.lastEnd },
    process: {
      pid: process.pid,
      rss_bytes: memory.rss,
      heap_bytes: memory.heapUsed,
      ordinal: intake.lastOrdinal,
      longest_stall_ms: parts.longestStallMs,
    },
  };
}

/** What the verdict rests on, with the buffer as the document tells it. */
type StatusFacts = VerdictFacts & Pick<StatusDocument, 'buffer'>;

/** What the verdict rests on. */
export function factsOf(parts: Omit<StatusParts, 'judge'>): StatusFacts {
  const { settings, pipeline } = parts;
  return {
    nowMs: parts.atMs,
    startedMs: parts.startedMs,
    virtual: parts.virtual,
    sensors: parts.sensors.map((sensor) => sensor.status()),
    uplink: uplinkState(parts),
    topicRoot: topicsOf(settings.tenant, settings.gateway).batch.replace(/\/up\/batch$/, ''),
    buffer: bufferOf(parts),
    storageErrorCode: pipeline.storageError?.code ?? null,
    storageErrorSinceMs: parts.storageErrorSinceMs,
    storageBusySinceMs: pipeline.busySince,
    keyOnTmpfs: parts.key !== 'not_tmpfs',
    settings: parts.settingsState,
    disk: parts.disk,
    temperatureC: parts.temperatureC,
    clockTrust: parts.clockTrust,
  };
}

/** What the state message tells the centre. */
export function stateFactsOf(
  { sealedThrough, intake }: Pipeline,
  sensors: readonly Sensor[],
  { previous, firstSequence }: Opened,
  { oldestOfEpoch, oldestOfPrevious }: StorageState,
  config: StateFacts['config'],
): StateFacts {
  const states = sensors.map((sensor) => {
    const { id, driver, state } = sensor.status();
    return { id, driver, state };
  });
  return {
    firstSequence,
    sealedThrough,
    oldestHeld: oldestOfEpoch,
    previous: previous && {
      epoch: previous.epoch,
      last_sequence: previous.lastSequence,
      oldest_held: oldestOfPrevious,
      end: previous.end,
    },
    config,
    parameters: intake.fold.parameters.id,
    version: VERSION,
    sensors: states,
  };
}

function uplinkState({ uplink, startedMs, atMs, networkNowMs }: Omit<StatusParts, 'judge'>): UplinkState {
  if (uplink === null) {
    return {
      phase: 'off',
      since: startedMs,
      protocol: null,
      lastError: null,
      lastErrorKind: null,
      certificates: [],
      lastAcknowledgedAt: null,
      lastPublishedAt: null,
      inFlight: 0,
      published: 0,
      acknowledged: 0,
      rejected: 0,
      resent: 0,
      pausedUntil: null,
      ignoredAcks: { retained: 0, empty: 0, oversized: 0, malformed: 0, other_epoch: 0, not_sent: 0 },
    };
  }
  const move = (ms: number): number => Math.round(ms - networkNowMs + atMs);
  const moveKnown = (ms: number | null): number | null => (ms === null ? null : move(ms));
  return {
    ...uplink,
    since: move(uplink.since),
    lastAcknowledgedAt: moveKnown(uplink.lastAcknowledgedAt),
    lastPublishedAt: moveKnown(uplink.lastPublishedAt),
    pausedUntil: moveKnown(uplink.pausedUntil),
  };
}
