/** A recording under way: from the first word of the sensor to the end of the file. */
import type { Decoder } from '../driver.ts';
import { decoderOf, NOBODY } from './decode.ts';
import type { RecordedSensor, StreamEnd } from './recorded-stream.ts';
import type { RecordingFile } from './recording-file.ts';

/** Bytes that may wait for the disk. */
const WAITING_LIMIT = 4 * 1_048_576;

export interface RecorderOptions {
  file: RecordingFile;
  /** Length of the file at which it ends. */
  mostBytes: number;
  /** UTC milliseconds of the wall clock. */
  expiresMs: number;
  /** Version of this footfall. */
  version: string;
  /** Told once when the recording cannot go on. */
  full: (reason: 'size' | 'behind') => void;
}

export class Recorder {
  readonly #options: RecorderOptions;
  #decoder: Decoder | null = null;
  #full = false;
  sensor: RecordedSensor | null = null;
  startMs = 0;
  lastMs = 0;
  /** What the sensor sent, and in how many reads. */
  bytes = 0;
  chunks = 0;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** Valid frames so far: a recording without any is of little use. */
  get frames(): number {
    return this.#decoder?.counts.accepted ?? 0;
  }

  get fileBytes(): number {
    return this.#options.file.bytes;
  }

  /** Begins the file. @param startMs on the timeline of the chunks. */
  begin(sensor: RecordedSensor, startMs: number): void {
    const { file, expiresMs, version } = this.#options;
    this.#decoder = decoderOf(sensor);
    this.sensor = sensor;
    this.startMs = startMs;
    this.lastMs = startMs;
    file.begin({ startMs, sensors: [sensor], expiresMs, version });
  }

  /** Takes what was read; valid only during the call. Resolves when the disk takes more. */
  async take(bytes: Uint8Array, timeMs: number): Promise<void> {
    const { file, mostBytes, full } = this.#options;
    if (this.sensor === null || this.#full) return;
    file.write({ timeMs, sensorId: this.sensor.id, bytes });
    this.#decoder?.push(bytes, timeMs, NOBODY);
    this.bytes += bytes.length;
    this.chunks++;
    this.lastMs = timeMs;
    this.#full = file.bytes >= mostBytes || file.waiting >= WAITING_LIMIT;
    if (this.#full) full(file.bytes >= mostBytes ? 'size' : 'behind');
    await file.ready();
  }

  /** Ends the file in order. */
  async finish(end: StreamEnd): Promise<void> {
    await this.#options.file.finish({ ...end, timeMs: Math.max(end.timeMs, this.lastMs) });
  }
}
