/** What the decoders make of a recording: for `footfall replay --decode`, and for tests made from recordings. */
import type { Decoder, DecoderCounts, ReadingSink } from '../driver.ts';
import { driverNamed } from '../registry.ts';
import type { RecordedSensor, RecordedStream } from './recorded-stream.ts';

export const READING_KINDS = ['sighting', 'advertisement', 'crossing', 'counter', 'transaction'] as const;
export type ReadingKind = (typeof READING_KINDS)[number];

/** Readings of one kind, and the times of the first and the last in the order of the bytes, UTC milliseconds. */
export interface DecodedReadings {
  count: number;
  firstMs: number;
  lastMs: number;
}

/** What became of one sensor's bytes. */
export interface Decoded {
  id: string;
  driver: string;
  chunks: number;
  counts: Readonly<DecoderCounts>;
  readings: Partial<Record<ReadingKind, DecodedReadings>>;
}

/** Takes the readings of a sensor that is only listened to. */
export const NOBODY: ReadingSink = {
  sighting: () => undefined,
  advertisement: () => undefined,
  crossing: () => undefined,
  counter: () => undefined,
  transaction: () => undefined,
};

/** The decoder of a recorded sensor, told what it was told then. @throws Error for a driver that there is not. */
export function decoderOf({ driver, options }: RecordedSensor): Decoder {
  return driverNamed(driver).createDecoder(options);
}

/**
 * Feeds a recording to a decoder for each sensor, chunk by chunk at the times at which they were read.
 * @param sinkOf takes a sensor's readings besides.
 * @throws what the recording's chunks throw.
 */
export async function decodeRecording(
  recording: Pick<RecordedStream, 'header' | 'chunks'>,
  sinkOf: (sensorId: string) => Partial<ReadingSink> = () => ({}),
): Promise<Decoded[]> {
  const sensors = new Map(recording.header.sensors.map((sensor) => [sensor.id, new Listening(sensor, sinkOf)]));
  for await (const { sensorId, bytes, timeMs } of recording.chunks) sensors.get(sensorId)?.take(bytes, timeMs);
  return [...sensors.values()].map((sensor) => sensor.decoded);
}

class Listening {
  readonly decoded: Decoded;
  readonly #decoder: Decoder;
  readonly #sink: ReadingSink;

  constructor(sensor: RecordedSensor, sinkOf: (sensorId: string) => Partial<ReadingSink>) {
    const { id, driver } = sensor;
    this.#decoder = decoderOf(sensor);
    this.decoded = { id, driver, chunks: 0, counts: this.#decoder.counts, readings: {} };
    const further = sinkOf(id);
    this.#sink = {
      sighting: (reading) => {
        this.#note('sighting', reading.time);
        further.sighting?.(reading);
      },
      advertisement: (reading) => {
        this.#note('advertisement', reading.time);
        further.advertisement?.(reading);
      },
      crossing: (time, entered, left) => {
        this.#note('crossing', time);
        further.crossing?.(time, entered, left);
      },
      counter: (time, entered, left, boot, width) => {
        this.#note('counter', time);
        further.counter?.(time, entered, left, boot, width);
      },
      transaction: (time, count) => {
        this.#note('transaction', time);
        further.transaction?.(time, count);
      },
    };
  }

  take(bytes: Uint8Array, timeMs: number): void {
    this.decoded.chunks++;
    this.#decoder.push(bytes, timeMs, this.#sink);
  }

  #note(kind: ReadingKind, time: number): void {
    const { readings } = this.decoded;
    const readingsOfKind = readings[kind];
    if (readingsOfKind === undefined) readings[kind] = { count: 1, firstMs: time, lastMs: time };
    else {
      readingsOfKind.count++;
      readingsOfKind.lastMs = time;
    }
  }
}
