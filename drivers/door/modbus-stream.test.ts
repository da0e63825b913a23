/** What of a stream is a frame and what is rejected, through the whole decoder. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeEspBootText } from '../simulator/encode/serial-pcap.ts';
import { ANSWER, ARRIVAL, hex, Line, QUESTION, replay, seal } from './modbus.testing.ts';

describe('the stream of door-modbus', () => {
  it('counts each damaged answer once, by what is wrong with it', () => {
    const line = new Line();
    const damaged = Buffer.from(ANSWER);
    damaged[5] ^= 1;
    line.say();
    line.hear(damaged);
    expect(line.counts).toEqual({ accepted: 0, checksum: 1 });
    line.say(1_000);
    expect(line.say(1_000)).toHaveLength(1);
    line.hear(ANSWER.subarray(0, 9));
    line.say(1_000);
    expect(line.say(1_000)).toHaveLength(1);
    line.hear(hex('00 FF 13'), ANSWER, hex('FF'), hex('FE'));
    expect(line.say(1_000)).toHaveLength(1);
    expect(line.counts).toEqual({ accepted: 1, checksum: 1, truncated: 1, noise: 2, unanswered: 2 });
  });

  it('finds the answer behind noise that begins as it does', () => {
    const line = new Line();
    line.say();
    line.hear(ANSWER.subarray(0, 3), ANSWER);
    expect(line.totals).toHaveLength(1);
    expect(line.counts).toEqual({ accepted: 1, checksum: 1 });
  });

  it('counts a long run of noise once, and the answer behind it', () => {
    const { counters, counts } = replay([Buffer.alloc(10_000, 0x01), ANSWER, encodeEspBootText(), ANSWER]);
    expect(counters).toHaveLength(2);
    expect(counts).toMatchObject({ accepted: 2, rejected: { noise: 2, checksum: 0, truncated: 0 } });
  });

  it('takes the stream of another driver for noise', () => {
    const streams = [
      Buffer.from('\x0200019310000111700000FFFF000000000000000024\x03'),
      hex('50 43 00 00 00 01 00 00 00 03 00 0A 00 07 98'),
      hex('7F 01 01 00 00 00 01 11 70 FF FF FF 00 00 18 00 00 E7'),
      Buffer.from('{"v":1,"t":"cnt","boot":"deadbeef","seq":1,"in":456,"out":440,"ms":10000}\n'.repeat(20)),
    ];
    for (const stream of streams) {
      const { counters, counts } = replay([stream, ANSWER]);
      expect(counters).toHaveLength(1);
      expect(counts).toMatchObject({ accepted: 1, rejected: { noise: 1 } });
    }
  });

  it('never makes a total of an answer with up to three flipped bits', () => {
    const flips = fc.uniqueArray(fc.nat(8 * ANSWER.length - 1), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(flips, (bits) => {
        const bytes = Buffer.from(ANSWER);
        for (const bit of bits) bytes[bit >> 3] ^= 1 << (bit & 7);
        expect(replay([bytes]).counters).toEqual([]);
        expect(replay([bytes, ANSWER]).counters.map(([, ...totals]) => totals)).toEqual([[70_000, 65_535, 0, 32]]);
      }),
      { numRuns: 500 },
    );
  });

  it('finds a whole answer after any bytes, and stays within a frame of memory', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => {
        const { counters } = replay([bytes, ANSWER]);
        expect(counters.at(-1)).toEqual([ARRIVAL, 70_000, 65_535, 0, 32]);
      }),
    );
  });

  it('gives the same however the stream is cut', () => {
    const damaged = Buffer.from(ANSWER);
    damaged[6] ^= 0x10;
    const parts = [
      encodeEspBootText(),
      ANSWER,
      QUESTION,
      ANSWER,
      ANSWER.subarray(0, 7),
      ANSWER,
      damaged,
      hex('DE AD'),
      seal('01 84 02'),
      seal('09 04 08 00 00 00 07 00 00 00 09'),
      ANSWER.subarray(0, 3),
      ANSWER,
      Buffer.alloc(300, 0x04),
      ANSWER,
      seal('01 04 04 00 00 00 07'),
    ];
    const stream = Buffer.concat(parts);
    const whole = replay([stream]);
    expect(whole.counters).toHaveLength(5);
    for (let at = 1; at < stream.length; at++) {
      expect(replay([stream.subarray(0, at), stream.subarray(at)]), `split at ${at}`).toEqual(whole);
    }
    expect(replay(Array.from(stream, (_, at) => stream.subarray(at, at + 1)))).toEqual(whole);
    expect(whole.counts.bytes).toBe(stream.length);
  });

  it('begins anew when the line is opened again', () => {
    const line = new Line();
    line.say();
    line.hear(ANSWER.subarray(0, 6));
    line.decoder.speaker.open(line.now);
    expect(line.decoder.speaker.waiting).toBe(false);
    line.hear(ANSWER.subarray(6));
    expect(line.say()).toHaveLength(1);
    line.hear(ANSWER);
    expect(line.counts).toEqual({ accepted: 1, truncated: 1, noise: 1 });
  });
});
