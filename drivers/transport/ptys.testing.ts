/** Two pseudo-terminals joined by socat, for tests of what is said on a line and answered. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const HAVE_SOCAT = spawnSync('socat', ['-V']).status === 0;

export async function until(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 1_500; i++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`waited in vain until ${what}`);
}

/** Descriptors of pseudo-terminals that this process has open. */
export function openTerminals(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('/dev/pts/');
    } catch {
      return false;
    }
  }).length;
}

/** The share of a core that this process uses in the next second. */
export async function cpuShare(): Promise<number> {
  const [cpu, wall] = [process.cpuUsage(), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const { user, system } = process.cpuUsage(cpu);
  return (user + system) / 1_000 / (performance.now() - wall);
}

export class PtyPair {
  readonly near: string;
  readonly far: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'ptys-'));
  #child: ChildProcess | undefined;

  constructor() {
    this.near = join(this.#folder, 'near');
    this.far = join(this.#folder, 'far');
  }

  async plug(): Promise<void> {
    const ends = [this.far, this.near].map((path) => `pty,raw,echo=0,link=${path}`);
    this.#child = spawn('socat', ends, { stdio: 'ignore' });
    await until(() => existsSync(this.far) && existsSync(this.near), 'socat has made its terminals');
  }

  async unplug(): Promise<void> {
    const child = this.#child;
    child?.kill();
    await until(() => child === undefined || child.exitCode !== null || child.signalCode !== null, 'socat has ended');
  }

  async close(): Promise<void> {
    await this.unplug();
    rmSync(this.#folder, { recursive: true });
  }
}
