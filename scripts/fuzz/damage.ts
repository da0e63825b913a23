/** Streams in which frames are damaged in every way that a line, a module or an attacker has. */
import { atWrongSpeed } from '../../drivers/sample-damage.ts';
import type { Random } from '../../drivers/simulator/random.ts';
import type { Corpus, Target } from './corpus.ts';

/** The most one damaged stream may have; frames that do not fit are left out. */
const CAPACITY = 1 << 18;
/** Octets that mean something in one of the formats. */
const TELLING = [0, 1, 2, 3, 4, 0x0a, 0x0d, 0x22, 0x2d, 0x7b, 0x7c, 0x7d, 0x7e, 0x7f, 0x80, 0xab, 0xbc, 0xcd, 0xff];

export interface Damaged {
  /** Valid until the next stream is made. */
  bytes: Uint8Array;
  /** Frames that were damaged, and those that were left as they are. */
  mutated: number;
  intact: number;
}

type Mutation = (frame: Uint8Array) => void;

/** Makes damaged streams of a target's frames, in one buffer that is used again. */
export class Damage {
  readonly #corpus: Corpus;
  readonly #buffer = new Uint8Array(CAPACITY);
  #length = 0;
  #random!: Random;
  #target!: Target;
  readonly #mutations: readonly Mutation[] = [
    (frame) => this.#flip(frame),
    (frame) => this.#flip(frame),
    (frame) => this.#overwrite(frame),
    (frame) => this.#insert(frame),
    (frame) => this.#delete(frame),
    (frame) => this.#put(frame.subarray(0, this.#random.integer(0, frame.length))),
    (frame) => this.#put(frame.subarray(this.#random.integer(0, frame.length))),
    (frame) => this.#repeat(frame),
    (frame) => this.#digit(frame),
    (frame) => this.#splice(frame, this.#pick(this.#target)),
    (frame) => this.#splice(frame, this.#pick(this.#foreign())),
    (frame) => this.#between(frame, this.#noise(this.#random.integer(1, 64))),
    (frame) => this.#between(frame, this.#pick(this.#foreign()).subarray(0, 512)),
    (frame) => this.#slow(frame),
  ];

  constructor(corpus: Corpus) {
    this.#corpus = corpus;
  }

  make(target: Target, random: Random): Damaged {
    this.#length = 0;
    this.#random = random;
    this.#target = target;
    const count = random.integer(64, 256);
    const share = random.choice([0.4, 0.9, 1]);
    let at = random.integer(0, target.frames.length - 1);
    let mutated = 0;
    let intact = 0;
    for (let left = count; left > 0; left--) {
      const frame = target.frames[at];
      at = (at + 1) % target.frames.length;
      if (random.chance(share)) {
        random.choice(this.#mutations)(frame);
        mutated++;
      } else {
        this.#put(frame);
        intact++;
      }
    }
    return { bytes: this.#buffer.subarray(0, this.#length), mutated, intact };
  }

  #put(bytes: Uint8Array): void {
    if (this.#length + bytes.length > CAPACITY) return;
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #pick({ frames }: Target): Uint8Array {
    return this.#random.choice(frames);
  }

  /** Another driver's: that a sensor changes its dialect is no damage, and some decoders rightly never believe it. */
  #foreign(): Target {
    const { driver } = this.#target.subject;
    for (;;) {
      const other = this.#random.choice(this.#corpus.targets);
      if (other.subject.driver !== driver || this.#corpus.drivers === 1) return other;
    }
  }

  /** Changes octets of the frame as it was put. */
  #change(frame: Uint8Array, most: number, change: (octet: number) => number): void {
    const start = this.#length;
    this.#put(frame);
    const length = this.#length - start;
    if (length === 0) return;
    for (let left = this.#random.integer(1, most); left > 0; left--) {
      const at = start + this.#random.integer(0, length - 1);
      this.#buffer[at] = change(this.#buffer[at]);
    }
  }

  #flip(frame: Uint8Array): void {
    this.#change(frame, 4, (octet) => octet ^ (1 << this.#random.integer(0, 7)));
  }

  #overwrite(frame: Uint8Array): void {
    const telling = this.#random.chance(0.5);
    this.#change(frame, 4, () => (telling ? this.#random.choice(TELLING) : this.#random.next() >>> 24));
  }

  /** Another digit where there is one: lines have no checksum, and stay lines. */
  #digit(frame: Uint8Array): void {
    this.#change(frame, 8, (octet) => (octet >= 0x30 && octet <= 0x39 ? 0x30 + this.#random.integer(0, 9) : octet));
  }

  #insert(frame: Uint8Array): void {
    this.#between(frame, this.#noise(this.#random.integer(1, 8)));
  }

  #between(frame: Uint8Array, what: Uint8Array): void {
    const at = this.#random.integer(0, frame.length);
    this.#put(frame.subarray(0, at));
    this.#put(what);
    this.#put(frame.subarray(at));
  }

  #delete(frame: Uint8Array): void {
    const at = this.#random.integer(0, frame.length - 1);
    this.#put(frame.subarray(0, at));
    this.#put(frame.subarray(at + this.#random.integer(1, 8)));
  }

  #repeat(frame: Uint8Array): void {
    const from = this.#random.integer(0, frame.length - 1);
    const to = this.#random.integer(from + 1, frame.length);
    this.#put(frame.subarray(0, to));
    for (let times = this.#random.integer(1, 3); times > 0; times--) this.#put(frame.subarray(from, to));
    this.#put(frame.subarray(to));
  }

  #splice(frame: Uint8Array, other: Uint8Array): void {
    this.#put(frame.subarray(0, this.#random.integer(0, frame.length)));
    this.#put(other.subarray(this.#random.integer(0, other.length)));
  }

  #slow(frame: Uint8Array): void {
    const ratio = this.#random.choice([0.5, 2, 0.9, 1.085, 1.2, 3, 1 / 3]);
    this.#put(atWrongSpeed(frame.subarray(0, 256), ratio));
  }

  #noise(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at++) bytes[at] = this.#random.next() >>> 24;
    return bytes;
  }
}
