/** What happens to a stream on its way, for conformance tests and for fuzzing. */
import type { Random } from './simulator/random.ts';

/** Octets that look random. */
export function drawNoise(random: Random, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = random.next() >>> 24;
  return bytes;
}

/** Start, eight bits, stop. */
const BITS = 10;

/**
 * What a UART (8N1) makes of `bytes` that were sent at another speed: from each falling edge on it takes a bit at a time in
 * the middle of its own bits, and passes an octet on even where its stop bit is missing, as most adapters do.
 * @param ratio the receiver's bits per second by the sender's.
 */
export function atWrongSpeed(bytes: Uint8Array, ratio: number): Uint8Array {
  const sent = bytes.length * BITS;
  // The line is idle, which is 1, before and after.
  const level = (time: number): number => {
    const bit = Math.floor(time);
    if (bit >= sent) return 1;
    const place = bit % BITS;
    return place === 0 ? 0 : place === BITS - 1 ? 1 : (bytes[Math.floor(bit / BITS)] >> (place - 1)) & 1;
  };
  const width = 1 / ratio;
  const received: number[] = [];
  let time = 0;
  for (;;) {
    while (time < sent && level(time) === 1) time = Math.floor(time) + 1;
    if (time >= sent) return Uint8Array.from(received);
    let octet = 0;
    for (let bit = 0; bit < 8; bit++) octet |= level(time + width * (1.5 + bit)) << bit;
    received.push(octet);
    time += width * 9.5;
    // After a missing stop bit it waits until the line is idle again.
    while (time < sent && level(time) === 0) time = Math.floor(time) + 1;
  }
}
