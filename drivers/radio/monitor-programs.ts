/** The programs that monitor mode takes, behind an interface of its own. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import type { Clock } from '../../agent/clock.ts';
import { LONGEST_FRAME } from './monitor-records.ts';

export type Tool = 'iw' | 'ip' | 'tcpdump';

export interface ToolResult {
  /** Null where it did not end by itself. */
  code: number | null;
  out: string;
  err: string;
  /** It is not installed. */
  missing: boolean;
}

/** A tcpdump that runs until it is ended or fails. */
export interface Capture {
  /** Resolves when it is gone, by force if it does not go by itself. May be called more than once. */
  end(): Promise<void>;
}

export interface CaptureEvents {
  /** A part of the pcap, cut anywhere; valid only during the call. */
  bytes(chunk: Uint8Array): void;
  /** It is gone, and everything it said has been told. Called once. */
  ended(result: Omit<ToolResult, 'out'>): void;
}

export interface MonitorPrograms {
  /** Never rejects. */
  run(tool: Tool, words: readonly string[]): Promise<ToolResult>;
  /** Starts tcpdump on an interface in monitor mode: probe requests alone, with radiotap. */
  capture(name: string, events: CaptureEvents): Capture;
}

/** Where programs of the system stand; not every user's PATH has the second half. */
const PROGRAM_PATH = '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin';
/** Each answers within milliseconds, unless a driver hangs. */
const PATIENCE_MS = 5_000;
const END_PATIENCE_MS = 2_000;
const LONGEST_SAID = 4_000;

const PROBE_REQUESTS = 'type mgt subtype probe-req';

export function machinePrograms(clock: Clock): MonitorPrograms {
  return {
    run: (tool, words) =>
      new Promise((resolve) => {
        const options = { timeout: PATIENCE_MS, killSignal: 'SIGKILL' as const, env: environment() };
        const child = execFile(tool, [...words], options, (error, out, err) => {
          const missing = isMissing(error);
          resolve({ code: missing ? null : child.exitCode, out, err, missing });
        });
        child.stdin?.on('error', () => undefined).end();
      }),
    capture: (name, events) => {
      // No -Z: as root it becomes the user tcpdump by itself, as another it has no more than it needs.
      const words = [
        '-i',
        name,
        '-y',
        'IEEE802_11_RADIO',
        '-s',
        String(LONGEST_FRAME),
        '-U',
        '-w',
        '-',
        PROBE_REQUESTS,
      ];
      const child = spawn('tcpdump', words, { env: environment(), stdio: ['ignore', 'pipe', 'pipe'] });
      return new Tcpdump(child, clock, events);
    },
  };
}

class Tcpdump implements Capture {
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #gone: Promise<void>;

  constructor(child: ChildProcess, clock: Clock, events: CaptureEvents) {
    this.#child = child;
    this.#clock = clock;
    let err = '';
    child.stdout?.on('data', (chunk: Uint8Array) => events.bytes(chunk));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      err = (err + text).slice(-LONGEST_SAID);
    });
    this.#gone = new Promise((resolve) => {
      let told = false;
      const end = (code: number | null, missing: boolean): void => {
        if (!told) events.ended({ code, err, missing });
        told = true;
        resolve();
      };
      // `close`, not `exit`: the last word may be read only behind it.
      child.once('close', (code) => end(code, false));
      child.on('error', (error) => {
        if (child.pid === undefined) end(null, isMissing(error));
      });
    });
  }

  async end(): Promise<void> {
    this.#child.kill('SIGTERM');
    const force = this.#clock.after(END_PATIENCE_MS, () => void this.#child.kill('SIGKILL'));
    await this.#gone;
    force.cancel();
  }
}

function isMissing(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === 'ENOENT' || code === 'EACCES';
}

/** Nothing else is inherited; what they say is matched, so in the language they are written in. */
function environment(): NodeJS.ProcessEnv {
  return { PATH: `${process.env.PATH ?? ''}:${PROGRAM_PATH}`, LC_ALL: 'C' };
}
