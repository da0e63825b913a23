/** Is this box counting, what is wrong since when, and what to do: worked out of facts, by one pure function. */
import type { Reason, SensorStatus, StatusDocument } from './local/document.ts';
import type { UplinkState } from './uplink/port.ts';

/** An uplink that does not get anywhere this long after the start, or is connected this long without any acknowledgement. */
const UPLINK_PATIENCE_MS = 120_000;

export interface VerdictFacts {
  nowMs: number;
  startedMs: number;
  sensors: SensorStatus[];
  uplink: UplinkState;
  /** Batches sealed and not acknowledged. */
  held: number;
  deadLetters: number;
  storageError: string | null;
  storageErrorSinceMs: number;
  keyOnTmpfs: boolean;
}

export function verdictOf(facts: VerdictFacts): StatusDocument['verdict'] {
  const reasons = [...sensorReasons(facts), ...storageReasons(facts), ...uplinkReasons(facts), ...keyReasons(facts)];
  const counting = facts.sensors.some((sensor) => sensor.state !== 'down');
  const state = !counting ? 'not_counting' : reasons.length > 0 ? 'degraded' : 'counting';
  const since = reasons.reduce((earliest, reason) => Math.min(earliest, reason.since_ms), Infinity);
  return { state, since_ms: Number.isFinite(since) ? since : facts.startedMs, reasons };
}

function sensorReasons(facts: VerdictFacts): Reason[] {
  if (facts.sensors.length === 0) {
    return [
      {
        code: 'no_sensors',
        message: 'No sensor is configured.',
        hint: 'Add one under "sensors" in the settings and restart.',
        since_ms: facts.startedMs,
      },
    ];
  }
  return facts.sensors.flatMap((sensor): Reason[] => {
    if (sensor.state === 'down') {
      return [
        {
          code: 'sensor_down',
          message: `${sensor.id}: ${sensor.detail ?? 'the line is closed'}.`,
          hint: `Check the plug and the cable of ${sensor.port}; it is tried again by itself.`,
          since_ms: sensor.since_ms,
        },
      ];
    }
    if (sensor.state === 'silent') {
      return [
        {
          code: 'sensor_silent',
          message: `${sensor.id}: the line is open, but no valid frame came.`,
          hint: 'Check the power of the sensor, and driver and baud in the settings.',
          since_ms: sensor.since_ms,
        },
      ];
    }
    return [];
  });
}

function storageReasons(facts: VerdictFacts): Reason[] {
  const reasons: Reason[] = [];
  if (facts.storageError !== null) {
    reasons.push({
      code: 'storage_failed',
      message: `The database cannot be written (${facts.storageError}); counts are kept in memory.`,
      hint: 'Check free space and health of the disk. A power cut now would lose the current window.',
      since_ms: facts.storageErrorSinceMs,
    });
  }
  if (facts.deadLetters > 0) {
    reasons.push({
      code: 'batches_rejected',
      message: `The collector rejected ${facts.deadLetters} ${facts.deadLetters === 1 ? 'batch' : 'batches'}.`,
      hint: 'They are kept on this box with the reason. Compare the versions of gateway and collector.',
      since_ms: facts.nowMs,
    });
  }
  return reasons;
}

function uplinkReasons(facts: VerdictFacts): Reason[] {
  const { uplink, nowMs } = facts;
  if (uplink.phase === 'off') return [];
  if (uplink.phase !== 'connected') {
    if (nowMs - facts.startedMs < UPLINK_PATIENCE_MS && uplink.lastError === null) return [];
    return [
      {
        code: 'uplink_down',
        message: `Not connected to the broker${uplink.lastError === null ? '' : `: ${uplink.lastError}`}.`,
        hint: 'Counting goes on and batches are kept. Check the network, then url and login under "uplink".',
        since_ms: uplink.since,
      },
    ];
  }
  const heardAt = Math.max(uplink.lastAcknowledgedAt ?? 0, uplink.since);
  if (facts.held > 0 && uplink.inFlight > 0 && nowMs - heardAt > UPLINK_PATIENCE_MS) {
    return [
      {
        code: 'uplink_unacknowledged',
        message: 'Connected, but the collector acknowledges nothing.',
        hint: 'Batches are kept. Check that the collector runs, and that the broker lets this gateway publish and subscribe.',
        since_ms: heardAt,
      },
    ];
  }
  return [];
}

function keyReasons(facts: VerdictFacts): Reason[] {
  if (facts.keyOnTmpfs) return [];
  return [
    {
      code: 'key_on_disk',
      message: 'The runtime directory is on a disk: the daily key would survive a power-off.',
      hint: 'Point "runtime_directory" at a tmpfs, such as /run/footfall.',
      since_ms: facts.startedMs,
    },
  ];
}
