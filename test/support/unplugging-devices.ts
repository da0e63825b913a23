/** Simulated sensors on a cable, on the machine's clock: their modules go on while nobody hears them. */

import { iphone } from '../../drivers/simulator/advertising-data.ts';
import { Agenda } from '../../drivers/simulator/agenda.ts';
import { AirFrame } from '../../drivers/simulator/air-frame.ts';
import { drawAddress, type SecretSink } from '../../drivers/simulator/device.ts';
import {
  ADVERTISING_FORMATS,
  type AdvertisingFormat,
  AIR_FORMATS,
  type AirModule,
  DOOR_FORMATS,
  type DoorFormat,
} from '../../drivers/simulator/formats.ts';
import type { SimulatedSensor } from '../../drivers/simulator/options.ts';
import type { Random } from '../../drivers/simulator/random.ts';
import type { Cable, ContactCable } from './unplugging-cable.ts';
import type { Totals } from './unplugging-tap.ts';

/** Devices in the air: a bounded number, so that what the gateway remembers of them is bounded, too. */
const IN_THE_AIR = 50;
/** People a second through a door, both ways: a counter's rule believes five a second each way. */
const PEOPLE_PER_SECOND = 8;
/** How many of them pass before a counter that was restarted is first heard: fewer than it had counted before. */
const UNHEARD = 3;

const NO_SECRETS: SecretSink = { address: () => undefined, ssid: () => undefined };

export interface Device {
  /** Plugged in again; `restarts` for one that had its power by the cable. */
  plugged(restarts: boolean): void;
  unplugged(): void;
  /** Lives on until now, milliseconds. */
  run(now: number): void;
  /** Bytes from the gateway. */
  receive(bytes: Uint8Array): void;
  /** Whether it has anything to tell of its own accord. */
  active: boolean;
  /** The gateway was heard to understand it since it was plugged in. */
  heard: boolean;
  /** A whole frame that tells nothing new, to cut or to flood a line with; null where it only answers. */
  filler(now: number): Uint8Array | null;
}

/** A sniffer at full speed. */
export class SnifferDevice implements Device {
  readonly #cable: Cable;
  readonly #bytesPerSecond: number;
  readonly #boot: (ms: number) => Uint8Array;
  readonly #frame: (ms: number) => Uint8Array;
  /** The addresses in the air, as numbers of 48 bits. */
  readonly known: ReadonlySet<number>;
  readonly #answer: ((ms: number, bytes: Uint8Array) => Uint8Array) | undefined;
  #now = 0;
  /** Bytes that are due. */
  #due = 0;
  active = true;
  heard = false;

  /** @param told what it was told by others than the gateway, such as a helper that drives it. */
  constructor(sensor: SimulatedSensor, random: Random, cable: Cable, bytesPerSecond: number, told?: Uint8Array) {
    this.#cable = cable;
    this.#bytesPerSecond = bytesPerSecond;
    const module = { sensor, random, secrets: NO_SECRETS };
    const addresses = Array.from({ length: IN_THE_AIR }, () => drawAddress(random, true));
    this.known = new Set(addresses.map((address) => Buffer.from(address).readUIntBE(0, 6)));
    const bluetooth = ADVERTISING_FORMATS[sensor.driver]?.(module);
    if (bluetooth === undefined) {
      const format = AIR_FORMATS[sensor.driver](module);
      const next = probes(module, addresses);
      this.#boot = (ms) => format.boot(ms);
      this.#frame = (ms) => format.frame(ms, next(), random.integer(-90, -40));
    } else {
      this.#boot = (ms) => {
        const text = bluetooth.boot(ms);
        if (told !== undefined) bluetooth.receive?.(ms, told);
        return text;
      };
      this.#frame = advertisements(module, addresses, bluetooth);
      this.#answer = bluetooth.receive && ((ms, bytes) => bluetooth.receive?.(ms, bytes) ?? new Uint8Array());
    }
  }

  plugged(restarts: boolean): void {
    this.#due = 0;
    this.heard = false;
    if (restarts) this.#cable.write(this.#boot(this.#now), true);
  }

  unplugged(): void {}

  run(now: number): void {
    const elapsed = this.#now === 0 ? 0 : now - this.#now;
    this.#now = now;
    if (!this.active) return;
    this.#due = Math.min(this.#due + (elapsed * this.#bytesPerSecond) / 1_000, this.#bytesPerSecond / 10);
    while (this.#due > 0) {
      const frame = this.#frame(now);
      this.#cable.write(frame);
      // One that was not told to listen has nothing to say.
      this.#due -= Math.max(frame.length, 50);
    }
  }

  receive(bytes: Uint8Array): void {
    const answer = this.#answer?.(this.#now, bytes);
    if (answer !== undefined && answer.length > 0) this.#cable.write(answer, true);
  }

  filler(now: number): Uint8Array | null {
    const frame = this.#frame(now);
    return frame.length === 0 ? null : frame;
  }
}

function probes({ random }: AirModule, addresses: readonly Uint8Array[]): () => AirFrame {
  let sequence = 0;
  return () => {
    sequence = (sequence + 1) & 0xfff;
    const [variation, model] = [random.next(), random.integer(0, 3)];
    return new AirFrame({ address: random.choice(addresses), sequence, model, ssid: '', dsChannel: 6, variation });
  };
}

