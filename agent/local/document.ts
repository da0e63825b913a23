/** The status document: what `GET /status` on the daemon's socket answers and `footfall status --json` prints. */
import type { UplinkState } from '../uplink/port.ts';

export interface Reason {
  code: string;
  /** What is wrong, for people. */
  message: string;
  /** What to do about it. */
  hint: string;
  /** UTC milliseconds. */
  since_ms: number;
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
  /** By local hour 0 to 23. */
  hours: { entries: number; visits: number; passers_by: number }[];
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
    last_commit_ms: number | null;
    storage_error: string | null;
  };
  uplink: UplinkState & { url: string };
  clock: { virtual: boolean; key: 'kept' | 'made' | 'not_tmpfs' };
  process: { pid: number; rss_bytes: number; heap_bytes: number; ordinal: number; longest_stall_ms: number };
}
