/** Builders and a recording sink for the tests of this folder. */
import type { RawAdvertisement } from '../../agent/raw.ts';
import type { Decoder, ReadingSink } from '../driver.ts';
import type { Advertisement, AdvertisingFormat } from '../simulator/formats.ts';

export interface Seen {
  time: number;
  address: string;
  random: boolean;
  advertiser: string;
  rssi: number;
  channel: number;
}

export const ARRIVAL = 1_700_000_000_000;

/** A sink that keeps what it is given; tests run on made or public frames, so it may spell addresses out. */
export function recordingSink(seen: Seen[]): ReadingSink {
  const unexpected = () => {
    throw new Error('a BLE decoder gave a reading of another kind');
  };
  return {
    sighting: unexpected,
    advertisement: (reading) => void seen.push(copyOf(reading)),
    crossing: unexpected,
    counter: unexpected,
    transaction: unexpected,
  };
}

function copyOf({ time, address, random, advertiser, rssi, channel }: RawAdvertisement): Seen {
  const digits = address.high.toString(16).padStart(6, '0') + address.low.toString(16).padStart(6, '0');
  return { time, address: digits, random, advertiser, rssi, channel };
}

/** What a decoder makes of pushes that all arrive at once. */
export function decode(decoder: Decoder, pushes: Iterable<Uint8Array>, arrival = ARRIVAL): Seen[] {
  const seen: Seen[] = [];
  const sink = recordingSink(seen);
  for (const push of pushes) {
    decoder.push(push, arrival, sink);
  }
  return seen;
}

/** The reasons that were counted, without the zeros. */
export function rejections(decoder: Decoder): Record<string, number> {
  return Object.fromEntries(Object.entries(decoder.counts.rejected).filter(([, count]) => count > 0));
}

export const hex = (text: string): Buffer => Buffer.from(text.replace(/[^0-9a-f]/gi, ''), 'hex');

/** Flags and Apple's nearby info, as a phone in use sends them. */
export const PHONE_DATA = hex('02011a 0aff4c001005031c839096');

/** The advertisement of a phone whose address ends in `device`, 0 to 65535. */
export function phone(device: number): Advertisement {
  const address = Uint8Array.of(0x5b, 0xcd, 0xab, 0xbc, device >> 8, device & 0xff);
  return { address, random: true, type: 0, data: PHONE_DATA };
}

/** Lets a driver's speaker and a simulated module talk for `seconds`; returns when each frame was said, and the frames. */
export function converse(
  decoder: Decoder,
  format: AdvertisingFormat,
  seen: Seen[],
  seconds: number,
  air: (ms: number) => Uint8Array = () => new Uint8Array(),
): { ms: number; frame: Uint8Array }[] {
  const said: { ms: number; frame: Uint8Array }[] = [];
  const sink = recordingSink(seen);
  const { speaker } = decoder;
  if (speaker === undefined) {
    throw new Error('no speaker');
  }
  speaker.open(0);
  let due = 0;
  for (let ms = 0; ms <= seconds * 1_000; ms += 5) {
    const heard = air(ms);
    if (heard.length > 0) {
      decoder.push(heard, ARRIVAL + ms, sink);
      due = ms;
    }
    if (ms < due) continue;
    due = speaker.speak(ms, (frame) => {
      said.push({ ms, frame });
      const answer = format.receive?.(ms, frame) ?? new Uint8Array();
      if (answer.length > 0) decoder.push(answer, ARRIVAL + ms, sink);
    });
  }
  return said;
}
