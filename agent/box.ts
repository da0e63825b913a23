/** What the machine says of itself, looked at now and then: its disk, its temperature, how its clock is kept. */
import type { Clock, Timer } from './clock.ts';
import type { StatusDocument } from './local/document.ts';
import { within } from './patience.ts';
import type { ClockTrustWatch } from './platform/clock-trust.ts';
import { readDisk } from './platform/disk.ts';
import { readTemperature } from './platform/temperature.ts';

const LOOK_EVERY_MS = 30_000;
/** A start waits this long to hear how the clock is kept: what is counted before that is flagged. */
const TRUST_PATIENCE_MS = 1_000;

export interface Box {
  readonly disk: StatusDocument['disk'];
  readonly temperatureC: number | null;
  readonly clockTrust: StatusDocument['clock']['trust'];
  /** How the machine's clock is kept, where the settings know better than the machine. */
  setClockSource(source: 'auto' | 'host'): void;
  start(): Promise<void>;
  stop(): void;
}

/** The machine this runs on. */
export class Machine implements Box {
  readonly #clock: Clock;
  readonly #trust: ClockTrustWatch;
  #disk: StatusDocument['disk'];
  #temperature: number | null = null;
  #timer: Timer | null = null;

  /** @param directory the database's. */
  constructor(directory: string, clock: Clock, trust: ClockTrustWatch) {
    this.#clock = clock;
    this.#trust = trust;
    this.#disk = { path: directory, free_bytes: null, total_bytes: null, wear_percent: null };
  }

  get disk(): StatusDocument['disk'] {
    return this.#disk;
  }

  get temperatureC(): number | null {
    return this.#temperature;
  }

  get clockTrust(): StatusDocument['clock']['trust'] {
    return this.#trust.trust;
  }

  setClockSource(source: 'auto' | 'host'): void {
    this.#trust.setSource(source);
  }

  async start(): Promise<void> {
    // Not waited for in full: a time service may take seconds to answer.
    await Promise.all([this.#look(), within(this.#clock, TRUST_PATIENCE_MS, this.#trust.start())]);
    this.#timer = this.#clock.every(LOOK_EVERY_MS, () => this.#look());
  }

  stop(): void {
    this.#trust.stop();
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    const { path } = this.#disk;
    const [disk, temperature] = await Promise.all([readDisk(path), readTemperature()]);
    this.#disk = {
      path,
      free_bytes: disk.freeBytes,
      total_bytes: disk.totalBytes,
      wear_percent: disk.wearPercent,
    };
    this.#temperature = temperature;
  }
}

/** A machine that tells nothing, as in a demo or on a simulated store. */
export const SILENT_BOX: Box = {
  disk: { path: '', free_bytes: null, total_bytes: null, wear_percent: null },
  temperatureC: null,
  clockTrust: 'synchronised',
  setClockSource: () => undefined,
  start: () => Promise.resolve(),
  stop: () => undefined,
};
