/** How far the wall clock can be trusted, and a watch that always has the answer at hand. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Clock, Timer } from '../clock.ts';

/** `synchronised` with a time server; `rtc_only`: kept by a real-time clock; `unknown`: by nothing that we know of. */
export type ClockTrust = 'synchronised' | 'rtc_only' | 'unknown';

/** What the machine is asked. */
export interface ClockHost {
  exists(path: string): boolean;
  /** What a program printed; null where it is missing, failed or took too long. */
  run(program: string, args: readonly string[]): Promise<string | null>;
}

const REFRESH_MS = 60_000;
const PATIENCE_MS = 2_000;
/** Each question to timedatectl starts systemd-timedated, and the journal tells; so it is asked every tenth time. */
const KERNEL_EVERY = 10;

/** Kept by the machine's own clock, or by nothing. */
function unaided(host: ClockHost): ClockTrust {
  return host.exists('/dev/rtc0') || host.exists('/dev/rtc') ? 'rtc_only' : 'unknown';
}

/**
 * Whether a time service says that it has synchronised the clock: systemd-timesyncd by its flag file
 * (systemd-timesyncd(8)), which goes with the folder when it stops, chrony by its leap status (chronyc(1), the last field
 * of `-c tracking`). Null where neither runs.
 */
async function serviceSays(host: ClockHost): Promise<boolean | null> {
  if (host.exists('/run/systemd/timesync/synchronized')) return true;
  if (host.exists('/run/chrony/chronyd.pid') || host.exists('/run/chrony/chronyd.sock')) {
    const tracking = await host.run('chronyc', ['-c', 'tracking']);
    if (tracking !== null) return !/^(?:|Not synchronised)$/.test(tracking.trim().split(',').at(-1) ?? '');
  }
  return host.exists('/run/systemd/timesync') ? false : null;
}

/** Whether the kernel's clock is disciplined by whatever service (STA_UNSYNC of adjtimex(2)), as timedatectl(1) tells. */
async function kernelSays(host: ClockHost): Promise<boolean> {
  const answer = await host.run('timedatectl', ['show', '--property=NTPSynchronized', '--value']);
  return answer?.trim() === 'yes';
}

export interface ClockTrustOptions {
  /** The machine's, never a virtual one. */
  clock: Clock;
  /** `host`: whoever runs this machine keeps its clock, so it is trusted unasked. */
  source: 'auto' | 'host';
  host?: ClockHost;
}

/** Asks every minute; `trust` answers at once with what was last heard. */
export class ClockTrustWatch {
  readonly #clock: Clock;
  readonly #host: ClockHost;
  #source: 'auto' | 'host';
  #heard: ClockTrust;
  #kernel = false;
  #kernelIn = 0;
  #timer: Timer | null = null;

  constructor({ clock, source, host = machine() }: ClockTrustOptions) {
    this.#clock = clock;
    this.#host = host;
    this.#source = source;
    this.#heard = unaided(host);
  }

  get trust(): ClockTrust {
    return this.#source === 'host' ? 'synchronised' : this.#heard;
  }

  setSource(source: 'auto' | 'host'): void {
    this.#source = source;
  }

  /** Resolves when the first answer is in; it need not be waited for. Never rejects. */
  start(): Promise<void> {
    this.#timer ??= this.#clock.every(REFRESH_MS, () => this.refresh());
    return this.refresh();
  }

  /** Asks now. Never rejects. */
  async refresh(): Promise<void> {
    if (this.#source === 'host') return;
    const said = (await serviceSays(this.#host)) ?? (await this.#askKernel());
    this.#heard = said ? 'synchronised' : unaided(this.#host);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  async #askKernel(): Promise<boolean> {
    if (this.#kernelIn === 0) {
      this.#kernelIn = KERNEL_EVERY;
      this.#kernel = await kernelSays(this.#host);
    }
    this.#kernelIn--;
    return this.#kernel;
  }
}

/** Asks once, of this machine. Never rejects. */
export async function readClockTrust(host: ClockHost = machine()): Promise<ClockTrust> {
  return ((await serviceSays(host)) ?? (await kernelSays(host))) ? 'synchronised' : unaided(host);
}

function machine(): ClockHost {
  return {
    exists: existsSync,
    run: (program, args) =>
      new Promise((resolve) => {
        // Words are compared, so no translation.
        const options = { timeout: PATIENCE_MS, env: { ...process.env, LC_ALL: 'C' } };
        execFile(program, args, options, (error, stdout) => resolve(error === null ? stdout : null));
      }),
  };
}
