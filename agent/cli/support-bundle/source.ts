/** One part of the bundle and how it is come by. */
export interface Source {
  /** Path inside the bundle. */
  name: string;
  /** What it is good for, in a few words. */
  why: string;
  /** The content as text. Throws where it cannot be had; the rest of the bundle goes on without it. */
  gather(): Promise<string>;
}

/** Time limits of the parts, ms: a box under load is slow, a hanging one must not hold the bundle up. */
export const LIMITS = { daemon: 20_000, program: 15_000, doctor: 120_000 } as const;

export function asJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
