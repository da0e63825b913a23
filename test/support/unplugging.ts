/** Sensors of one process that are unplugged at random moments, through the real transports, decoders and fold. */
import { createSecretKey, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Fold } from '../../agent/analytics/fold.ts';
import type { Parameters, SensorParameters } from '../../agent/analytics/parameters.ts';
import type { DoorRecord } from '../../agent/analytics/records.ts';
import { Intake } from '../../agent/intake.ts';
import { realClock } from '../../agent/platform/clock.ts';
import { Boundary } from '../../agent/privacy/boundary.ts';
import { Sensor } from '../../agent/sensors.ts';
import { driverNamed } from '../../drivers/registry.ts';
import { doorLine } from '../../drivers/simulator/encode/door-line.ts';
import { Lines } from '../../drivers/transport/lines.ts';
import { until } from './processes.ts';
import { PtyCable } from './unplugging-cable.ts';
import type { DoorLedger, Ledger } from './unplugging-ledger.ts';
import { cpuShare, holdings, timers } from './unplugging-measure.ts';
import { Subject } from './unplugging-subject.ts';
import { SUBJECTS } from './unplugging-subjects.ts';
import type { Plant } from './unplugging-tap.ts';

/** A Monday morning, on a timeline that goes on from there: a run never meets the end of a day. */
const START = Date.UTC(2026, 2, 2, 8, 7, 30);
const HOUR = 3_600_000;
const DEVICE_STEP_MS = 5;
const TICK_MS = 250;
const WITNESS = 'witness';
const WITNESS_MS = 20;

export interface UnpluggingOptions {
  /** Names of SUBJECTS, in one process. */
  subjects: readonly string[];
  /** Goes of each, and the first of them. */
  count: number;
  from: number;
  seed: number;
  /** Of a sniffer's line. */
  bytesPerSecond: number;
  /** How long each use of the processor is measured. */
  measureMs: number;
  /** An empty folder, for the names of the ports. */
  folder: string;
  plant?: Plant;
}

export async function unplugRepeatedly(options: UnpluggingOptions): Promise<Ledger> {
  const timersBefore = timers();
  const rig = new Rig(options);
  try {
    return { ...(await rig.run()), timers: { before: timersBefore, after: await rig.stop() } };
  } finally {
    await rig.stop();
  }
}

class Rig {
  readonly #options: UnpluggingOptions;
  readonly #clock = realClock();
  readonly #began = performance.now();
  readonly #intake: Intake;
  readonly #subjects: Subject[];
  readonly #witness: Witness;
  readonly #doors = new Map<string, Pick<DoorLedger, 'recorded' | 'setAside' | 'resets'>>();
  #timers: { cancel(): void }[] = [];

  constructor(options: UnpluggingOptions) {
    this.#options = options;
    const { subjects, folder, seed, bytesPerSecond, plant } = options;
    const parameters = [...subjects, WITNESS].map((name, index) => sensorParameters(name, index));
    const boundary = new Boundary({ key: createSecretKey(randomBytes(32)) });
    this.#intake = new Intake(Fold.start(store(parameters), this.#now()), boundary, () => undefined);
    const shared = { folder, clock: this.#clock, now: () => this.#now(), intake: this.#intake };
    this.#subjects = subjects.map(
      (name, index) => new Subject({ ...shared, name, index, seed, bytesPerSecond, plant }),
    );
    this.#witness = new Witness({ ...shared, parameters: parameters[subjects.length] });
  }

