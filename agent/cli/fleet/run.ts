/** Runs a fleet against a broker until its windows are delivered or somebody ends it, and prints what became of them. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { readAuthorities } from '../../mqtt/certificates.ts';
import { type OpenSession, openSession } from '../../mqtt/session.ts';
import type { UplinkOptions } from '../../uplink/port.ts';
import { INTERRUPTED } from '../exit-codes.ts';
import { checkDescriptors } from './descriptors.ts';
import { Fleet, type FleetCounts } from './fleet.ts';
import { WINDOW_MS } from './gateway.ts';
import { type FleetLedger, ledgerLines, progressLine, type Rates } from './tell.ts';

export interface FleetRun {
  gateways: number;
  url: string;
  tenant: string;
  username?: string;
  password?: string;
  caFile?: string;
  seed: number;
  /** Windows that each gateway seals; null to go on until the run is ended. */
  windows: number | null;
  everySeconds: number;
  staggerSeconds: number;
  /** Longest wait for acknowledgements after the last window. */
  waitSeconds: number;
  json: boolean;
}

export interface FleetRunParts {
  clock: Clock;
  write: (line: string) => void;
  /** Shows a line in place of the last one; null where there is no terminal. */
  show: ((line: string) => void) | null;
  /** Ends the run. */
  signal: AbortSignal;
  /** Megabytes of 2^20 bytes that the process has in memory. */
  residentMib: () => number;
  /** Changes what a gateway does, to see that a platform finds it out. */
  plant?: { open?: OpenSession; jitter?: () => number; ack?: UplinkOptions['ack'] };
}

const WINDOW = 16;
/** About a hundred windows. */
const BUFFER_BYTES = 256 * 1024;
const TELL_EVERY_MS = 1_000;
/** Lines of progress are so many seconds apart where there is no terminal. */
const LINE_EVERY = 10;
const LOOK_EVERY_MS = 200;
/** Windows that a run without an end is dated back by: a day. */
const DATED_BACK = 96;

/**
 * @returns the exit code: 0 all was acknowledged, or a run without an end was ended; 1 something is held, rejected or dropped;
 *   130 ended before the last window was delivered.
 * @throws AgentError `fleet_files`, `fleet_broker`, `ca_file`, `broker_url`, `topic_level`
 */
export async function runFleet(run: FleetRun, parts: FleetRunParts): Promise<number> {
  const { clock, signal, plant } = parts;
  checkDescriptors(run.gateways);
  if (run.caFile !== undefined) await readAuthorities(run.caFile);
  const { gateways, url, tenant, username, password, caFile, seed, staggerSeconds } = run;
  const lastEndMs = Math.floor(clock.wall() / WINDOW_MS) * WINDOW_MS;
  const fleet = new Fleet(
    {
      ...{ gateways, url, tenant, seed, staggerSeconds, window: WINDOW, bufferBytes: BUFFER_BYTES },
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(caFile === undefined ? {} : { caFile }),
      ack: plant?.ack ?? 'collector',
      startMs: lastEndMs - (run.windows ?? DATED_BACK) * WINDOW_MS,
    },
    {
      clock,
      open: plant?.open ?? openSession,
      epoch: () => randomBytes(8).toString('hex'),
      ...(plant?.jitter === undefined ? {} : { jitter: plant.jitter }),
    },
  );
  const teller = new Teller(run, fleet, parts);
  const ended = once(signal);
  try {
    const started = fleet.start();
    await Promise.race([started, ended]);
    if (!signal.aborted) await sealWindows(run, fleet, parts, ended);
    if (!signal.aborted) await delivered(run, fleet, parts);
    const early = signal.aborted;
    await fleet.stop();
    teller.end();
    return exitCodeOf(run, fleet.counts(), early);
  } catch (error) {
    teller.end(error);
    await fleet.stop();
    throw error;
  }
}

