/** Faults that can be planted, to see that the run finds what it is there to find. Their programs are no part of the product. */
import { fileURLToPath } from 'node:url';
import type { ChaosParts } from './run.ts';

const entry = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export const PLANTS = {
  /** The gateway deletes what the broker, not the collector, has taken. */
  puback: { ack: 'puback' },
  /** The collector acknowledges before its commit. */
  'early-acknowledgement': { collectEntry: entry('plants/early-acknowledgement.ts') },
  /** The collector's tables have no unique key. */
  'no-unique-key': { collectEntry: entry('plants/no-unique-key.ts') },
  /** A window is closed in more than one transaction. */
  'split-close': { runEntry: entry('../../test/support/split-close/main.ts') },
  /** The journal forgets what it said was durable. */
  'forgetful-journal': { runEntry: entry('plants/forgetful-journal.ts') },
  /** The simulator says something else than its truth: one step in ten has somebody twice on the wire. */
  'repeated-crossing': { repeatCrossings: true },
} as const satisfies Record<string, Partial<ChaosParts>>;

export type Plant = keyof typeof PLANTS;
export const PLANT_NAMES = Object.keys(PLANTS) as Plant[];
