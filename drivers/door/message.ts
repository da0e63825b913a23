import type { Rejection } from '../../agent/readings.ts';

const HIGHEST_COUNT = 0xffffffff;

/** A counter's report: `{"v":1,"t":"cnt","boot":"8 hex digits","seq":123,"in":456,"out":440,"ms":987654}`. */
export interface CounterMessage {
  /** The boot that the totals and `ms` count from, as an unsigned 32-bit number. */
  boot: number;
  seq: number;
  /** Totals since the boot. */
  entered: number;
  left: number;
  /** Milliseconds since the boot. */
  ms: number;
}

/** A counter's report; another well-formed message; or why it is rejected. */
export type Message = CounterMessage | 'other' | Rejection;

/**
 * Reads a line that begins with a brace: the JSON contract of door counters, version 1, with an optional `*hh` behind
 * it, the exclusive or of all characters before the asterisk (as in NMEA 0183).
 */
export function readMessage(line: string): Message {
  const brace = line.lastIndexOf('}');
  const tail = line.slice(brace + 1).trim();
  if (brace < 0) {
    return 'truncated';
  }
  const json = line.slice(0, brace + 1);
  if (tail !== '') {
    if (!tail.startsWith('*')) {
      return 'format';
    }
    if (!/^\*[0-9a-fA-F]{2}$/.test(tail) || Number.parseInt(tail.slice(1), 16) !== checksumOf(json)) {
      return 'checksum';
    }
  }
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return 'format';
  }
  if (typeof value !== 'object' || value === null) {
    return 'format';
  }
  return readFields(value as Record<string, unknown>);
}

/** The exclusive or of the characters' codes. */
function checksumOf(text: string): number {
  let sum = 0;
  for (let i = 0; i < text.length; i++) {
    sum ^= text.charCodeAt(i);
  }
  return sum;
}

function readFields({ v, t, boot, seq, in: entered, out: left, ms }: Record<string, unknown>): Message {
  if (typeof v !== 'number' || typeof t !== 'string') {
    return 'format';
  }
  if (v !== 1) {
    return 'unsupported';
  }
  if (t !== 'cnt') {
    return 'other';
  }
  if (typeof boot !== 'string' || !/^[0-9a-fA-F]{8}$/.test(boot)) {
    return 'format';
  }
  if (!isInteger(seq) || !isInteger(entered) || !isInteger(left) || typeof ms !== 'number') {
    return 'format';
  }
  if (![seq, entered, left].every((count) => count >= 0 && count <= HIGHEST_COUNT) || !(ms >= 0 && ms < 1e15)) {
    return 'range';
  }
  return { boot: Number.parseInt(boot, 16), seq, entered, left, ms };
}

function isInteger(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value);
}
