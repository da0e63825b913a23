/** One sensor that is unplugged and plugged in again and again. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../agent/clock.ts';
import type { Intake } from '../../agent/intake.ts';
import { Sensor } from '../../agent/sensors.ts';
import type { Transport } from '../../drivers/driver.ts';
import { driverNamed } from '../../drivers/registry.ts';
import { Random } from '../../drivers/simulator/random.ts';
import { until } from './processes.ts';
import { ABSENCES } from './unplugging-cable.ts';
import { Door, SnifferDevice } from './unplugging-devices.ts';
import type { DoorLedger, SubjectLedger } from './unplugging-ledger.ts';
import { type Plugged, plugUp, SUBJECTS } from './unplugging-subjects.ts';
import { type Plant, Tap } from './unplugging-tap.ts';

const MOMENTS = ['mid-frame', 'saturated', 'idle', 'writing', 'frozen', 'any'] as const;
type Moment = (typeof MOMENTS)[number];

const PATIENCE = 12_000;
/** A counter is restarted once it has told this many people: more than pass before it is heard again. */
const ENOUGH_TOLD = 10;
/** For totals to get from a counter to the gateway. */
const TOLD_MS = 400;
const RESTART_SHARE = 0.4;
/** For the gateway to say something after the line was opened. */
const SPOKEN_MS = 3_000;
const FLAP_SHARE = 0.2;
const SETTLED_SHARE = 0.5;
/** More than the kernel holds of a line. */
const FLOOD_BYTES = 100_000;

export interface SubjectOptions {
  name: string;
  index: number;
  folder: string;
  clock: Clock;
  now: () => number;
  intake: Intake;
  seed: number;
  bytesPerSecond: number;
  plant: Plant | undefined;
}

export class Subject {
  readonly name: string;
  readonly sensor: Sensor;
  readonly #plugged: Plugged;
  readonly #tap: Tap;
  readonly #now: () => number;
  readonly #seed: Random;
  #disconnections = 0;
  #ups = 0;
  #cycles = 0;
  #resumed = 0;
  #restarts = 0;
  #acceptedBefore = 0;
  #acceptedAtPlug = 0;
  #untold = { in: 0, out: 0 };
  #doubtful = 0;
  #toldAtRestart = 0;
  #outstandingAtPlug = 0;
  readonly #mishaps: string[] = [];

  constructor(options: SubjectOptions) {
    const { name, index, folder, clock, now, intake, seed, bytesPerSecond, plant } = options;
    this.name = name;
    this.#now = now;
    this.#seed = new Random(seed).fork(name);
    this.#plugged = plugUp(name, folder, clock, this.#seed.fork('device'), bytesPerSecond);
    const driver = driverNamed(SUBJECTS[name].driver);
    this.#tap = new Tap(driver, plant);
    const { device } = this.#plugged;
    if (device instanceof SnifferDevice) this.#tap.known = device.known;
    const role = driver.kind === 'door' ? 'door' : 'zone';
    this.sensor = new Sensor({
      parameters: { index, id: name, driver: driver.name, role, place: name, gateDbm: -70, swap: false },
      driver: this.#tap.driver,
      decoder: this.#plugged.decoder,
      transport: this.#counting(this.#plugged.transport),
      port: name,
      silentMs: 900_000,
      now,
      intake,
      log: () => undefined,
    });
  }

  /** Does what its device does until now. */
  run(now: number): void {
    const { device } = this.#plugged;
    device.heard = this.#tap.accepted > this.#acceptedAtPlug;
    device.run(now);
  }

