/** What `GET /tail` streams, one JSON object a line: what the daemon hears, seals and sends while somebody looks. */
export type TailKind = TailEvent['kind'];

/** Kinds that a listener can ask for; `dropped` comes to everybody. */
export const TAIL_KINDS = ['sighting', 'ble', 'door', 'till', 'window', 'message', 'health'] as const;

export type TailEvent =
  /** A probe request; the device is the first half of today's keyed hash, which no address leads to. */
  | {
      kind: 'sighting';
      /** UTC milliseconds. */
      at_ms: number;
      sensor: string;
      /** 8 hex digits. */
      device: string;
      /** Whether the address is a randomised one. */
      random: boolean;
      /** 8 hex digits over what the device says it can do; null where the format has none. */
      fingerprint: string | null;
      /** dBm. */
      rssi: number;
      /** Null where the format has none. */
      channel: number | null;
    }
  /** A Bluetooth advertisement; the device as above, and never the same as on Wi-Fi. */
  | {
      kind: 'ble';
      at_ms: number;
      sensor: string;
      /** 8 hex digits. */
      device: string;
      /** Whether the address is a random one. */
      random: boolean;
      /** What the payload says it is. */
      advertiser: 'phone' | 'fixture' | 'other';
      /** dBm; null where the format has none. */
      rssi: number | null;
      /** Advertising channel 37 to 39; null where the format has none. */
      channel: number | null;
    }
  /** People through a door: events, or the counter's running totals. */
  | { kind: 'door'; at_ms: number; sensor: string; in: number; out: number; total: boolean }
  | { kind: 'till'; at_ms: number; sensor: string; transactions: number }
  /** A window that was sealed. Figures that nothing feeds are null. */
  | {
      kind: 'window';
      at_ms: number;
      ordinal: number;
      start_ms: number;
      end_ms: number;
      entries: number | null;
      exits: number | null;
      visits: number;
      passers_by: number;
      sequences: number[];
    }
  | {
      kind: 'message';
      at_ms: number;
      direction: 'out' | 'in';
      what: 'batch' | 'state' | 'acknowledgement';
      /** Of the batch, or the acknowledged ones. */
      sequences: number[];
      bytes: number;
    }
  | {
      kind: 'health';
      at_ms: number;
      code: string;
      subject: string;
      change: 'began' | 'ended' | 'event';
      message: string;
    }
  /** The reader was too slow: this many events were left out. */
  | { kind: 'dropped'; at_ms: number; count: number };
