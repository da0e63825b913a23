/** A real mosquitto for a test, and a clock that lets the other side's minutes come in seconds. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import { realClock } from '../platform/clock.ts';
import { accepts, killed } from './brokers.ts';

/** Where Debian keeps servers. */
export const MOSQUITTO = '/usr/sbin/mosquitto';
export const hasMosquitto = existsSync(MOSQUITTO);

/** A real clock whose timers come `haste` times as fast; brokers know nothing of it. */
export function hastyClock(haste: number): Clock {
  const clock = realClock();
  return {
    monotonic: () => clock.monotonic() * haste,
    wall: () => clock.wall(),
    after: (ms, task) => clock.after(ms / haste, task),
    every: (ms, task) => clock.every(ms / haste, task),
  };
}

export async function until(what: string, met: () => boolean | Promise<boolean>, ms = 40_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await met())) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(10);
  }
}

/** A mosquitto on a loopback port that can be killed and started again. */
export class Mosquitto {
  readonly port: number;
  readonly #config: string;
  #child: ChildProcess | null = null;

  constructor(folder: string, port: number, extra: string[] = ['allow_anonymous true']) {
    this.port = port;
    this.#config = join(folder, `mosquitto-${port}.conf`);
    const { username } = userInfo();
    const lines = [
      `listener ${port} 127.0.0.1`,
      'set_tcp_nodelay true',
      `user ${username}`,
      'persistence false',
      ...extra,
    ];
    writeFileSync(this.#config, `${lines.join('\n')}\n`);
  }

  async start(): Promise<this> {
    this.#child = spawn(MOSQUITTO, ['-c', this.#config], { stdio: 'ignore' });
    await until('mosquitto listens', () => accepts(this.port));
    return this;
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    await killed(child);
  }
}
