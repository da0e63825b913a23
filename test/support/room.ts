/**
 * A real day as sensor bytes: the probe requests of a capture as a SerialPcap sniffer would send them (boot noise, header,
 * uptime timestamps, one reboot in the middle of a record), and the people count of the same room as a door counter's lines.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const DATA = new URL('../../../shared/data/wifi-room-occupancy/', import.meta.url);
export const ROOM_DAY = '2023-02-28';
/** Null with the data in place, else why a test cannot run. */
export const ROOM_MISSING = existsSync(new URL(`${ROOM_DAY}.pcap`, DATA))
  ? null
  : `needs the real capture ${fileURLToPath(DATA)}${ROOM_DAY}.pcap`;

/** The room's clock was UTC+1. */
const UTC_OFFSET_MS = 3_600_000;

export interface Frame {
  timeMs: number;
  micros: number;
  frame: Uint8Array;
}

/** The frames of a little-endian microsecond capture file. */
export function readCapture(path: string | URL): Frame[] {
  const bytes = readFileSync(path);
  const frames: Frame[] = [];
  for (let offset = 24; offset + 16 <= bytes.length; ) {
    const seconds = bytes.readUInt32LE(offset);
    const micros = bytes.readUInt32LE(offset + 4);
    const length = bytes.readUInt32LE(offset + 8);
    const frame = bytes.subarray(offset + 16, offset + 16 + length);
    frames.push({ timeMs: seconds * 1000 + micros / 1000, micros: seconds * 1e6 + micros, frame });
    offset += 16 + length;
  }
  return frames;
}

/** Bytes that a sensor sends up to `timeMs`, since the step before. */
export interface Step {
  timeMs: number;
  wifi: Buffer;
  door: Buffer;
  /** Probe requests in `wifi`; people through the door up to the end of this step. */
  frames: number;
  entered: number;
  left: number;
}

export interface RoomOptions {
  stepMs: number;
  /** Only the first so many hours. */
  hours?: number;
  /** Time at which the sniffer reboots, milliseconds from the start; none when absent. */
  rebootAfterMs?: number;
}

export function roomSteps(options: RoomOptions): Step[] {
  const frames = readCapture(new URL(`${ROOM_DAY}.pcap`, DATA));
  const startMs = Math.floor(frames[0].timeMs / 60_000) * 60_000;
  const endMs = options.hours === undefined ? frames[frames.length - 1].timeMs : startMs + options.hours * 3_600_000;
  const wifi = new Sniffer(startMs);
  const door = new Door(startMs, readPeople());
  const steps: Step[] = [];
  let next = 0;
  let rebootAt = options.rebootAfterMs === undefined ? Infinity : startMs + options.rebootAfterMs;
  for (let timeMs = startMs + options.stepMs; timeMs < endMs + options.stepMs; timeMs += options.stepMs) {
    const parts: Buffer[] = steps.length === 0 ? [wifi.boot(startMs)] : [];
    let count = 0;
    for (; next < frames.length && frames[next].timeMs <= timeMs; next++, count++) {
      const record = wifi.record(frames[next]);
      if (frames[next].timeMs >= rebootAt) {
        // Power fails while a record is on its way: its first half is the last that comes before the boot text.
        parts.push(record.subarray(0, Math.floor(record.length / 2)), wifi.boot(frames[next].timeMs));
        rebootAt = Infinity;
        parts.push(wifi.record(frames[next]));
      } else parts.push(record);
    }
    const lines = door.advance(timeMs);
    steps.push({
      timeMs,
      wifi: Buffer.concat(parts),
      door: lines,
      frames: count,
      entered: door.entered,
      left: door.left,
    });
  }
  return steps;
}

class Sniffer {
  #bootMicros: number;

  constructor(startMs: number) {
    this.#bootMicros = startMs * 1000;
  }

  boot(atMs: number): Buffer {
    this.#bootMicros = Math.floor(atMs * 1000);
    const header = Buffer.alloc(24);
    header.writeUInt32LE(0xa1b2c3d4, 0);
    header.writeUInt16LE(2, 4);
    header.writeUInt16LE(4, 6);
    header.writeUInt32LE(2500, 16);
    header.writeUInt32LE(127, 20);
    const text =
      'ets Jul 29 2019 12:21:46\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\nentry 0x400805e4\r\n';
    return Buffer.concat([
      Buffer.from(text, 'latin1'),
      Buffer.from([0xff, 0x00, 0x8a]),
      Buffer.from('\n<<START>>\r\n'),
      header,
    ]);
  }

  record({ micros, frame }: Frame): Buffer {
    const uptime = Math.max(0, micros - this.#bootMicros);
    const header = Buffer.alloc(16);
    header.writeUInt32LE(Math.floor(uptime / 1e6), 0);
    header.writeUInt32LE(uptime % 1e6, 4);
    header.writeUInt32LE(frame.length, 8);
    header.writeUInt32LE(frame.length, 12);
    return Buffer.concat([header, frame]);
  }
}

class Door {
  entered = 0;
  left = 0;
  readonly #startMs: number;
  readonly #people: Map<number, number>;
  #inside = 0;
  #now: number;
  #sequence = 0;

  constructor(startMs: number, people: Map<number, number>) {
    this.#startMs = startMs;
    this.#now = startMs;
    this.#people = people;
  }

  /** Lines up to `toMs`: one whenever someone passes (spread over the minute), and a heartbeat each 10 s. */
  advance(toMs: number): Buffer {
    let text = '';
    for (let second = this.#now + 1000; second <= toMs; second += 1000) {
      const minute = Math.floor(second / 60_000) * 60_000;
      const wanted = this.#people.get(minute) ?? this.#inside;
      const seconds = (second - minute) / 1000;
      let passed = false;
      if (wanted !== this.#inside && seconds % 3 === 1) {
        if (wanted > this.#inside) {
          this.#inside++;
          this.entered++;
        } else {
          this.#inside--;
          this.left++;
        }
        passed = true;
      }
      if (passed || seconds % 10 === 0) text += this.#line(second);
    }
    this.#now = toMs;
    return Buffer.from(text, 'latin1');
  }

  #line(atMs: number): string {
    const line = {
      v: 1,
      t: 'cnt',
      boot: '0badcafe',
      seq: ++this.#sequence,
      in: this.entered,
      out: this.left,
      ms: atMs - this.#startMs,
    };
    return `${JSON.stringify(line)}\n`;
  }
}

/** People present by minute (UTC milliseconds of the minute's start). */
function readPeople(): Map<number, number> {
  const people = new Map<number, number>();
  for (const line of readFileSync(new URL(`${ROOM_DAY}.occupancy.csv`, DATA), 'utf8')
    .split('\n')
    .slice(1)) {
    const [minute, count] = line.split(',');
    if (count === undefined) continue;
    people.set(Date.parse(`${minute.replace(' ', 'T')}:00Z`) - UTC_OFFSET_MS, Number(count));
  }
  return people;
}