  async run(): Promise<Omit<Ledger, 'timers'>> {
    const { count, from, measureMs } = this.#options;
    this.#go();
    await this.#witness.begin();
    await Promise.all(this.#subjects.map((subject) => subject.begin()));
    const saturated = await cpuShare(measureMs);
    await Promise.all(this.#subjects.map((subject) => subject.finish()));
    const idleBefore = await this.#idle();
    const before = await holdings();
    for (const subject of this.#subjects) subject.active(true);
    const half = Math.floor(count / 2);
    await this.#cycles(from, from + half);
    const middle = await holdings();
    await this.#cycles(from + half, from + count);
    await Promise.all(this.#subjects.map((subject) => subject.finish()));
    const idleAfter = await this.#idle();
    const after = await holdings();
    const witness = await this.#witness.finish();
    this.#seal();
    const nobody = { recorded: { in: 0, out: 0 }, setAside: 0, resets: 0 };
    const subjects = this.#subjects.map((subject) => subject.ledger(this.#doors.get(subject.name) ?? nobody));
    return { subjects, witness, before, middle, after, cpu: { saturated, idleBefore, idleAfter } };
  }

  /** Stops everything, and tells how many timers are left in the process. */
  async stop(): Promise<number> {
    this.#halt();
    await Promise.all(this.#subjects.map((subject) => subject.stop()));
    await this.#witness.stop();
    return timers();
  }

  #now(): number {
    return START + Math.floor(performance.now() - this.#began);
  }

  #go(): void {
    this.#timers = [
      this.#clock.every(DEVICE_STEP_MS, () => {
        for (const subject of this.#subjects) subject.run(this.#now());
      }),
      this.#clock.every(WITNESS_MS, () => this.#witness.send()),
      this.#clock.every(TICK_MS, () => this.#tick()),
    ];
  }

  #halt(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
  }

  /** Every line is open, and nobody says anything. */
  async #idle(): Promise<number> {
    for (const subject of this.#subjects) subject.active(false);
    await delay(200);
    this.#halt();
    const share = await cpuShare(this.#options.measureMs);
    this.#go();
    return share;
  }

  async #cycles(from: number, until: number): Promise<void> {
    const one = async (subject: Subject): Promise<void> => {
      for (let k = from; k < until && (await subject.cycle(k)); k++);
    };
    await Promise.all(this.#subjects.map(one));
  }

  #tick(): void {
    const now = this.#now();
    for (const { sensor } of this.#subjects) sensor.tick(now);
    this.#advance(now);
  }

  #advance(at: number): void {
    this.#intake.advance(at);
    for (const { records } of this.#intake.fold.takeSealed()) {
      for (const record of records) if (record.kind === 'door') this.#record(record);
    }
    this.#intake.dropPending();
  }

  #record({ place, entries, exits, set_aside, resets }: DoorRecord): void {
    const before = this.#doors.get(place) ?? { recorded: { in: 0, out: 0 }, setAside: 0, resets: 0 };
    const recorded = { in: before.recorded.in + entries, out: before.recorded.out + exits };
    this.#doors.set(place, { recorded, setAside: before.setAside + set_aside, resets: before.resets + resets });
  }

  /** Time goes on until every window with something in it is sealed. */
  #seal(): void {
    this.#halt();
    this.#advance(this.#now() + HOUR + HOUR / 2);
  }
}

/** A counter that tells its totals all the time, each line with its number, and that nobody unplugs. */
class Witness {
  readonly #cable: PtyCable;
  readonly #sensor: Sensor;
  #sent = 0;
  #sending = false;

  constructor(options: {
    parameters: SensorParameters;
    folder: string;
    clock: ReturnType<typeof realClock>;
    now: () => number;
    intake: Intake;
  }) {
    const { parameters, folder, clock, now, intake } = options;
    const path = `${folder}/${WITNESS}`;
    this.#cable = new PtyCable(path);
    const lines = new Lines({ clock, networkClock: clock, random: () => 0, radioSocket: () => path });
    const transport = lines.of({ id: WITNESS, line: 'serial', port: path, baud: 115_200, options: {} });
    const log = (): void => undefined;
    const driver = driverNamed('door-lines');
    this.#sensor = new Sensor({ parameters, driver, transport, port: path, silentMs: 900_000, now, intake, log });
  }

  async begin(): Promise<void> {
    await this.#cable.plug();
    this.#sensor.start();
    await until('the witness', () => this.#sensor.status().state === 'up');
    this.#sending = true;
  }

  send(): void {
    if (!this.#sending) return;
    const seq = this.#sent++;
    this.#cable.write(doorLine({ boot: 1, seq, in: 0, out: 0, ms: seq * WITNESS_MS }), true);
  }

  async finish(): Promise<Ledger['witness']> {
    this.#sending = false;
    await until('the last line', () => this.#sensor.status().accepted >= this.#sent, 5_000).catch(() => false);
    const { accepted, rejected } = this.#sensor.status();
    return { sent: this.#sent, accepted, rejected: Object.values(rejected).reduce((sum, count) => sum + count, 0) };
  }

  async stop(): Promise<void> {
    await this.#sensor.stop();
    await this.#cable.close();
  }
}

function sensorParameters(name: string, index: number): SensorParameters {
  const driver = SUBJECTS[name]?.driver ?? 'door-lines';
  const role = driverNamed(driver).kind === 'door' ? 'door' : 'zone';
  return { index, id: name, driver, role, place: name, gateDbm: -70, swap: false };
}

function store(sensors: SensorParameters[]): Parameters {
  return {
    id: 'unplugging',
    store: 'store',
    timeZone: 'UTC',
    hours: { week: Array.from({ length: 7 }, () => [[0, 24 * 60]]), exceptions: {} },
    windowMinutes: 60,
    graceMs: 10_000,
    visitGapMs: 300_000,
    passingSeconds: 20,
    sensors,
  };
}
