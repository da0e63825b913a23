/** What was heard of one sensor in one test, and how good that is. */
import { DRIVER_FACTS } from '../../settings/sensor-drivers.ts';
import type { SensorSettings } from '../../settings/settings.ts';
import type { LiveCounts, LiveReading, LiveSensor } from './live.ts';
import { type Crossings, LiveDoor } from './live-door.ts';
import { adviceOfSilence, meaningOf } from './test-meaning.ts';

const NO_RSSI = -128;
const STRONGEST_DBM = 20;
/** Devices told apart; more are not counted. */
const MOST_DEVICES = 50_000;
/** Rates of the present are those of this long, milliseconds. */
const RECENT_MS = 5_000;

/** `silent`: nothing readable came; `rejected`: more frames were rejected than taken. */
export type TestVerdict = 'good' | 'silent' | 'rejected' | 'down';

export interface RssiSpread {
  count: number;
  /** dBm. */
  weakest: number;
  p10: number;
  median: number;
  p90: number;
  strongest: number;
  /** Share of readings above the sensor's gate, 0 to 1. */
  above_gate: number;
}

/** The result of a test as `--json` prints it. */
export interface TestSummary {
  sensor: string;
  driver: string;
  port: string;
  source: 'daemon' | 'line';
  verdict: TestVerdict;
  /** For people; empty where there is nothing to say. */
  message: string;
  hint: string;
  seconds: number;
  state: LiveCounts['state'];
  detail: string | null;
  bytes: number;
  frames: number;
  readings: number;
  frames_per_second: number;
  readings_per_second: number;
  /** Milliseconds since the last reading; null without one. */
  last_reading_age_ms: number | null;
  rejected: { reason: string; count: number; meaning: string; advice: string }[];
  dropped: number;
  /** Of a sniffer: distinct devices as they identify themselves, and how strong they were. Null for others. */
  devices: number | null;
  gate_dbm: number | null;
  rssi: RssiSpread | null;
  /** Of a door: people counted in the test, and the counter's own totals where it has such. Null for others. */
  door: (Crossings & { total_in: number | null; total_out: number | null; restarts: number }) | null;
  /** Of a till; null for others. */
  transactions: number | null;
}

export class TestTally {
  readonly #sensor: SensorSettings;
  readonly #startMs: number;
  readonly #door = new LiveDoor();
  readonly #devices = new Set<string>();
  /** Readings by dBm, the strongest first. */
  readonly #rssi = new Array<number>(STRONGEST_DBM - NO_RSSI + 1).fill(0);
  #readings = 0;
  #transactions = 0;
  #lastMs: number | null = null;
  /** Looks of the last seconds, the oldest first. */
  #looks: { at: number; frames: number; readings: number }[] = [];

  constructor(sensor: SensorSettings, startMs: number) {
    this.#sensor = sensor;
    this.#startMs = startMs;
  }

  /** @param at UTC milliseconds at which it was heard. */
  take(reading: LiveReading, at: number): void {
    this.#readings++;
    this.#lastMs = at;
    if (reading.kind === 'door') this.#door.take(reading);
    else if (reading.kind === 'till') this.#transactions += reading.transactions;
    else {
      if (this.#devices.size < MOST_DEVICES) this.#devices.add(reading.device);
      const { rssi } = reading;
      if (rssi !== null && rssi > NO_RSSI && rssi <= STRONGEST_DBM) this.#rssi[STRONGEST_DBM - rssi]++;
    }
  }

  /** @param over whether rates are those of the last seconds, or of the whole test. */
  summary(
    counts: LiveCounts,
    source: LiveSensor['source'],
    now: number,
    over: 'recent' | 'whole' = 'whole',
  ): TestSummary {
    const { id, driver, port, role, gateDbm } = this.#sensor;
    const zone = role === 'zone';
    const { totals, counted, restarts } = this.#door;
    const recent = this.#rates(counts.accepted, now, over);
    return {
      ...{ sensor: id, driver, port, source },
      ...this.#judge(counts),
      seconds: (now - this.#startMs) / 1_000,
      ...{ state: counts.state, detail: counts.detail },
      ...{ bytes: counts.bytes, frames: counts.accepted, readings: this.#readings },
      ...recent,
      last_reading_age_ms: this.#lastMs === null ? null : Math.max(0, now - this.#lastMs),
      rejected: Object.entries(counts.rejected).map(([reason, count]) => ({ reason, count, ...meaningOf(reason) })),
      dropped: counts.dropped,
      devices: zone ? this.#devices.size : null,
      gate_dbm: zone ? gateDbm : null,
      rssi: zone ? this.#spread(gateDbm) : null,
      door:
        role === 'door' ? { ...counted, total_in: totals?.in ?? null, total_out: totals?.out ?? null, restarts } : null,
      transactions: role === 'transactions' ? this.#transactions : null,
    };
  }

  #rates(
    frames: number,
    now: number,
    over: 'recent' | 'whole',
  ): Pick<TestSummary, 'frames_per_second' | 'readings_per_second'> {
    const begin = { at: this.#startMs, frames: 0, readings: 0 };
    this.#looks = this.#looks.filter(({ at }) => now - at <= RECENT_MS);
    const from = over === 'whole' ? begin : (this.#looks[0] ?? begin);
    this.#looks.push({ at: now, frames, readings: this.#readings });
    const seconds = Math.max(now - from.at, 1) / 1_000;
    return {
      frames_per_second: Math.max(0, frames - from.frames) / seconds,
      readings_per_second: (this.#readings - from.readings) / seconds,
    };
  }

  #judge(counts: LiveCounts): Pick<TestSummary, 'verdict' | 'message' | 'hint'> {
    const { state, detail, bytes, accepted, rejected } = counts;
    if (state === 'down') {
      const radio = DRIVER_FACTS[this.#sensor.driver].line === 'radio';
      const hint = radio
        ? `Start its helper: sudo systemctl start footfall-radio@${this.#sensor.id}`
        : 'footfall doctor';
      return { verdict: 'down', message: `the line is down: ${detail ?? 'no reason is known'}`, hint };
    }
    const [worst] = Object.entries(rejected).sort(([, one], [, other]) => other - one);
    const refused = Object.values(rejected).reduce((sum, count) => sum + count, 0);
    if (worst !== undefined && refused > accepted) {
      const { meaning, advice } = meaningOf(worst[0]);
      return { verdict: 'rejected', message: `mostly rejected: ${meaning}`, hint: advice };
    }
    if (accepted === 0) {
      return { verdict: 'silent', message: 'nothing was heard', hint: adviceOfSilence(this.#sensor, bytes) };
    }
    return { verdict: 'good', message: '', hint: '' };
  }

  #spread(gateDbm: number): RssiSpread | null {
    const count = this.#rssi.reduce((sum, some) => sum + some, 0);
    if (count === 0) return null;
    const above = this.#rssi.slice(0, Math.max(0, STRONGEST_DBM - gateDbm)).reduce((sum, some) => sum + some, 0);
    const strongerThan = (share: number): number => {
      let left = share * (count - 1);
      const index = this.#rssi.findIndex((some) => {
        left -= some;
        return left < 0;
      });
      return STRONGEST_DBM - index;
    };
    return {
      count,
      weakest: strongerThan(1),
      p10: strongerThan(0.9),
      median: strongerThan(0.5),
      p90: strongerThan(0.1),
      strongest: strongerThan(0),
      above_gate: above / count,
    };
  }
}
