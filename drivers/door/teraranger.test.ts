import { describe, expect, it } from 'vitest';
import { encodeTerarangerCounts, encodeTerarangerDistances } from '../simulator/encode/teraranger.ts';
import { DoorTerarangerFormat } from '../simulator/formats/door-teraranger.ts';
import {
  ARRIVAL,
  BOOT_TEXT,
  decode,
  expectBitFlipsRejected,
  expectRecovery,
  expectSameHoweverCut,
  hex,
  type Reading,
  recordingSink,
  rejections,
  simulateHour,
} from './door.testing.ts';
import { doorTeraranger } from './teraranger.ts';

/** The vector of the manual's layout. */
const COUNTS = hex('50 43 00000001 00000003 000A 0007 98');
const READING: Reading = ['counter', 10, 7, 0, 16];
const DISTANCES = encodeTerarangerDistances(2_150, 2_148);
const long = (entered: number, left: number, sensorId = 1) =>
  encodeTerarangerCounts({ sensorId, in: entered, out: left });
const short = (entered: number, left: number) => encodeTerarangerCounts({ in: entered, out: left });
const counter = (entered: number, left: number): Reading => ['counter', entered, left, 0, 16];

const create = () => doorTeraranger.createDecoder();

describe('door-teraranger', () => {
  it('reads the vector of the manual', () => {
    const decoder = create();
    expect(decode(decoder, COUNTS)).toEqual([READING]);
    expect(decoder.counts).toMatchObject({ bytes: 15, accepted: 1 });
  });

  it('accepts distances without a reading', () => {
    const decoder = create();
    expect(decode(decoder, DISTANCES, COUNTS, DISTANCES)).toEqual([READING]);
    expect(decoder.counts.accepted).toBe(3);
    expect(rejections(decoder)).toEqual({});
  });

  it('tells the counts that hold again while distances show that nobody passes', () => {
    const decoder = create();
    const readings: Reading[] = [];
    const times: number[] = [];
    const push = (ms: number, frame: Uint8Array) => decoder.push(frame, ARRIVAL + ms, recordingSink(readings, times));
    for (let ms = 0; ms < 20_000; ms += 500) push(ms, DISTANCES);
    expect(readings).toEqual([]);
    push(20_100, COUNTS);
    for (let ms = 20_500; ms <= 50_000; ms += 500) push(ms, DISTANCES);
    push(50_100, long(11, 7));
    expect(readings).toEqual([READING, READING, READING, counter(11, 7)]);
    expect(times.map((time) => time - ARRIVAL)).toEqual([20_100, 30_500, 40_500, 50_100]);
  });

  it('does not tell the counts of before an opening again, as who passed meanwhile is not in them', () => {
    const decoder = create();
    const readings: Reading[] = [];
    const push = (ms: number, frame: Uint8Array) => decoder.push(frame, ARRIVAL + ms, recordingSink(readings));
    push(0, COUNTS);
    push(100, COUNTS.subarray(0, 9));
    decoder.reopened?.();
    for (let ms = 500; ms < 30_000; ms += 500) push(ms, DISTANCES);
    expect(readings).toEqual([READING]);
    push(30_100, long(15, 7));
    push(45_000, DISTANCES);
    expect(readings).toEqual([READING, counter(15, 7), counter(15, 7)]);
    expect(rejections(decoder)).toEqual({ truncated: 1 });
  });

  it('reads frames without a sensor id, a negative balance, and totals that have rolled over', () => {
    expect(decode(create(), short(3, 5), short(65_536 + 4, 65_535), long(70_000, 3))).toEqual([
      counter(3, 5),
      counter(4, 65_535),
      counter(4_464, 3),
    ]);
  });

  it('follows a stream that changes from one length to the other and back', () => {
    const frames = [long(10, 7), long(11, 7), short(11, 8), short(12, 8), long(12, 9), short(0, 1), DISTANCES];
    const decoder = create();
    expect(decode(decoder, ...frames)).toEqual([
      counter(10, 7),
      counter(11, 7),
      counter(11, 8),
      counter(12, 8),
      counter(12, 9),
      counter(0, 1),
    ]);
    expect(rejections(decoder)).toEqual({});
  });

  it('waits for a long frame where its first part would pass as a short one', () => {
    // Whose id and balance make a short frame with the totals FFFF and FFxx; the entries' high octet is its checksum.
    const lookAlike = Array.from({ length: 100 }, (_, id) => id + 1)
      .flatMap((id) =>
        Array.from({ length: 256 }, (_, high) => {
          const entered = high << 8;
          return { id, entered, left: entered + id + 1 };
        }),
      )
      .find(({ id, entered, left }) => {
        const frame = long(entered, left, id);
        const crc = encodeTerarangerCounts({ in: 0xffff, out: 0x10000 - id - 1 })[10];
        return frame[10] === crc && crc > 0;
      });
    if (lookAlike === undefined) throw new Error('there is no such frame');
    const { id, entered, left } = lookAlike;
    // Alone it cannot be told apart; after another long one it is.
    expect(decode(create(), long(entered, left, id))).not.toEqual([counter(entered, left)]);
    const decoder = create();
    expect(decode(decoder, long(entered, left - 1, id), long(entered, left, id))).toEqual([
      counter(entered, left - 1),
      counter(entered, left),
    ]);
    expect(rejections(decoder)).toEqual({});
  });

  it('says once at each opening that frames are to be binary', () => {
    const { speaker } = create();
    const said: string[] = [];
    for (const now of [0, 10, 2_000]) {
      if (now !== 10) speaker?.open(now);
      expect(speaker?.speak(now, (frame) => said.push(Buffer.from(frame).toString('hex')))).toBe(
        Number.POSITIVE_INFINITY,
      );
      expect(speaker?.waiting).toBe(false);
    }
    expect(said).toEqual(['006101e7', '006101e7']);
  });

  it.each([
    ['noise', hex('00 44 50 FF')],
    ['noise', BOOT_TEXT],
    ['noise', Buffer.from('Distance1: 2150 Distance2: 2148\r\n')],
    ['checksum', hex('50 43 00000001 00000003 000A 0008 98')],
    ['truncated', COUNTS.subarray(0, 9)],
    ['truncated', DISTANCES.subarray(0, 5)],
    // Its checksum is right, its balance is not that of its totals.
    ['format', hex('50 43 00000001 00000004 000A 0007 B1')],
  ])('rejects once as %s: %s', (reason, bytes) => {
    const decoder = create();
    expect(decode(decoder, bytes, COUNTS, DISTANCES, DISTANCES)).toEqual([READING]);
    expect(rejections(decoder)).toEqual({ [reason]: 1 });
  });

  it('gives the same however the stream is cut', () => {
    const stream = [
      BOOT_TEXT,
      COUNTS,
      DISTANCES,
      short(11, 7),
      COUNTS.subarray(0, 13),
      DISTANCES,
      hex('50 44'),
      long(11, 8),
    ];
    expectSameHoweverCut(create, Buffer.concat(stream));
  });

  it('survives any bytes and reads the next frame', () => {
    expectRecovery(create, COUNTS, [COUNTS, DISTANCES, short(1, 1), BOOT_TEXT]);
  });

  it('never reads a flipped bit as people', () => {
    expectBitFlipsRejected(create, COUNTS, [READING]);
    expectBitFlipsRejected(create, Buffer.concat([short(10, 7), DISTANCES]), [READING]);
  });

  it.each([undefined, '11'])('counts a simulated hour exactly, variant %s', (variant) => {
    const hour = simulateHour((module) => new DoorTerarangerFormat(module), create(), variant ? { variant } : {});
    const told = hour.readings.map((reading) => reading.join());
    expect(told.filter((reading, index) => reading !== told[index - 1])).toHaveLength(300);
    expect(hour.readings.at(-1)).toEqual(counter(hour.in, hour.out));
    expect(hour.decoder.counts.accepted).toBe(300 + 2 * 3_660);
    expect(rejections(hour.decoder)).toEqual({});
  });
});
