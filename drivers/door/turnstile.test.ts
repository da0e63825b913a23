import { describe, expect, it } from 'vitest';
import { encodeTurnstileStatus } from '../simulator/encode/turnstile.ts';
import { DoorTurnstileFormat } from '../simulator/formats/door-turnstile.ts';
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
import { doorTurnstile } from './turnstile.ts';

/** Vectors of the protocol's description. */
const QUERY = hex('7E 00 01 10 00 00 00 70');
const ANSWER = hex('7F 01 01 00 00 00 01 11 70 FF FF FF 00 00 18 00 00 E7');
const READING: Reading = ['counter', 70_000, 16_777_215, 0, 24];

const create = (unit = 1) => doorTurnstile.createDecoder({ unit });

describe('door-turnstile', () => {
  it('reads the vector of the protocol', () => {
    const decoder = create();
    expect(decode(decoder, ANSWER)).toEqual([READING]);
    expect(decoder.counts).toMatchObject({ bytes: 18, accepted: 1 });
    expect(rejections(decoder)).toEqual({});
  });

  it('asks its unit, and counts questions without an answer', () => {
    const decoder = create();
    const said: string[] = [];
    const ask = (now: number) => decoder.speaker?.speak(now, (frame) => said.push(Buffer.from(frame).toString('hex')));
    decoder.speaker?.open(0);
    expect(ask(0)).toBe(300);
    decode(decoder, ANSWER);
    expect(decoder.speaker?.waiting).toBe(false);
    ask(1_000);
    expect(ask(1_300)).toBe(2_000);
    expect(said).toEqual([QUERY.toString('hex'), QUERY.toString('hex')]);
    expect(rejections(decoder)).toEqual({ unanswered: 1 });
  });

  it('neither accepts nor rejects answers of other units, echoes and requests', () => {
    const decoder = create();
    const other = encodeTurnstileStatus(2, { left: 5, right: 6 });
    expect(decode(decoder, QUERY, other, hex('7E 00 02 10 00 00 00 6F'), ANSWER)).toEqual([READING]);
    expect(decoder.counts.accepted).toBe(1);
    expect(rejections(decoder)).toEqual({});
    expect(decode(create(2), ANSWER, other)).toEqual([['counter', 5, 6, 0, 24]]);
  });

  it.each([
    ['noise', hex('00 FF 01')],
    ['noise', hex('7F 00 7E 7E 00 01')],
    ['noise', BOOT_TEXT],
    ['checksum', hex('7F 01 01 00 00 00 01 11 71 FF FF FF 00 00 18 00 00 E7')],
    ['truncated', ANSWER.subarray(0, 11)],
  ])('rejects once as %s: %s', (reason, bytes) => {
    const decoder = create();
    expect(decode(decoder, bytes, ANSWER)).toEqual([READING]);
    expect(rejections(decoder)).toEqual({ [reason]: 1 });
  });

  it('never puts half an answer together with the next one', () => {
    // The first octets of one answer, and the rest such that both add up to an answer that was never sent.
    const half = hex('7F 01 01 00 00 00 01');
    const rest = hex('11 70 FF FF FF 00 00 18 00 00 E7');
    const pushAt = (pause: number) => {
      const decoder = create();
      const readings: Reading[] = [];
      decoder.push(half, ARRIVAL, recordingSink(readings));
      decoder.push(rest, ARRIVAL + pause, recordingSink(readings));
      decoder.push(ANSWER, ARRIVAL + pause + 1_000, recordingSink(readings));
      return { readings, rejected: rejections(decoder) };
    };
    expect(pushAt(300)).toEqual({ readings: [READING, READING], rejected: {} });
    expect(pushAt(301)).toEqual({ readings: [READING], rejected: { truncated: 1, noise: 1 } });
  });

  it('gives the same however the stream is cut', () => {
    const stream = [BOOT_TEXT, QUERY, ANSWER, hex('7F 7F 00'), ANSWER.subarray(0, 9), ANSWER, hex('7E 00 01'), ANSWER];
    expectSameHoweverCut(create, Buffer.concat(stream));
  });

  it('survives any bytes and reads the next answer', () => {
    expectRecovery(create, ANSWER, [ANSWER, QUERY, BOOT_TEXT]);
  });

  it('never reads a flipped bit as people', () => {
    expectBitFlipsRejected(create, ANSWER, [READING]);
  });

  it('counts a simulated hour exactly', () => {
    const hour = simulateHour((module) => new DoorTurnstileFormat(module), create(3), { unit: 3 });
    expect(hour.in + hour.out).toBe(300);
    expect(hour.readings[0]).toEqual(['counter', 0, 0, 0, 24]);
    expect(hour.readings.at(-1)).toEqual(['counter', hour.in, hour.out, 0, 24]);
    expect(hour.decoder.counts.accepted).toBe(hour.readings.length);
    expect(rejections(hour.decoder)).toEqual({});
  });
});