/** Seals window after window, the first at once. */
async function sealWindows(run: FleetRun, fleet: Fleet, parts: FleetRunParts, ended: Promise<void>): Promise<void> {
  let windows = 0;
  const last = run.windows ?? Number.POSITIVE_INFINITY;
  const seal = (): void => {
    fleet.sealWindow();
    windows++;
  };
  seal();
  if (windows < last) {
    const all = Promise.withResolvers<void>();
    const timer = parts.clock.every(run.everySeconds * 1_000, () => {
      seal();
      if (windows >= last) all.resolve();
    });
    await Promise.race([all.promise, ended]);
    timer.cancel();
  }
  fleet.tellGaps();
}

/** Resolves once nothing is held, or there was no end to it in time. */
async function delivered(run: FleetRun, fleet: Fleet, { clock, signal }: FleetRunParts): Promise<void> {
  const until = clock.monotonic() + run.waitSeconds * 1_000;
  while (fleet.counts().held > 0 && clock.monotonic() < until && !signal.aborted) {
    await new Promise<void>((resolve) => {
      clock.after(LOOK_EVERY_MS, resolve);
    });
    // What the buffer drops while it waits is told too.
    fleet.tellGaps();
  }
}

function exitCodeOf({ windows }: FleetRun, { rejected, dropped, held }: FleetCounts, ended: boolean): number {
  if (windows !== null && ended) return INTERRUPTED;
  return rejected + dropped + (windows === null ? 0 : held) > 0 ? 1 : 0;
}

/** Tells what goes on, once a second, and the ledger in the end. */
class Teller {
  readonly #run: FleetRun;
  readonly #fleet: Fleet;
  readonly #parts: FleetRunParts;
  readonly #startedMs: number;
  readonly #timer: { cancel(): void };
  #last: { counts: FleetCounts; atMs: number };
  #lines = 0;
  #peakMib = 0;

  constructor(run: FleetRun, fleet: Fleet, parts: FleetRunParts) {
    this.#run = run;
    this.#fleet = fleet;
    this.#parts = parts;
    this.#startedMs = parts.clock.monotonic();
    this.#last = { counts: fleet.counts(), atMs: this.#startedMs };
    this.#timer = parts.clock.every(TELL_EVERY_MS, () => this.#progress());
  }

  /** @param error what the run failed of; there is no ledger then. */
  end(error?: unknown): void {
    this.#timer.cancel();
    this.#parts.show?.('');
    if (error !== undefined) return;
    this.#residentMib();
    const { json } = this.#run;
    const { connected: _connected, inFlight: _inFlight, published, ...counts } = this.#fleet.counts();
    const ledger: FleetLedger = {
      ...counts,
      published: published + counts.resent,
      seconds: Math.round((this.#parts.clock.monotonic() - this.#startedMs) / 100) / 10,
      resident_mib: this.#peakMib,
      failures: Object.fromEntries(this.#fleet.failures()),
    };
    if (json) this.#parts.write(JSON.stringify({ level: 'info', message: 'Ledger', ...ledger }));
    else for (const line of ledgerLines(ledger)) this.#parts.write(line);
  }

  #progress(): void {
    const counts = this.#fleet.counts();
    const atMs = this.#parts.clock.monotonic();
    const seconds = (atMs - this.#last.atMs) / 1_000;
    const rate = (name: 'acknowledged' | 'published' | 'connects'): number =>
      Math.round((counts[name] - this.#last.counts[name]) / seconds);
    const rates: Rates = {
      acknowledged: rate('acknowledged'),
      published: rate('published'),
      connects: rate('connects'),
    };
    this.#last = { counts, atMs };
    const mib = this.#residentMib();
    if (this.#run.json) {
      const told = { at_ms: Math.round(this.#parts.clock.wall()), ...counts, resident_mib: mib };
      this.#parts.write(JSON.stringify({ level: 'info', message: 'Progress', ...told }));
    } else if (this.#parts.show !== null) this.#parts.show(progressLine(counts, rates));
    else if (++this.#lines % LINE_EVERY === 0) this.#parts.write(progressLine(counts, rates));
  }

  #residentMib(): number {
    const mib = this.#parts.residentMib();
    this.#peakMib = Math.max(this.#peakMib, mib);
    return mib;
  }
}

function once(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
