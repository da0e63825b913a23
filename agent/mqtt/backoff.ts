/**
 * Full jitter: a random part of a limit that doubles with each attempt, so that a fleet that lost its broker together
 * does not come back together.
 * @param attempt 0 for the first.
 * @param random uniform in [0, 1).
 * @returns milliseconds in [0, min(longest, first * 2^attempt)).
 */
export function fullJitter(attempt: number, first: number, longest: number, random: () => number): number {
  return random() * Math.min(longest, first * 2 ** Math.min(attempt, 40));
}
