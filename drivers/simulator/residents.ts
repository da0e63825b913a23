import type { BleDevice } from './ble-device.ts';
import type { OpenDay } from './calendar.ts';
import { type Device, drawPhone, drawThing } from './device.ts';
import { Spot, Walk } from './place.ts';
import type { Random } from './random.ts';
import { MetronomeRhythm, PhoneRhythm, RandomRhythm, type Rhythm } from './rhythm.ts';
import type { Scene } from './scene.ts';
import { Transmitter } from './transmitter.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** Staff come before opening and leave after closing by up to this. */
const EARLY_MS = 30 * MINUTE;
/** Things that are only powered in opening hours go on and off this far outside them. */
const POWER_MARGIN_MS = 15 * MINUTE;
const BREAK_MOST_MS = 15 * MINUTE;

interface Member {
  phone: Device | null;
  rhythm: Rhythm;
  /** What of theirs advertises over Bluetooth. */
  advertising: readonly BleDevice[];
}

/** What is in the store every day: staff in shifts, and fixtures. */
export class Residents {
  readonly #scene: Scene;
  readonly #random: Random;
  readonly #staff: Member[];
  /** Fixtures that follow the opening hours. */
  readonly #dayFixtures: { device: Device; rhythm: Rhythm; place: Spot }[] = [];

  constructor(scene: Scene, random: Random) {
    this.#scene = scene;
    this.#random = random;
    this.#staff = Array.from({ length: scene.parameters.staff }, () => {
      const phone = random.chance(0.95) ? drawPhone(random, scene.secrets) : null;
      const advertising = phone === null ? [] : (scene.bluetooth?.outfit(1) ?? []);
      return { phone, rhythm: new PhoneRhythm(), advertising };
    });
  }

  start(): void {
    for (let i = 0; i < this.#scene.parameters.fixtures; i++) this.#fixture(i);
    for (const day of this.#scene.calendar.days) {
      this.#scene.agenda.at(day.openMs - EARLY_MS, () => this.#day(day));
    }
  }

  /** Every other fixture is a metronome; four in five stand in the store, the rest at the neighbours'. */
  #fixture(index: number): void {
    const random = this.#random;
    const { width, depth } = this.#scene.parameters.size;
    const inside = random.chance(0.8);
    const x = inside ? random.uniform(-0.5, 0.5) * width : random.choice([-1, 1]) * (width / 2 + random.uniform(3, 12));
    const place = new Spot(x, random.uniform(0.5, depth));
    const rhythm = index % 2 === 0 ? new MetronomeRhythm(random) : new RandomRhythm(random);
    const device = drawThing(random, this.#scene.secrets);
    if (random.chance(0.4)) this.#dayFixtures.push({ device, rhythm, place });
    else new Transmitter(this.#scene, device, rhythm, place, this.#scene.agenda.now, Number.POSITIVE_INFINITY);
  }

  #day(day: OpenDay): void {
    for (const { device, rhythm, place } of this.#dayFixtures) {
      const [fromMs, untilMs] = [day.openMs - POWER_MARGIN_MS, day.closeMs + POWER_MARGIN_MS];
      new Transmitter(this.#scene, device, rhythm, place, fromMs, untilMs);
    }
    for (const member of this.#staff) this.#shift(day, member);
  }

  /** A shift of 4 to 9 h with 4 to 20 door movements, an even number: in, out and in for each break, out. */
  #shift(day: OpenDay, member: Member): void {
    const random = this.#random;
    const { agenda, doors, doorways } = this.#scene;
    const firstMs = Math.max(day.openMs - EARLY_MS, agenda.now);
    const lastMs = day.closeMs + EARLY_MS;
    const lengthMs = Math.min(random.uniform(4, 9) * HOUR, lastMs - firstMs);
    const slots = random.integer(2, 10);
    const slotMs = lengthMs / slots;
    const door = doors.length > 0 ? doorways.choice(doors) : null;
    let inMs = firstMs + random.uniform(0, lastMs - firstMs - lengthMs);
    const endMs = inMs + lengthMs;
    for (let slot = 1; slot <= slots; slot++) {
      // A break begins in the second half of its slot and is over before the next one can begin.
      const outMs = slot === slots ? endMs : endMs - slotMs * (slots - slot + random.uniform(0.1, 0.4));
      this.#presence(member, Math.round(inMs), Math.round(outMs));
      agenda.at(inMs, () => {
        this.#scene.ledger.staffCross(agenda.now, true);
        door?.pass(true);
      });
      agenda.at(outMs, () => {
        this.#scene.ledger.staffCross(agenda.now, false);
        door?.pass(false);
      });
      inMs = outMs + random.uniform(0.3, 1) * Math.min(BREAK_MOST_MS, slotMs / 2);
    }
  }

  /** One stretch inside; nobody is heard while out on a break. */
  #presence({ phone, rhythm, advertising }: Member, inMs: number, outMs: number): void {
    if (phone === null) return;
    const { agenda, bluetooth } = this.#scene;
    const way = { beginMs: inMs, startX: 0, distance: 0, metresPerMs: 0, inMs, outMs };
    const place = new Walk(way, this.#scene.parameters.size, this.#scene.probing);
    agenda.at(inMs, () => {
      new Transmitter(this.#scene, phone, rhythm, place, inMs, outMs);
      bluetooth?.carry(advertising, place, { fromMs: inMs, untilMs: outMs, inMs, outMs }, true);
    });
  }
}
