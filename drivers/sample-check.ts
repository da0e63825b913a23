/** What must hold of every reading and of every decoder's counts, whatever the bytes were. */
import { NO_RSSI, NO_SEQUENCE, type RawAdvertisement, type RawSighting } from '../agent/raw.ts';
import { REJECTIONS } from '../agent/readings.ts';
import type { DecoderCounts, ReadingSink } from './driver.ts';

const U32 = 2 ** 32;
/** Of the 6 GHz band (IEEE 802.11ax-2021, 27.3.23.2). */
const HIGHEST_CHANNEL = 233;
/** The most people that one reading may tell of: a line of `+` is as long as a line may be. */
const MOST_PEOPLE = 512;

/** A sink that throws at a reading that cannot be, and sums up all readings, in their order, in one number. */
export class CheckedSink implements ReadingSink {
  /** The arrival of the bytes under way. */
  arrival = 0;
  /** UTC milliseconds before which no reading can be. */
  earliest = 0;
  readings = 0;
  /** Of all readings so far. */
  digest = 0;
  /** Told of each device or total, as a number that is another one for another device or total. */
  onIdentity: (identity: number) => void = () => undefined;

  sighting(reading: RawSighting): void {
    const { address, time, fingerprintHigh, fingerprintLow, sequence, rssi, channel } = reading;
    this.#time(time);
    require(isWhole(rssi, -127, 0) || rssi === NO_RSSI, 'an RSSI', rssi);
    require(isWhole(channel, 0, HIGHEST_CHANNEL), 'a channel', channel);
    require(isWhole(sequence, 0, 4_095) || sequence === NO_SEQUENCE, 'a sequence number', sequence);
    require(isCount(fingerprintHigh) && isCount(fingerprintLow), 'a fingerprint', fingerprintHigh);
    require((address.high & 0x010000) === 0, 'a single device’s address', 'a group’s');
    this.#take(address.high * 0x1000000 + address.low, rssi, channel, sequence + fingerprintLow);
  }

  advertisement({ address, random, time, advertiser, rssi, channel }: RawAdvertisement): void {
    this.#time(time);
    require(isWhole(rssi, -127, 20) || rssi === NO_RSSI, 'an RSSI', rssi);
    require(isWhole(channel, 37, 39) || channel === 0, 'an advertising channel', channel);
    require(typeof random === 'boolean', 'a kind of address', random);
    require(advertiser === 'phone' || advertiser === 'fixture' || advertiser === 'other', 'a class', advertiser);
    this.#take(address.high * 0x1000000 + address.low, rssi, channel, advertiser.length);
  }

  crossing(time: number, entered: number, left: number): void {
    this.#time(time);
    const whole = isWhole(entered, 0, MOST_PEOPLE) && isWhole(left, 0, MOST_PEOPLE);
    require(whole && entered + left > 0, 'people', `${entered}/${left}`);
    this.#take(0, entered, left, 1);
  }

  counter(time: number, entered: number, left: number, boot: number, width: number): void {
    this.#time(time);
    require(isWhole(width, 8, 32), 'a width', width);
    require(isWhole(entered, 0, 2 ** width - 1) && isWhole(left, 0, 2 ** width - 1), 'totals', `${entered}/${left}`);
    require(isCount(boot), 'a boot', boot);
    this.#take(entered * 0x100000 + left, boot, width, 2);
  }

  transaction(time: number, count: number): void {
    this.#time(time);
    require(isWhole(count, 1, U32 - 1), 'sales', count);
    this.#take(0, count, 0, 3);
  }

  #time(time: number): void {
    require(time <= this.arrival && time >= this.earliest, 'a time', time - this.arrival);
    this.#mix(time - this.earliest);
  }

  #take(identity: number, ...values: number[]): void {
    this.readings++;
    this.#mix(identity % U32);
    this.#mix(identity / U32);
    for (const value of values) this.#mix(value);
    this.onIdentity(identity);
  }

  #mix(value: number): void {
    this.digest = (Math.imul(this.digest ^ (value | 0), 0x01000193) + value * 1_000) | 0;
  }
}

/** What of the counts does not follow from those before and the bytes that came since; undefined where all does. */
export function countsFault(before: DecoderCounts, after: DecoderCounts, bytes: number): string | undefined {
  if (after.bytes - before.bytes !== bytes) {
    return `${bytes} bytes were pushed, and ${after.bytes - before.bytes} were counted`;
  }
  // One more can be told of a frame that came before, and of a source that counts what it sent.
  const limit = before.rejected.missing === after.rejected.missing ? bytes + 2 : Number.POSITIVE_INFINITY;
  let grown = after.accepted - before.accepted;
  for (const reason of REJECTIONS) {
    const count = after.rejected[reason];
    if (!Number.isSafeInteger(count) || count < before.rejected[reason]) {
      return `rejected as ${reason}: ${before.rejected[reason]} before, ${count} after`;
    }
    grown += count - before.rejected[reason];
  }
  if (after.accepted < before.accepted || grown > limit) {
    return `${grown} frames were counted in ${bytes} bytes, ${after.accepted} accepted after ${before.accepted}`;
  }
  return undefined;
}

export function copyCounts({ bytes, accepted, rejected }: DecoderCounts): DecoderCounts {
  return { bytes, accepted, rejected: { ...rejected } };
}

function isWhole(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

function isCount(value: number): boolean {
  return isWhole(value, 0, U32 - 1);
}

function require(holds: boolean, what: string, found: unknown): void {
  if (!holds) throw new Error(`a reading must have ${what} in range, found ${String(found)}`);
}
