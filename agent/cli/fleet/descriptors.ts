/** Whether this process may open as many connections as a fleet needs. */
import { readFileSync } from 'node:fs';
import { AgentError } from '../../errors.ts';

/** What the process itself has open: standard streams, the loop, a resolver. */
const OWN = 64;

/** Open files that the system allows this process, from the text of /proc/self/limits; null where it does not tell. */
export function openFilesIn(limits: string): number | null {
  const found = /^Max open files +(\d+|unlimited)/m.exec(limits);
  if (found === null) return null;
  return found[1] === 'unlimited' ? Number.POSITIVE_INFINITY : Number(found[1]);
}

/** @throws AgentError `fleet_files` where there are fewer than the fleet needs. */
export function checkDescriptors(gateways: number, allowed = readAllowed()): void {
  const needed = gateways + OWN;
  if (allowed === null || allowed >= needed) return;
  throw new AgentError(
    'fleet_files',
    `expected ${needed} open files to be allowed, one for each gateway and ${OWN} more, found ${allowed}`,
    `Run "ulimit -n ${needed}" before, raise the hard limit in limits.conf(5), or ask for ${Math.max(1, allowed - OWN)} gateways.`,
  );
}

function readAllowed(): number | null {
  try {
    return openFilesIn(readFileSync('/proc/self/limits', 'utf8'));
  } catch {
    return null;
  }
}
