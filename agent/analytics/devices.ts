/** The columns of the table of device keys. */
import { KeyTable } from './key-table.ts';

/** Keys held at most. A flood of invented addresses fills the table and no more; about 11 MB. */
export const MAX_DEVICES = 131_072;

/** Bits of the `flags` column. */
export const DeviceFlag = {
  /** An encounter is open. */
  encounter: 1,
  /** This encounter was heard in opening hours. */
  heard: 2,
  /** This encounter went inside in opening hours: it is a visit. */
  visit: 4,
  /** Installed equipment, in no count. */
  fixture: 8,
} as const;

/** Widths of the columns, in snapshot order: changing it changes the snapshot version. */
function createColumns(capacity: number) {
  return {
    high: new Uint32Array(capacity),
    low: new Uint32Array(capacity),
    /** Scope * 2 + (1 for an identity that lasts). */
    tag: new Uint16Array(capacity),
    flags: new Uint8Array(capacity),
    /** Five-minute slots of the closed hours it was above the gate in, and the last of them. */
    nightSlots: new Uint8Array(capacity),
    lastNightSlot: new Uint32Array(capacity),
    /** Event time of the newest sighting, ms. */
    last: new Float64Array(capacity),
    /** UTC minute of bit 0 of `mask`; bit i = was inside i minutes before that. */
    minute: new Uint32Array(capacity),
    mask: new Uint32Array(capacity),
    /** First and last time inside in this encounter, ms; of meaning with the visit flag. */
    insideFirst: new Float64Array(capacity),
    insideLast: new Float64Array(capacity),
    /** Metronome: first and newest burst, running period in ms, decayed hits and trials. */
    firstBurst: new Float64Array(capacity),
    lastBurst: new Float64Array(capacity),
    period: new Float64Array(capacity),
    hits: new Float64Array(capacity),
    trials: new Float64Array(capacity),
  };
}

export type DeviceColumns = ReturnType<typeof createColumns>;

export class DeviceTable extends KeyTable<DeviceColumns> {
  constructor(limit: number = MAX_DEVICES) {
    super(createColumns, limit);
  }
}
