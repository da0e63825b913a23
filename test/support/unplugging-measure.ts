/** What this process holds and uses. */
import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface Holdings {
  descriptors: number;
  terminals: number;
  /** Bytes, after the garbage is collected. */
  heap: number;
  rss: number;
}

/** Takes a moment, for handles that are being closed. */
export async function holdings(): Promise<Holdings> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let round = 0; round < 3; round++) {
    await delay(20);
    collect();
  }
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  const targets = descriptors();
  const terminals = targets.filter((target) => target.startsWith('/dev/pts/')).length;
  return { descriptors: targets.length, terminals, heap: heapUsed + arrayBuffers, rss };
}

function descriptors(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return []; // The one that listed them.
    }
  });
}

export function timers(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout' || resource === 'Immediate')
    .length;
}

/** The share of a core that this process uses in the next `ms`. */
export async function cpuShare(ms: number): Promise<number> {
  const [cpu, began] = [process.cpuUsage(), performance.now()];
  await delay(ms);
  const { user, system } = process.cpuUsage(cpu);
  return (user + system) / 1_000 / (performance.now() - began);
}
