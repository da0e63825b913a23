/** A source on a virtual clock and scripted radios, and what it said. */
import { setImmediate } from 'node:timers/promises';
import { expect } from 'vitest';
import { VirtualClock } from '../../agent/platform/clock.ts';
import { ScriptedRadios } from './monitor.fixture.ts';
import { MonitorSource } from './monitor.ts';

export const MINUTE = 60_000;

export interface Wanted {
  adapter?: string;
  channels?: number[];
}

export class MonitorRun {
  readonly clock = new VirtualClock(1_000_000);
  readonly radios = new ScriptedRadios();
  readonly states: string[] = [];
  readonly bytes: Buffer[] = [];
  source: MonitorSource | undefined;

  async start({ adapter = 'wlan1', channels = [1, 6, 11] }: Wanted = {}): Promise<void> {
    const { clock, radios } = this;
    const random = (): number => 0.5;
    this.source = new MonitorSource({
      ...{ adapter, channels, channelSeconds: 2 },
      ...{ clock, random, files: radios, programs: radios },
    });
    this.source.start({
      bytes: (chunk) => {
        // A daemon takes nothing from a radio that does not listen.
        expect(this.state).toMatch(/^listening/);
        this.bytes.push(Buffer.from(chunk));
      },
      state: (state, detail) => void this.states.push(`${state}: ${detail}`),
    });
    await this.settle();
  }

  async listen(wanted?: Wanted): Promise<void> {
    await this.start(wanted);
    this.radios.last.opens();
    expect(this.state).toMatch(/^listening/);
  }

  /** The state that was told last. */
  get state(): string {
    return this.states[this.states.length - 1];
  }

  /** Everything that was on its way is done, with the clock standing still. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 5; turn++) await setImmediate();
  }

  pass(ms: number): Promise<void> {
    return this.clock.advanceTo(this.clock.monotonic() + ms);
  }

  /** Lets time pass with a probe request each ten seconds. */
  async passHearing(ms: number): Promise<void> {
    for (const end = this.clock.monotonic() + ms; this.clock.monotonic() < end; ) {
      this.radios.last.hears();
      await this.pass(10_000);
    }
  }

  /** Channels that were set. */
  get tuned(): string[] {
    return this.radios.commands.flatMap((command) => /set channel (\d+)$/.exec(command)?.[1] ?? []);
  }

  /** The other commands that changed something, or tried to. */
  get changes(): string[] {
    return this.radios.commands.filter((command) => !command.includes('set channel'));
  }
}
