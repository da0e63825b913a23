/** How soon a decoder must read frames again after bytes that were damaged. */
import type { Decoder, ReadingSink } from './driver.ts';
import type { Sample } from './sample.ts';

/** What may go by unread behind damage: so many frames, or so many bytes, whichever is more. */
export interface Bound {
  frames: number;
  bytes: number;
  why: string;
}

const NEXT_LINE: Bound = { frames: 1, bytes: 0, why: 'damage without a line end belongs to the line that follows it' };
const PCAP: Bound = {
  frames: 2,
  bytes: 2 * (65_535 + 16),
  why: 'a header has no mark: one that damage made believable claims up to the snapshot length, as may the next',
};

/** By driver; the reasons are the formats'. */
const BOUNDS: Readonly<Record<string, Bound>> = {
  'wifi-lines': NEXT_LINE,
  'wifi-json': NEXT_LINE,
  'wifi-pcap': PCAP,
  'wifi-monitor': PCAP,
  'ble-hci': {
    frames: 2,
    bytes: 8 * 258,
    why: 'H4 has no mark: what looks like an event claims up to 258 bytes, and several may look like one',
  },
  'ble-nrf': { frames: 0, bytes: 0, why: 'its start mark stands nowhere else' },
  'ble-sniffle': NEXT_LINE,
  'ble-json': NEXT_LINE,
  'door-modbus': {
    frames: 4,
    bytes: 0,
    why: 'once a question of ours was heard coming back, every other answer to a write is taken for its echo',
  },
  'door-lines': { frames: 2, bytes: 0, why: 'as any line, and another boot id is believed when it is told twice' },
};
/** Of every other driver. */
const USUAL: Bound = { frames: 2, bytes: 0, why: 'damage may reach into the next frame, and look like another one' };

export function boundOf(driver: string): Bound {
  return BOUNDS[driver] ?? USUAL;
}

/** Frames that must be read without a gap. */
const STREAK = 6;

/**
 * Sends the whole sample behind the damage, again and again, until frames are read without a gap.
 * @returns what went by before, or undefined where that was more than the bound.
 */
export function recover(
  decoder: Decoder,
  { chunks, boot }: Sample,
  bound: Bound,
  arrival: number,
  sink: ReadingSink,
): { frames: number; bytes: number } | undefined {
  let lost = { frames: 0, bytes: 0 };
  const sent = { frames: 0, bytes: 0 };
  let streak = 0;
  for (let index = 0; lost.frames <= bound.frames || lost.bytes <= bound.bytes; index = (index + 1) % chunks.length) {
    const { bytes } = chunks[index];
    const before = decoder.counts.accepted;
    decoder.push(bytes, arrival, sink);
    sent.bytes += bytes.length;
    if (index < boot) {
      continue;
    }
    sent.frames++;
    if (decoder.counts.accepted === before) {
      streak = 0;
      lost = { ...sent };
    } else if (++streak === STREAK) {
      return lost;
    }
  }
  return undefined;
}
