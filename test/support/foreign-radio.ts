/** A radio source whose frames come out of the real tcpdump, which reads them from a capture instead of the air. */
import { spawn, spawnSync } from 'node:child_process';
import type { RadioEvents, RadioSource } from '../../drivers/radio/source.ts';

export class CaptureSource implements RadioSource {
  readonly #file: string;
  #events: RadioEvents | null = null;

  constructor(file: string) {
    this.#file = file;
  }

  start(events: RadioEvents): void {
    this.#events = events;
    events.state('listening', 'tcpdump is about to read a capture');
  }

  /** Passes on what tcpdump writes, as it writes it. */
  async play(): Promise<void> {
    const child = spawn('tcpdump', ['-r', this.#file, '-U', '-w', '-', 'type mgt subtype probe-req'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    for await (const chunk of child.stdout) this.#events?.bytes(chunk as Buffer);
  }

  stop(): Promise<void> {
    this.#events = null;
    return Promise.resolve();
  }
}

/** Probe requests in a capture file, as tcpdump counts them; null where there is no tcpdump. */
export function probeRequestsIn(file: string): number | null {
  const told = spawnSync('tcpdump', ['-r', file, '-n', 'type mgt subtype probe-req'], { encoding: 'latin1' });
  if (told.error !== undefined) return null;
  return told.stdout.split('\n').filter((line) => line !== '').length;
}
