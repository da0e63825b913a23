import { REJECTIONS, type Rejection } from '../agent/readings.ts';
import type { DecoderCounts } from './driver.ts';

/** Counts of a decoder that has seen nothing yet. */
export function createCounts(): DecoderCounts {
  const rejected = Object.fromEntries(REJECTIONS.map((reason) => [reason, 0])) as Record<Rejection, number>;
  return { bytes: 0, accepted: 0, rejected };
}