  /** Plugs it in for the first time, and waits until it is heard. */
  async begin(): Promise<void> {
    const { device, kind } = this.#plugged;
    this.active(false);
    await this.#plug(true);
    this.sensor.start();
    // Who passes before the first totals is in them; one that tells each passage once has to be heard first.
    this.active(!(device instanceof Door) || kind.door?.cumulative === true);
    if (!(await this.#heard())) throw new Error(`${this.name} was never heard`);
    this.active(true);
    await delay(300);
    this.#acceptedBefore = this.#tap.accepted;
  }

  active(active: boolean): void {
    this.#plugged.device.active = active;
  }

  /** The `k`th go, whatever went before: the same seed makes the same choices. False where it was not heard again. */
  async cycle(k: number): Promise<boolean> {
    if (this.#resumed < this.#cycles) return false;
    const random = this.#seed.fork(`cycle ${k}`);
    const moment = random.choice(MOMENTS);
    const settled = random.chance(SETTLED_SHARE);
    const absentMs = random.chance(0.3) ? 0 : random.integer(1, 150);
    const restarts = random.chance(RESTART_SHARE) && this.#mayRestart();
    const flaps = random.chance(FLAP_SHARE) ? 2 : 0;
    this.#cycles++;
    await delay(random.integer(20, 200));
    if (settled) await this.#settle(`cycle ${k}, ${moment}`);
    await this.#until(moment, random);
    await this.#unplug(random);
    await this.#away(random, absentMs, restarts);
    await this.#plug(restarts);
    for (let flap = 0; flap < flaps; flap++) {
      await delay(random.integer(0, 30));
      await this.#unplug(random);
      await delay(random.integer(0, 5));
      await this.#plug(false);
    }
    this.active(true);
    const heard = await this.#heard();
    if (heard) this.#resumed++;
    else this.#mishaps.push(`cycle ${k}, ${moment}: nothing was heard again`);
    this.#tap.reconnected();
    return heard;
  }

  /** Lets everyone who was counted be told; nobody comes after them. */
  async finish(): Promise<void> {
    await this.#settle('at last');
    this.active(false);
  }

  async stop(): Promise<void> {
    this.#tap.stop();
    await this.sensor.stop();
    await this.#plugged.cable.close();
  }

  /** @param recorded what the sealed windows say of its door. */
  ledger(recorded: Pick<DoorLedger, 'recorded' | 'setAside' | 'resets'>): SubjectLedger {
    const { device, kind } = this.#plugged;
    const first = this.#tap.first ?? { in: 0, out: 0 };
    return {
      name: this.name,
      disconnections: this.#disconnections,
      reconnections: this.#ups - 1,
      cycles: this.#cycles,
      resumed: this.#resumed,
      restarts: this.#restarts,
      acceptedBefore: this.#acceptedBefore,
      acceptedAfter: this.#tap.accepted - this.#acceptedBefore,
      rejected: this.sensor.status().rejected,
      strangers: this.#tap.strangers,
      checked: kind.checked ?? false,
      mishaps: this.#mishaps,
      door: !(device instanceof Door)
        ? null
        : {
            counted: { in: device.counted.in - first.in, out: device.counted.out - first.out },
            untold: this.#untold,
            doubtful: this.#doubtful,
            ...recorded,
          },
    };
  }

  /** Waits for the moment to pull the plug. A sensor that is never written to, or only answers, has fewer of them. */
  async #until(moment: Moment, random: Random): Promise<void> {
    const { cable, device, kind } = this.#plugged;
    const filler = device.filler(this.#now());
    if (moment === 'idle') {
      this.active(false);
      await delay(random.integer(60, 120));
    } else if (moment === 'frozen') {
      cable.freeze();
      await delay(random.integer(10, 80));
    } else if (moment === 'writing' && kind.speaks) {
      await this.#spokenTo(random);
    } else if (moment === 'saturated' && filler !== null) {
      for (let bytes = 0; bytes < FLOOD_BYTES; bytes += filler.length) cable.write(filler, true);
      await delay(random.integer(0, 60));
    } else if (moment === 'mid-frame' && filler !== null) {
      cable.write(filler.subarray(0, random.integer(1, filler.length - 1)), true);
      // As often as not it is on the line by then.
      await delay(random.integer(0, 100));
    }
  }

  /** Until the gateway has just written something: a sniffer is written to when it is plugged in. */
  async #spokenTo(random: Random): Promise<void> {
    const { device, kind } = this.#plugged;
    const spoken = new Promise<void>((resolve) => {
      const receive = device.receive.bind(device);
      device.receive = (bytes) => {
        device.receive = receive;
        resolve();
        receive(bytes);
      };
    });
    if (kind.door === undefined) {
      await this.#unplug(random);
      await this.#plug(false);
    }
    const given = new AbortController();
    await Promise.race([spoken, delay(SPOKEN_MS, undefined, given).catch(() => undefined)]);
    given.abort();
  }

  async #plug(restarts: boolean): Promise<void> {
    const { cable, device } = this.#plugged;
    this.#acceptedAtPlug = this.#tap.accepted;
    await cable.plug();
    device.plugged(restarts);
    this.#outstandingAtPlug = this.#outstanding();
  }

  async #unplug(random: Random): Promise<void> {
    const { cable, device } = this.#plugged;
    this.#disconnections++;
    device.unplugged();
    await cable.unplug(random.choice(ABSENCES));
    // What was read by now is all that there will be of it.
    if (this.#plugged.kind.door?.cumulative === false) {
      this.#doubtful += Math.max(0, this.#outstanding() - this.#outstandingAtPlug);
    }
  }

