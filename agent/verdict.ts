/** Is this box counting, what is wrong since when, and what to do: worked out of facts, by one pure function. */
import type { Reason, SensorStatus, StatusDocument } from './local/document.ts';
import { NOT_OPENED_YET } from './sensors.ts';
import type { UplinkState } from './uplink/port.ts';
import { storageReasons } from './verdict-storage.ts';
import { uplinkReasons } from './verdict-uplink.ts';

/** A clock is given this long after the start: time services need some seconds of network. */
const CLOCK_PATIENCE_MS = 60_000;
const STOPS_COUNTING: ReadonlySet<string> = new Set(['sensor_down', 'no_sensors']);
const OPENING_MS = 5_000;
/** Flash wears out some time after the end of its rated life. */
const WORN_PERCENT = 90;
/** Boards throttle at about 80 °C and stop at 85 °C or a little above. */
const HOT_CELSIUS = 80;

export interface VerdictFacts {
  nowMs: number;
  startedMs: number;
  /** Whether the clock is simulated: then nobody needs to keep the machine's. */
  virtual: boolean;
  sensors: SensorStatus[];
  uplink: UplinkState;
  /** Topics of this gateway begin so, as in `ff/v1/acme/gw-12`. */
  topicRoot: string;
  buffer: Pick<
    StatusDocument['buffer'],
    'held' | 'dead_letters' | 'hours_left' | 'dropped_untold' | 'storage_error' | 'memory_hours_left' | 'set_aside'
  >;
  /** AgentError code of the buffer's `storage_error`. */
  storageErrorCode: string | null;
  storageErrorSinceMs: number;
  /** Since when storage has not answered; null while nothing is asked of it. */
  storageBusySinceMs: number | null;
  keyOnTmpfs: boolean;
  settings: StatusDocument['settings'];
  disk: StatusDocument['disk'];
  temperatureC: number | null;
  clockTrust: StatusDocument['clock']['trust'];
}

/** Reasons in the order of what they cost. */
export function verdictOf(facts: VerdictFacts): StatusDocument['verdict'] {
  const uplink = uplinkReasons(facts);
  const reasons = [
    ...sensorReasons(facts),
    ...storageReasons(facts, uplink),
    ...settingsReasons(facts),
    ...uplink,
    ...boxReasons(facts),
  ];
  const counting = facts.sensors.some((sensor) => sensor.state !== 'down');
  return withReasons(counting, reasons, facts.startedMs);
}

/** The verdict over these reasons, `wellSinceMs` being since when there was none. */
export function withReasons(counting: boolean, reasons: Reason[], wellSinceMs: number): StatusDocument['verdict'] {
  if (!counting) {
    // Nothing is counted since the last line went down, however long something else is wrong.
    const lines = reasons.filter(({ code }) => STOPS_COUNTING.has(code)).map(({ since_ms }) => since_ms);
    return { state: 'not_counting', since_ms: lines.length > 0 ? Math.max(...lines) : wellSinceMs, reasons };
  }
  if (reasons.length === 0) return { state: 'counting', since_ms: wellSinceMs, reasons };
  return { state: 'degraded', since_ms: Math.min(...reasons.map(({ since_ms }) => since_ms)), reasons };
}

function sensorReasons(facts: VerdictFacts): Reason[] {
  if (facts.sensors.length === 0) {
    return [
      {
        code: 'no_sensors',
        subject: '',
        message: 'No sensor is configured.',
        hint: 'Add one under "sensors" in the settings, then: footfall reload',
        since_ms: facts.startedMs,
      },
    ];
  }
  return facts.sensors.flatMap((sensor): Reason[] => {
    if (sensor.state === 'down') {
      // The first moments of a start, or of a sensor that was just added, are no fault.
      if (sensor.detail === NOT_OPENED_YET && facts.nowMs - sensor.since_ms < OPENING_MS) return [];
      return [
        {
          code: 'sensor_down',
          subject: sensor.id,
          message: `${sensor.id}: ${sensor.detail ?? 'the line is closed'}.`,
          hint: isRadio(sensor)
            ? 'It is tried again by itself. What the box has: sudo footfall doctor'
            : `Check the plug and the cable of ${sensor.port}; it is tried again by itself.`,
          since_ms: sensor.since_ms,
        },
      ];
    }
    if (sensor.state === 'silent') {
      return [
        {
          code: 'sensor_silent',
          subject: sensor.id,
          message: `${sensor.id}: the line is open, but no valid frame came.`,
          hint: isRadio(sensor)
            ? `If somebody near must be sending: sudo systemctl restart footfall-radio@${sensor.id}`
            : 'Check the power of the sensor, and driver and baud in the settings.',
          since_ms: sensor.since_ms,
        },
      ];
    }
    return [];
  });
}

/** A sensor without a line of its own: its port is the name of an adapter. */
function isRadio({ port }: SensorStatus): boolean {
  return !port.startsWith('/');
}

function settingsReasons({ settings, nowMs }: VerdictFacts): Reason[] {
  if (settings.state === 'last_good') {
    const [first] = settings.mistakes;
    const count = settings.mistakes.length;
    const more = count > 1 ? ` (and ${count - 1} more)` : '';
    return [
      {
        code: 'settings_broken',
        subject: '',
        message: `The settings file is broken, the last good settings are in use: ${first ?? 'it cannot be read'}${more}.`,
        hint: `Correct ${settings.path ?? 'the file'}, see footfall config check, then: footfall reload`,
        since_ms: settings.loaded_ms,
      },
    ];
  }
  if (settings.state === 'restart_needed') {
    return [
      {
        code: 'settings_restart',
        subject: '',
        message: `Changed settings wait for a restart: ${settings.restart_keys.join(', ')}.`,
        hint: 'Restart when it suits: systemctl restart footfall. Nothing that was counted is lost.',
        since_ms: Math.min(settings.loaded_ms, nowMs),
      },
    ];
  }
  return [];
}

function boxReasons(facts: VerdictFacts): Reason[] {
  const reasons: Reason[] = [];
  const add = (code: string, since_ms: number, message: string, hint: string): void => {
    reasons.push({ code, subject: '', message, hint, since_ms });
  };
  const { clockTrust, disk, nowMs, startedMs, temperatureC } = facts;
  if (!facts.virtual && clockTrust !== 'synchronised' && nowMs - startedMs >= CLOCK_PATIENCE_MS) {
    add(
      'clock_unsynchronised',
      startedMs,
      clockTrust === 'rtc_only'
        ? "The clock is not synchronised: it runs on the board's own clock chip, which drifts."
        : 'The clock is not synchronised, and nothing on this box keeps it.',
      'Let the box reach a time server: timedatectl set-ntp true, then timedatectl. Counting goes on; every batch says that its times are not trusted.',
    );
  }
  if (temperatureC !== null && temperatureC >= HOT_CELSIUS) {
    add(
      'temperature_high',
      nowMs,
      `The box is at ${Math.round(temperatureC)} °C.`,
      'Give it air: boards slow down at about 80 °C and stop a little above.',
    );
  }
  if (disk.wear_percent !== null && disk.wear_percent >= WORN_PERCENT) {
    add(
      'disk_worn',
      nowMs,
      `The flash memory has used ${disk.wear_percent} % of its rated life.`,
      'Plan to replace it. Nothing is lost as long as it takes writes.',
    );
  }
  if (!facts.keyOnTmpfs) {
    add(
      'key_on_disk',
      startedMs,
      'The runtime directory is on a disk: the daily key would survive a power-off.',
      'Point "runtime_directory" at a tmpfs, such as /run/footfall.',
    );
  }
  return reasons;
}
