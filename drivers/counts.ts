import { REJECTIONS, type Rejection } from '../agent/readings.ts';
import type { DecoderCounts } from './driver.ts';

/** Counts a frame or line by what became of it: nothing said against it, or why it was rejected. */
export function tally(counts: DecoderCounts, verdict: Rejection | ''): void {
  if (verdict === '') counts.accepted++;
  else counts.rejected[verdict]++;
}

/** Counts of a decoder that has seen nothing yet. */
export function createCounts(): DecoderCounts {
  const rejected = Object.fromEntries(REJECTIONS.map((reason) => [reason, 0])) as Record<Rejection, number>;
  return { bytes: 0, accepted: 0, rejected };
}