  /** It goes on counting, or has lost its power. */
  async #away(random: Random, ms: number, restarts: boolean): Promise<void> {
    const { device, kind } = this.#plugged;
    if (restarts) {
      this.#restarts++;
      if (device instanceof Door && kind.door?.cumulative) this.#forget(device);
    } else if (device instanceof Door && kind.door?.cumulative) {
      for (let people = random.integer(0, 6); people > 0; people--) device.pass(random.chance(0.5));
    }
    await delay(ms);
  }

  #forget({ life }: Door): void {
    this.#toldAtRestart = this.#tap.told;
    const last = this.#tap.last ?? { in: 0, out: 0 };
    this.#untold = { in: this.#untold.in + life.in - last.in, out: this.#untold.out + life.out - last.out };
  }

  /** By its plug alone; a counter only where the rule can tell: it names its boot, or has told more than it soon will. */
  #mayRestart(): boolean {
    const { kind } = this.#plugged;
    if (!kind.door?.cumulative) return true;
    const { last } = this.#tap;
    return this.#tap.told > this.#toldAtRestart && last !== null && last.in + last.out >= ENOUGH_TOLD;
  }

  /** People who were counted and are not told yet. */
  #outstanding(): number {
    const { device, kind } = this.#plugged;
    if (!(device instanceof Door)) return 0;
    const told = kind.door?.cumulative ? this.#tap.last : this.#tap.crossed;
    const counted = kind.door?.cumulative ? device.life : device.counted;
    return counted.in + counted.out - (told === null ? 0 : told.in + told.out);
  }

  async #settle(when: string): Promise<void> {
    const { device, kind } = this.#plugged;
    if (!(device instanceof Door)) return;
    this.active(false);
    const most = kind.door?.cumulative ? 0 : Math.max(0, this.#outstandingAtPlug);
    const told = (ms: number): Promise<boolean> =>
      until('everyone told', () => this.#outstanding() <= most, ms, 5).catch(() => false);
    let settled = await told(kind.door?.cumulative ? TOLD_MS : PATIENCE);
    for (let more = 0; !settled && kind.door?.cumulative && more < 20; more++) {
      // Who passed before the line was open is told with the next.
      device.pass(true);
      settled = await told(TOLD_MS);
    }
    if (settled === false) this.#mishaps.push(`${when}: ${this.#outstanding()} people were counted and not told`);
  }

  /** Whether it is understood. */
  #heard(): Promise<boolean> {
    const heard = (): boolean => this.#tap.accepted > this.#acceptedAtPlug;
    return until('a frame', heard, PATIENCE, 5).catch(() => false);
  }

  #counting(transport: Transport): Transport {
    return {
      start: (events) =>
        transport.start({
          ...events,
          up: () => {
            this.#ups++;
            events.up();
          },
        }),
      poll: () => transport.poll(),
      stop: () => transport.stop(),
      get delivered() {
        return transport.delivered;
      },
    };
  }
}
