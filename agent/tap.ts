/**
 * Between the daemon's parts and those who look (`footfall tail`): what is heard, sealed and sent, as events. It stands
 * behind the privacy boundary, so it has never seen an address; without a listener it costs one comparison a batch.
 */
import type { SensorParameters } from './analytics/parameters.ts';
import type { OccupancyRecord, SealedWindow } from './analytics/records.ts';
import type { TailFilter } from './local/routes.ts';
import type { TailEvent, TailKind } from './local/tail.ts';
import { AdvertisementFlag, type InputBatch, InputKind, NO_RSSI, SightingFlag } from './readings.ts';
import type { Batch, HealthChange } from './storage/storage.ts';

interface Listener {
  filter: TailFilter;
  sink: (event: TailEvent) => void;
}

/** A message of the uplink, as the uplink tells of it. */
export type TailMessage = Omit<Extract<TailEvent, { kind: 'message' }>, 'kind' | 'at_ms'>;

export class Tap {
  readonly #now: () => number;
  readonly #listeners = new Set<Listener>();
  #listening = false;

  /** @param now UTC milliseconds on the gateway's timeline. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether anybody listens: to be asked before anything is made for `observe`. */
  get listening(): boolean {
    return this.#listening;
  }

  /** Passes on what the filter lets through, until the returned function is called. `sink` must not throw. */
  listen(filter: TailFilter, sink: (event: TailEvent) => void): () => void {
    const listener = { filter, sink };
    this.#listeners.add(listener);
    this.#listening = true;
    return () => {
      this.#listeners.delete(listener);
      this.#listening = this.#listeners.size > 0;
    };
  }

  /** Rows `from` to before `to` are being folded. `sensorAt` gives the sensor of a row's index. */
  observe(
    batch: InputBatch,
    from: number,
    to: number,
    sensorAt: (index: number) => SensorParameters | undefined,
  ): void {
    if (!this.#listening) return;
    for (let row = from; row < to; row++) {
      const kind = tailKindOf(batch.kind[row]);
      if (kind === null) continue;
      const sensor = sensorAt(batch.sensor[row]);
      if (sensor !== undefined && this.#wanted(kind, sensor.id)) this.#tell(readingOf(batch, row, sensor), sensor.id);
    }
  }

  /** A window was sealed, into these batches and perhaps those of other windows. */
  window(window: SealedWindow, batches: readonly Batch[]): void {
    if (!this.#wanted('window', null)) return;
    const entry = window.records.find((record) => record.kind === 'entry');
    // A settlement adds revised records of the day's other windows.
    const occupancy = window.records.find(
      (record): record is OccupancyRecord => record.kind === 'occupancy' && record.window === window.ordinal,
    );
    this.#tell(
      {
        kind: 'window',
        at_ms: this.#now(),
        ordinal: window.ordinal,
        start_ms: window.startMs,
        end_ms: window.endMs,
        entries: entry?.entries ?? null,
        exits: entry?.entries == null ? null : (occupancy?.exits ?? null),
        visits: entry?.visits ?? 0,
        passers_by: entry?.passers_by ?? 0,
        sequences: batches.filter((batch) => batch.windowOrdinal === window.ordinal).map((batch) => batch.sequence),
      },
      null,
    );
  }

  /** A message is on its way, or came. */
  message({ direction, what, sequences, bytes }: TailMessage): void {
    if (!this.#wanted('message', null)) return;
    this.#tell({ kind: 'message', at_ms: this.#now(), direction, what, sequences, bytes }, null);
  }

  /** Something began or ended to be wrong, or happened in the daemon's life. */
  health({ atMs, code, subject, change, message }: HealthChange): void {
    const sensor = subject === '' ? null : subject;
    if (this.#wanted('health', sensor)) {
      this.#tell({ kind: 'health', at_ms: atMs, code, subject, change, message }, sensor);
    }
  }

  #wanted(kind: TailKind, sensor: string | null): boolean {
    for (const { filter } of this.#listeners) if (passes(filter, kind, sensor)) return true;
    return false;
  }

  #tell(event: TailEvent, sensor: string | null): void {
    for (const { filter, sink } of this.#listeners) if (passes(filter, event.kind, sensor)) sink(event);
  }
}

function passes({ sensors, kinds }: TailFilter, kind: TailKind, sensor: string | null): boolean {
  if (kinds.length > 0 && !kinds.includes(kind)) return false;
  if (sensors.length === 0) return true;
  // Who names sensors wants no windows and messages in between, unless by name.
  return sensor === null ? kinds.length > 0 : sensors.includes(sensor);
}

/** Null for rows that say nothing to people, such as reports and ticks. */
function tailKindOf(kind: number | undefined): 'sighting' | 'ble' | 'door' | 'till' | null {
  switch (kind) {
    case InputKind.sighting:
      return 'sighting';
    case InputKind.advertisement:
      return 'ble';
    case InputKind.crossing:
    case InputKind.counter:
      return 'door';
    case InputKind.transaction:
      return 'till';
    default:
      return null;
  }
}

function readingOf(batch: InputBatch, row: number, { id, swap }: SensorParameters): TailEvent {
  const kind = batch.kind[row];
  const common = { at_ms: batch.time[row], sensor: id };
  if (kind === InputKind.sighting) {
    return {
      kind: 'sighting',
      ...common,
      device: hex32(batch.a[row]),
      random: (batch.flags[row] & SightingFlag.random) !== 0,
      fingerprint: batch.c[row] === 0 && batch.d[row] === 0 ? null : hex32(batch.c[row]),
      rssi: batch.rssi[row],
      channel: batch.channel[row] === 0 ? null : batch.channel[row],
    };
  }
  if (kind === InputKind.advertisement) {
    const flags = batch.flags[row];
    return {
      kind: 'ble',
      ...common,
      device: hex32(batch.a[row]),
      random: (flags & AdvertisementFlag.random) !== 0,
      advertiser: advertiserOf(flags),
      rssi: batch.rssi[row] === NO_RSSI ? null : batch.rssi[row],
      channel: batch.channel[row] === 0 ? null : batch.channel[row],
    };
  }
  if (kind === InputKind.transaction) return { kind: 'till', ...common, transactions: batch.a[row] };
  // In and out as they are counted, for a counter that looks the other way round too.
  const [entered, left] = swap ? [batch.b[row], batch.a[row]] : [batch.a[row], batch.b[row]];
  return { kind: 'door', ...common, in: entered, out: left, total: kind === InputKind.counter };
}

function advertiserOf(flags: number): 'phone' | 'fixture' | 'other' {
  if ((flags & AdvertisementFlag.fixture) !== 0) return 'fixture';
  return (flags & AdvertisementFlag.phone) !== 0 ? 'phone' : 'other';
}

function hex32(word: number): string {
  return word.toString(16).padStart(8, '0');
}
