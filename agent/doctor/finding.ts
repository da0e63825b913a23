/** What one check of `footfall doctor` says. */
export type Outcome = 'ok' | 'warning' | 'error' | 'skipped';

/** The chapters of the doctor's report, in their order. */
export const CHAPTERS = [
  'program',
  'settings',
  'daemon',
  'sensors',
  'radio',
  'network',
  'broker',
  'storage',
  'clock',
] as const;
export type Chapter = (typeof CHAPTERS)[number];

export interface Finding {
  chapter: Chapter;
  /** Stable and machine-readable, such as `port_permission`. */
  check: string;
  /** The sensor, file or host it is about; empty where there is only one. */
  subject: string;
  outcome: Outcome;
  /** What was tried, for people: "opened /dev/ttyUSB0 for reading". */
  tried: string;
  /** What was found. */
  found: string;
  /** How to mend it; empty exactly when there is nothing to mend. */
  mend: string;
}
