/** Frames come ten a second; several that wait in a buffer arrive at once. */
const FRAME_MS = 100;
/** A track is forgotten when the radar has not seen it for this long. */
const LOST_MS = 1_000;
/**
 * How far off a target may be from where it was expected, millimetres: at once, and per millisecond that it was not seen.
 * More is someone else, or a damaged frame.
 */
const GATE_MM = 300;
const GATE_MM_PER_MS = 1;
/** Coordinates that have not changed at all for this long are a residue of someone who is gone; a person sways. */
const RESIDUE_MS = 5_000;
/** Frames beyond the line that it takes: one may be damaged, and no checksum would tell. */
const CONFIRMED = 2;
/** Three targets a frame, and as many that were just lost. */
const MOST_TRACKS = 6;

/** Where a target is: millimetres to the side of the radar and in front of it. */
export interface Target {
  x: number;
  y: number;
}

type Side = 'near' | 'far' | 'unknown';

interface Track extends Target {
  /** Millimetres per millisecond. */
  vx: number;
  vy: number;
  /** Arrival of the last frame with it, and of the one in which it last moved. */
  seen: number;
  moved: number;
  /** Where it was last beyond the line by the hysteresis. */
  side: Side;
  /** Frames since then in which it was beyond on the other side, without a break. */
  beyond: number;
}

/**
 * Follows the targets of a radar from frame to frame, whatever slots they are in, and tells who crosses a line in front of
 * it: who was beyond it by the hysteresis on one side and comes to be so on the other. Who turns back on the line, is lost
 * on it or is first seen there has crossed nothing.
 */
export class RadarTracks {
  readonly #near: number;
  readonly #far: number;
  #tracks: Track[] = [];

  /** @param lineMm distance of the line from the radar. */
  constructor(lineMm: number, hysteresisMm: number) {
    this.#near = lineMm - hysteresisMm;
    this.#far = lineMm + hysteresisMm;
  }

  /**
   * Takes the targets of one frame.
   * @param arrival UTC milliseconds at which it was read.
   * @param crossed is told of each crossing; towards the radar is inwards.
   */
  update(targets: readonly Target[], arrival: number, crossed: (inwards: boolean) => void): void {
    this.#tracks = this.#tracks.filter(({ seen }) => arrival - seen <= LOST_MS);
    const { pairs, left } = match(this.#tracks, targets, arrival);
    for (const [track, target] of pairs) {
      move(track, target, arrival);
      this.#judge(track, crossed);
    }
    for (const { x, y } of left) {
      const track: Track = { x, y, vx: 0, vy: 0, seen: arrival, moved: arrival, side: 'unknown', beyond: 0 };
      this.#tracks.push(track);
      this.#judge(track, crossed);
    }
    if (this.#tracks.length > MOST_TRACKS) {
      this.#tracks = this.#tracks.sort((one, other) => other.seen - one.seen).slice(0, MOST_TRACKS);
    }
  }

  #judge(track: Track, crossed: (inwards: boolean) => void): void {
    const side = track.y < this.#near ? 'near' : track.y > this.#far ? 'far' : 'unknown';
    if (side === 'unknown' || side === track.side) {
      track.beyond = 0;
    } else if (++track.beyond === CONFIRMED) {
      if (track.side !== 'unknown') {
        crossed(side === 'near');
      }
      track.side = side;
      track.beyond = 0;
    }
  }
}

/** Who is who: the nearest pairs first, of those that are near enough. */
function match(
  tracks: readonly Track[],
  targets: readonly Target[],
  arrival: number,
): { pairs: [Track, Target][]; left: Target[] } {
  const candidates = tracks
    .flatMap((track) => targets.map((target) => ({ track, target, distance: distanceOf(track, target, arrival) })))
    .filter(({ distance }) => Number.isFinite(distance))
    .sort((one, other) => one.distance - other.distance);
  const pairs = new Map<Track, Target>();
  const taken = new Set<Target>();
  for (const { track, target } of candidates) {
    if (!pairs.has(track) && !taken.has(target)) {
      pairs.set(track, target);
      taken.add(target);
    }
  }
  return { pairs: [...pairs], left: targets.filter((target) => !taken.has(target)) };
}

/** How far a target is from a track, or Infinity where it cannot be the same one. */
function distanceOf(track: Track, { x, y }: Target, arrival: number): number {
  if (x === track.x && y === track.y) {
    return 0;
  }
  if (arrival - track.moved > RESIDUE_MS) {
    return Number.POSITIVE_INFINITY;
  }
  const elapsed = elapsedSince(track, arrival);
  const distance = Math.hypot(x - track.x - track.vx * elapsed, y - track.y - track.vy * elapsed);
  const gate = GATE_MM + GATE_MM_PER_MS * elapsed;
  return distance <= gate ? distance : Number.POSITIVE_INFINITY;
}

function move(track: Track, { x, y }: Target, arrival: number): void {
  const elapsed = elapsedSince(track, arrival);
  track.vx = (track.vx + (x - track.x) / elapsed) / 2;
  track.vy = (track.vy + (y - track.y) / elapsed) / 2;
  if (x !== track.x || y !== track.y) {
    track.moved = arrival;
  }
  track.x = x;
  track.y = y;
  track.seen = arrival;
}

function elapsedSince({ seen }: Track, arrival: number): number {
  return Math.max(arrival - seen, FRAME_MS);
}