function advertisements(
  { random }: AirModule,
  addresses: readonly Uint8Array[],
  format: AdvertisingFormat,
): (ms: number) => Uint8Array {
  const all = addresses.map((address) => ({ address, random: true, ...iphone(random) }));
  // Sniffers that hear one channel at a time hear this one.
  const channel = 37;
  return (ms) => format.advertisement(ms, random.choice(all), random.integer(-90, -40), channel);
}

export interface DoorFacts {
  /** Its totals go on, and are told again; otherwise it tells of each passage once. */
  cumulative: boolean;
  /** So many times faster than life. */
  pace: number;
  filler: ((random: Random) => Uint8Array) | null;
}

/** People through a counted door, and what is known of how many the counter could tell. */
export abstract class Door implements Device {
  protected readonly random: Random;
  readonly #cumulative: boolean;
  #now = 0;
  #nextPerson = 0;
  #restarted = false;
  #passedUnheard = 0;
  protected connected = false;
  active = true;
  heard = false;
  /** Everyone who was counted. */
  readonly counted: Totals = { in: 0, out: 0 };
  /** Of those, since power on. */
  life: Totals = { in: 0, out: 0 };

  /** @param cumulative its totals tell of those, too, who pass while nobody listens. */
  constructor(random: Random, cumulative: boolean) {
    this.random = random;
    this.#cumulative = cumulative;
  }

  plugged(restarts: boolean): void {
    this.connected = true;
    this.heard = false;
    this.#restarted = restarts;
    this.#passedUnheard = 0;
    if (restarts) this.life = { in: 0, out: 0 };
  }

  unplugged(): void {
    this.connected = false;
  }

  run(now: number): void {
    this.#now = now;
    this.live(now);
    if (!this.active || now < this.#nextPerson || !this.#mayPass()) return;
    this.#nextPerson = now + this.random.exponential(1_000 / PEOPLE_PER_SECOND);
    this.pass(this.random.chance(0.5));
  }

  get now(): number {
    return this.#now;
  }

  pass(inwards: boolean): void {
    this.counted[inwards ? 'in' : 'out']++;
    this.life[inwards ? 'in' : 'out']++;
    if (!this.heard) this.#passedUnheard++;
    this.count(inwards);
  }

  /** One restarted by its plug is to be told from one that went on: it is heard before it has counted as many. */
  #mayPass(): boolean {
    if (!this.connected || (!this.#cumulative && !this.heard)) return false;
    return !this.#restarted || this.heard || this.#passedUnheard < UNHEARD;
  }

  abstract receive(bytes: Uint8Array): void;
  abstract filler(now: number): Uint8Array | null;
  protected abstract live(now: number): void;
  protected abstract count(inwards: boolean): void;
}

/** A counter of the simulator. */
export class CounterDoor extends Door {
  readonly #cable: Cable;
  readonly #format: DoorFormat;
  readonly #agenda: Agenda;
  readonly #facts: DoorFacts;
  #beganAt = Number.NaN;

  constructor(sensor: SimulatedSensor, random: Random, cable: Cable, facts: DoorFacts) {
    super(random, facts.cumulative);
    this.#cable = cable;
    this.#facts = facts;
    this.#agenda = new Agenda(0);
    const wire = (bytes: Uint8Array): boolean => {
      if (this.connected) this.#cable.write(bytes, true);
      return this.connected;
    };
    this.#format = DOOR_FORMATS[sensor.driver]({ sensor, agenda: this.#agenda, random, wire });
  }

  override plugged(restarts: boolean): void {
    super.plugged(restarts);
    if (restarts) this.#format.boot();
  }

  receive(bytes: Uint8Array): void {
    this.#format.receive?.(bytes);
  }

  filler(): Uint8Array | null {
    return this.#facts.filler?.(this.random) ?? null;
  }

  protected live(now: number): void {
    if (Number.isNaN(this.#beganAt)) this.#beganAt = now;
    this.#agenda.run((now - this.#beganAt) * this.#facts.pace);
  }

  protected count(inwards: boolean): void {
    this.#format.counted(this.life, inwards);
  }
}

/** A relay holds each state until the gateway has surely seen it: this long, and read so often. */
const HELD_MS = 110;
const HELD_READS = 5;

/** A counter's relay on a modem line: a closure for each person who comes in. */
export class RelayDoor extends Door {
  readonly #cable: ContactCable;
  #closed = false;
  #since = 0;
  #pulses = 0;

  constructor(random: Random, cable: ContactCable) {
    super(random, false);
    this.#cable = cable;
  }

  receive(): void {}

  filler(): null {
    return null;
  }

  override unplugged(): void {
    super.unplugged();
    this.#pulses = 0;
  }

  protected live(now: number): void {
    const held = now - this.#since >= HELD_MS && (this.#cable.reads >= HELD_READS || !this.connected);
    if (!held || (!this.#closed && this.#pulses === 0)) return;
    this.#closed = !this.#closed;
    this.#since = now;
    if (this.#closed) this.#pulses--;
    this.#cable.set(this.#closed);
  }

  override pass(): void {
    super.pass(true);
  }

  protected count(): void {
    this.#pulses++;
  }
}
