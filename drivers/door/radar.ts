import { createCounts } from '../counts.ts';
import type { Decoder, DecoderCounts, DecoderOptions, Driver, ReadingSink } from '../driver.ts';
import { type Found, FrameFinder, NOISE } from '../frames.ts';
import { RadarTracks, type Target } from './radar-tracks.ts';

const HEADER = [0xaa, 0xff, 0x03, 0x00];
const TAIL = [0x55, 0xcc];
const LENGTH = 30;
const SLOTS = 3;
const SLOT_LENGTH = 8;
/** The datasheet's reach is 6 m; what lies much beyond it, or behind the radar, is a damaged frame. */
const FARTHEST_MM = 8_000;
const FASTEST_CM_PER_S = 1_000;
const COARSEST_MM = 1_000;
const LINE_MM = 1_500;
const HYSTERESIS_MM = 300;
const DAMAGED: Found = { length: LENGTH, reason: 'format' };
const OUT_OF_RANGE: Found = { length: LENGTH, reason: 'range' };

/**
 * Decodes the target frames of an HLK-LD2450 24 GHz radar: `AA FF 03 00`, three slots of x, y, speed and resolution (16
 * bits each, least significant octet first, sign and magnitude, the sign bit set for plus), `55 CC`. An empty slot is
 * zeros. There is no checksum, so a frame counts only with all of its marks in place and every value in range.
 *
 * The radar looks at the door from inside: who crosses the line towards it has entered.
 */
export class RadarDecoder implements Decoder {
  readonly #counts: DecoderCounts = createCounts();
  readonly #frames = new FrameFinder(this.#counts, (bytes, start, end) => this.#read(bytes, start, end));
  readonly #tracks: RadarTracks;
  #sink: ReadingSink | undefined;
  #arrival = 0;

  constructor({ lineMm = LINE_MM, hysteresisMm = HYSTERESIS_MM }: DecoderOptions = {}) {
    this.#tracks = new RadarTracks(lineMm, hysteresisMm);
  }

  get counts(): Readonly<DecoderCounts> {
    return this.#counts;
  }

  push(bytes: Uint8Array, arrival: number, sink: ReadingSink): void {
    this.#sink = sink;
    this.#arrival = arrival;
    this.#frames.push(bytes);
    this.#sink = undefined;
  }

  /** The rest of a frame has no header. Tracks are forgotten by their time. */
  reopened(): void {
    this.#frames.abandon();
  }

  #read(bytes: Uint8Array, start: number, end: number): Found {
    for (let i = 0; i < HEADER.length; i++) {
      if (start + i === end) {
        return 'more';
      }
      if (bytes[start + i] !== HEADER[i]) {
        return NOISE;
      }
    }
    if (end - start < LENGTH) {
      return 'more';
    }
    if (bytes[start + LENGTH - 2] !== TAIL[0] || bytes[start + LENGTH - 1] !== TAIL[1]) {
      return DAMAGED;
    }
    const targets: Target[] = [];
    for (let slot = 0; slot < SLOTS; slot++) {
      const at = start + HEADER.length + slot * SLOT_LENGTH;
      if (isEmpty(bytes, at)) {
        continue;
      }
      const target = { x: signed(bytes, at), y: signed(bytes, at + 2) };
      if (!isPossible(target, signed(bytes, at + 4), bytes[at + 6] | (bytes[at + 7] << 8))) {
        return OUT_OF_RANGE;
      }
      targets.push(target);
    }
    this.#counts.accepted++;
    this.#tracks.update(targets, this.#arrival, (inwards) =>
      this.#sink?.crossing(this.#arrival, inwards ? 1 : 0, inwards ? 0 : 1),
    );
    return { length: LENGTH };
  }
}

function isEmpty(bytes: Uint8Array, at: number): boolean {
  for (let i = at; i < at + SLOT_LENGTH; i++) {
    if (bytes[i] !== 0) {
      return false;
    }
  }
  return true;
}

function isPossible({ x, y }: Target, speed: number, resolution: number): boolean {
  return (
    Math.abs(x) <= FARTHEST_MM &&
    y >= 0 &&
    y <= FARTHEST_MM &&
    Math.abs(speed) <= FASTEST_CM_PER_S &&
    resolution <= COARSEST_MM
  );
}

/** Sign and magnitude, the sign bit set for plus. */
function signed(bytes: Uint8Array, at: number): number {
  const value = bytes[at] | (bytes[at + 1] << 8);
  return value & 0x8000 ? value - 0x8000 : -value;
}

/** HLK-LD2450 radars beside or above a door. */
export const doorRadar: Driver = {
  name: 'door-radar',
  kind: 'door',
  defaultBaud: 256_000,
  createDecoder: (options) => new RadarDecoder(options),
};
