/** What counting is done with. New parameters hold from the next window on and never rewrite the past. */

export interface SensorParameters {
  /** Column value of this sensor's rows; never reused for another sensor in the life of a database. */
  index: number;
  id: string;
  driver: string;
  /** What its readings feed: a zone (Wi-Fi, BLE), a door, or the till. */
  role: 'zone' | 'door' | 'transactions';
  /** Zone or door id. */
  place: string;
  /** RSSI above which a device counts as inside, dBm. */
  gateDbm: number;
  /** True for doors whose counter looks the other way round. */
  swap: boolean;
}

export interface OpeningHours {
  /** For each weekday, Monday first: opening intervals as minutes of the local day; empty when closed. */
  week: [number, number][][];
  /** Local dates (YYYY-MM-DD) that differ: holidays (empty) and exceptions. */
  exceptions: Record<string, [number, number][]>;
}

export interface Parameters {
  /** Short digest of the rest: names the set in every record. */
  id: string;
  store: string;
  /** IANA time zone. */
  timeZone: string;
  hours: OpeningHours;
  /** Length of a window in minutes; divides 60. */
  windowMinutes: number;
  /** Milliseconds after a minute's or window's end during which its readings are still taken. */
  graceMs: number;
  /** Gap after which an identity that lasts counts as gone, and as a new encounter when it is heard again. */
  visitGapMs: number;
  /** Seconds a passer-by is within reach: frontage in metres over walking speed. */
  passingSeconds: number;
  /** True where a sketch of the day's visitors is told; absent where it is not. */
  visitors?: boolean;
  sensors: SensorParameters[];
}
