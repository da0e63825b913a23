import { encodeRadarFrame, type RadarTarget } from '../encode/radar.ts';
import type { DoorFormat, DoorModule, Totals } from '../formats.ts';

const FRAME_MS = 100;
/** Frames while nobody moves; the device sends ten a second all the time. */
const IDLE_MS = 1_000;
/** Where a walk begins and ends, from the radar, millimetres; the line lies between. */
const NEAR_MM = 350;
const FAR_MM = 2_650;
const SWAY_MM = 25;
/** One lane a slot, so that people in the door at once are a body's width apart. */
const LANES_MM = [-900, 0, 900];
/** The share of walks after which the slot keeps the last coordinates, and the share of frames with its slots shuffled. */
const RESIDUE_SHARE = 0.1;
const SHUFFLE_SHARE = 0.05;

interface Walk {
  inwards: boolean;
  fromMs: number;
  /** Millimetres per millisecond. */
  pace: number;
}

/**
 * An HLK-LD2450 radar inside the door: everyone who is counted walks through its field, about two seconds each and three
 * at once; more wait until there is room. Now and then it keeps the place of someone who has gone, as the device does.
 */
export class DoorRadarFormat implements DoorFormat {
  readonly #module: DoorModule;
  readonly #walks: (Walk | null)[] = LANES_MM.map(() => null);
  readonly #residues: (RadarTarget | null)[] = LANES_MM.map(() => null);
  /** Who waits, by the way they go. */
  readonly #waiting: boolean[] = [];
  /** Only the tick that was asked for last counts. */
  #tick = 0;

  constructor(module: DoorModule) {
    // Its own stream: what the line carries must not decide whom the door misses.
    this.#module = { ...module, random: module.random.fork('line') };
  }

  boot(): void {
    this.#residues.fill(null);
    this.#send();
  }

  counted(_totals: Readonly<Totals>, inwards: boolean): void {
    const idle = this.#walks.every((walk) => walk === null);
    this.#waiting.push(inwards);
    if (idle) this.#send();
  }

  #send(): void {
    const { agenda, random, wire } = this.#module;
    const slots = this.#walks.map((_, lane) => this.#look(lane));
    if (random.chance(SHUFFLE_SHARE)) slots.reverse();
    wire(encodeRadarFrame(slots));
    const tick = ++this.#tick;
    const idle = this.#walks.every((walk) => walk === null);
    agenda.at(agenda.now + (idle ? IDLE_MS : FRAME_MS), () => {
      if (tick === this.#tick) this.#send();
    });
  }

  /** Who is in a lane now. */
  #look(lane: number): RadarTarget | null {
    const { agenda, random } = this.#module;
    const walk = this.#walks[lane] ?? this.#begin(lane);
    if (walk === null) return this.#residues[lane];
    const gone = (agenda.now - walk.fromMs) * walk.pace;
    const y = walk.inwards ? FAR_MM - gone : NEAR_MM + gone;
    const target = {
      x: LANES_MM[lane] + random.uniform(-SWAY_MM, SWAY_MM),
      y: y + random.uniform(-SWAY_MM, SWAY_MM),
      speed: (walk.inwards ? -1 : 1) * walk.pace * 100,
    };
    if (gone >= FAR_MM - NEAR_MM) {
      this.#walks[lane] = null;
      this.#residues[lane] = random.chance(RESIDUE_SHARE) ? { ...target, speed: 0 } : null;
    }
    return target;
  }

  #begin(lane: number): Walk | null {
    const { agenda, random } = this.#module;
    const inwards = this.#waiting.shift();
    if (inwards === undefined) return null;
    this.#residues[lane] = null;
    const walk = { inwards, fromMs: agenda.now, pace: random.uniform(1, 1.3) };
    this.#walks[lane] = walk;
    return walk;
  }
}
