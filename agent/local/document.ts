/** The status document: what `GET /status` on the daemon's socket answers and `footfall status --json` prints. */
import type { UplinkState } from '../uplink/port.ts';

export interface Reason {
  /** Stable and machine-readable, such as `sensor_down`; all of them are in agent/verdict.ts. */
  code: string;
  /** The id of the sensor it is about; empty where it is about the whole box. */
  subject: string;
  /** What is wrong, for people. */
  message: string;
  /** What to do about it. */
  hint: string;
  /** UTC milliseconds; survives a restart. */
  since_ms: number;
}

/** How a run of the daemon came to its end. */
export interface RunEnd {
  /**
   * `stopped` in order, `failed` with an error told in words (at the start, mostly), `crashed` by a fault of the program,
   * `killed` by a signal nobody can catch (SIGKILL, out of memory), `watchdog` by systemd because it hung, `power` because
   * the machine went down with it.
   */
  how: 'stopped' | 'failed' | 'crashed' | 'killed' | 'watchdog' | 'power';
  /** UTC milliseconds; null where nobody was left to write it down. */
  at_ms: number | null;
  /** For people. */
  message: string;
  /** What to do about it; empty where there is nothing to do. */
  hint: string;
}

export interface SensorStatus {
  id: string;
  driver: string;
  port: string;
  place: string;
  role: 'zone' | 'door' | 'transactions';
  state: 'up' | 'silent' | 'down';
  since_ms: number;
  /** Why it is down, for people. */
  detail: string | null;
  last_frame_ms: number | null;
  /** Frames accepted in the last full minute. */
  per_minute: number;
  bytes: number;
  accepted: number;
  rejected: Record<string, number>;
}

export interface Today {
  date: string;
  entries: number | null;
  exits: number | null;
  occupancy: number | null;
  /** Calibrated people inside by radio, null without calibration. */
  people: number | null;
  visits: number;
  passers_by: number;
  passing_people: number | null;
  passing_state: string;
  /** entries / passing_people, null where either is. */
  entry_rate: number | null;
  /** visits / (visits + passers_by), null without devices. */
  device_entry_rate: number | null;
  /** Little's law over the day so far (before settlement), null without both flows. */
  dwell_ms: number | null;
  /** Median dwell of lasting identities, null without any, and the number behind it. */
  dwell_p50_ms: number | null;
  dwell_visits: number;
  transactions: number | null;
  /**
   * Bluetooth advertisers above the gate in the last full minute, by what they are; outside opening hours only fixtures.
   * Null without a Bluetooth sensor.
   */
  ble_now: { phones: number; fixtures: number; others: number } | null;
  /** By local hour 0 to 23; `inside` is the mean of people inside, null without doors and where nothing was counted. */
  hours: { entries: number; visits: number; passers_by: number; inside: number | null }[];
}

export interface SetAsideDatabase {
  path: string;
  bytes: number;
  /** UTC milliseconds. */
  at_ms: number;
  /** What was found, where it was in this run; else null. */
  found: string | null;
}

export interface StatusDocument {
  v: 1;
  version: string;
  tenant: string;
  gateway: string;
  store: string;
  time_zone: string;
  at_ms: number;
  started_ms: number;
  verdict: { state: 'counting' | 'degraded' | 'not_counting'; since_ms: number; reasons: Reason[] };
  sensors: SensorStatus[];
  today: Today;
  window: { ordinal: number; start_ms: number; end_ms: number };
  buffer: {
    epoch: string;
    held: number;
    held_bytes: number;
    oldest_sequence: number | null;
    sealed_through: number;
    dead_letters: number;
    database_bytes: number;
    /** Inputs taken in but not yet durable. */
    uncommitted: number;
    /** When the oldest held batch was sealed; null when none is held. */
    oldest_ms: number | null;
    /** Bytes that may be held; beyond, the oldest batches are dropped. */
    bound_bytes: number;
    /**
     * Hours without an uplink that still fit at the present pace, by the bounds of the buffer and by the free disk; null
     * while the pace is unknown.
     */
    hours_left: number | null;
    /** Sequences dropped since the database was made. */
    dropped: number;
    /** Sequences that are gone and whose gap record is not acknowledged yet, by reason (agent/contract/gap.ts). */
    dropped_untold: Record<string, number>;
    last_commit_ms: number | null;
    storage_error: string | null;
    /** While storage fails: hours for which counting in memory can go on without giving anything up; else null. */
    memory_hours_left: number | null;
    /** How this run came to its epoch: `kept` from the run before, `new`, or why the one before ended. */
    epoch_origin: 'kept' | 'new' | 'moved' | 'restored' | 'damaged' | 'newer';
    /** Databases that could not be used and were set aside, as long as they lie there; oldest first. */
    set_aside: SetAsideDatabase[];
  };
  uplink: UplinkState & { url: string };
  clock: {
    virtual: boolean;
    key: 'kept' | 'made' | 'not_tmpfs';
    /** How far the wall clock can be trusted. */
    trust: 'synchronised' | 'rtc_only' | 'unknown';
  };
  settings: {
    /** The file they came from; null where there is none, as in a demo. */
    path: string | null;
    /** `last_good`: the file is broken, an earlier content of it is in use. `restart_needed`: see `restart_keys`. */
    state: 'current' | 'last_good' | 'restart_needed';
    /** UTC milliseconds at which they were last read. */
    loaded_ms: number;
    /** Every mistake of the file as `file:line:column: at path: ...`; empty unless the state is `last_good`. */
    mistakes: string[];
    /** Changed keys that take effect only at the next start. */
    restart_keys: string[];
    overrides: { key: string; until_ms: number }[];
    /** What became of the settings that the central platform asked for last; null before the first. */
    remote: {
      /** Empty where the message could not be read. */
      revision: string;
      /** `rejected`: nothing of it is in force; what was before still is. */
      state: 'applied' | 'rejected';
      /** Why it was rejected, for people; else empty. */
      reasons: string[];
      /** Keys of it that a local override outdoes. */
      overridden: string[];
      /** Keys of it that the settings file locks. */
      locked: string[];
    } | null;
  };
  disk: {
    /** The directory of the database. */
    path: string;
    free_bytes: number | null;
    total_bytes: number | null;
    /** Used part of the flash's life as the device tells it, in percent; null where it does not. */
    wear_percent: number | null;
  };
  box: {
    /** The hottest sensor, degrees Celsius; null where there is none. */
    temperature_c: number | null;
    /** How the run before this one ended; null for the first one. */
    last_end: RunEnd | null;
  };
  process: { pid: number; rss_bytes: number; heap_bytes: number; ordinal: number; longest_stall_ms: number };
}

/** What `POST /reload` answers. */
export interface ReloadOutcome {
  state: StatusDocument['settings']['state'];
  /** Keys that hold from now on. */
  applied: string[];
  /** Keys that hold from the next start on. */
  restart: string[];
  /** Mistakes of the file; then nothing of it was applied. */
  mistakes: string[];
  /** What else deserves a word, such as an override that no longer fits. */
  notes: string[];
}
