import { createHash } from 'node:crypto';

/**
 * How long this gateway lets a batch lie that was sealed while it was connected: always the same for one gateway, and
 * uniform over a fleet, whose windows all close at the same instant.
 * @returns milliseconds in [0, 1000 * seconds).
 */
export function staggerOf(tenant: string, gateway: string, seconds: number): number {
  const hash = createHash('sha256').update(`${tenant}/${gateway}`).digest();
  return (hash.readUIntBE(0, 6) / 2 ** 48) * seconds * 1000;
}
