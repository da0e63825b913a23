/** Which processes hold a file open, by /proc/PID/fd (proc(5)). */
import { type Machine, namesIn, textOf } from './machine.ts';

export interface Holder {
  pid: number;
  /** The command's name, cut by the kernel to 15 characters. */
  name: string;
}

export interface Holders {
  /** By path, links resolved. */
  of: Map<string, Holder[]>;
  /** Whether every process could be looked into; an ordinary user sees only its own. */
  complete: boolean;
}

export async function findHolders(machine: Machine, paths: readonly string[]): Promise<Holders> {
  const holders: Holders = { of: new Map(paths.map((path) => [path, []])), complete: true };
  for (const pid of (await namesIn(machine, '/proc')).filter((name) => /^\d+$/.test(name))) {
    const descriptors = await machine.readdir(`/proc/${pid}/fd`).catch((error: NodeJS.ErrnoException) => {
      // A process that has ended meanwhile holds nothing.
      if (error.code === 'EACCES' || error.code === 'EPERM') holders.complete = false;
      return [];
    });
    const open = await Promise.all(
      descriptors.map((each) => machine.readlink(`/proc/${pid}/fd/${each}`).catch(() => '')),
    );
    for (const path of new Set(open)) {
      const found = holders.of.get(path);
      if (found === undefined) continue;
      const name = (await textOf(machine, `/proc/${pid}/comm`))?.trim() ?? '?';
      found.push({ pid: Number(pid), name });
    }
  }
  return holders;
}
