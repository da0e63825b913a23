/** What a look into a line finds. */
import type { LineSettings } from '../transport/port.ts';
import type { Sample } from './sample.ts';

export const CONFIDENCES = ['possible', 'likely', 'certain'] as const;
export type Confidence = (typeof CONFIDENCES)[number];

export interface Finding {
  /** As in the settings. */
  driver: string;
  line: LineSettings;
  /** Dialect or version of the format; empty where there is one only. */
  variant: string;
  /** Modbus profile of config/modbus; empty for other drivers. */
  profile: string;
  /** Address on a bus; null where there is none. */
  unit: number | null;
  confidence: Confidence;
  evidence: Evidence;
  sample: Sample;
  /** What to look at before it is used, for people; empty where there is nothing. */
  note: string;
}

/** The numbers behind a confidence. */
export interface Evidence {
  /** It spoke by itself, or answered a question. */
  how: 'heard' | 'asked';
  /** Frames that fit the format in every field, and those (or runs of bytes) that did not, from the first that did. */
  accepted: number;
  rejected: number;
  /** Share of the bytes, 0 to 1, that frames account for, from the first one on; null where too few came to tell. */
  explained: number | null;
  /** Heard, in so many milliseconds. */
  bytes: number;
  ms: number;
}

/** What was heard in one way of listening, whether anything knew it or not. */
export interface Heard {
  line: LineSettings;
  bytes: number;
  ms: number;
  /** Lines of readable text. */
  text: boolean;
  /** Why the line could not be opened in this way; empty where it could. */
  failure: string;
}

export interface Detection {
  /** Empty where nothing is known; several where a bus has several sensors. */
  findings: Finding[];
  heard: Heard[];
  /** Whether questions were asked: not to a line that speaks by itself, which they could disturb. */
  asked: boolean;
}

/** Where a look is, for people. */
export type Progress =
  | { kind: 'listening'; line: LineSettings; ms: number }
  | { kind: 'heard'; line: LineSettings; bytes: number; best: Finding | null }
  | { kind: 'asking'; line: LineSettings; what: string };
