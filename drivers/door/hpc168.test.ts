import { describe, expect, it } from 'vitest';
import { encodeHpc168Counts, encodeHpc168Frame } from '../simulator/encode/hpc168.ts';
import { DoorHpc168Format } from '../simulator/formats/door-hpc168.ts';
import {
  BOOT_TEXT,
  decode,
  expectBitFlipsRejected,
  expectRecovery,
  expectSameHoweverCut,
  rejections,
  simulateHour,
} from './door.testing.ts';
import { doorHpc168 } from './hpc168.ts';

/** Vectors of the protocol's description; the first spelled octet by octet. */
const QUERY = Buffer.from('023030303131333030313403', 'hex');
const ANSWER = Buffer.from('\x0200019310000111700000FFFF000000000000000024\x03', 'latin1');
const READING = ['counter', 70_000, 65_535, 0, 32];

const create = (unit = 1) => doorHpc168.createDecoder({ unit });
const text = (frame: string) => Buffer.from(frame, 'latin1');

describe('door-hpc168', () => {
  it('reads the vector of the protocol, in lower case too', () => {
    const decoder = create();
    expect(decode(decoder, ANSWER)).toEqual([READING]);
    expect(decode(decoder, text(ANSWER.toString('latin1').toLowerCase()))).toEqual([READING]);
    expect(decoder.counts).toMatchObject({ bytes: 88, accepted: 2 });
    expect(rejections(decoder)).toEqual({});
  });

  it('asks its unit each second, and again after a time without an answer', () => {
    const decoder = create();
    const said: [number, string][] = [];
    const ask = (now: number) =>
      decoder.speaker?.speak(now, (frame) => said.push([now, text(String(frame)).toString('hex')]));
    decoder.speaker?.open(0);
    expect(ask(0)).toBe(500);
    expect(decoder.speaker?.waiting).toBe(true);
    decode(decoder, ANSWER);
    expect(decoder.speaker?.waiting).toBe(false);
    expect(ask(20)).toBe(1_000);
    expect(ask(1_000)).toBe(1_500);
    expect(ask(1_500)).toBe(2_000);
    expect(rejections(decoder)).toEqual({ unanswered: 1 });
    ask(2_000);
    expect(said).toEqual([0, 1_000, 2_000].map((at) => [at, QUERY.toString('hex')]));
  });

  it('spells its unit in hexadecimal digits', () => {
    const said: string[] = [];
    const speaker = create(0x1a2b).speaker;
    speaker?.open(0);
    speaker?.speak(0, (frame) => said.push(Buffer.from(frame).toString('latin1')));
    expect(said).toEqual(['\x021A2B130058\x03']);
  });

  it('neither accepts nor rejects answers of other units, echoes and requests', () => {
    const decoder = create();
    expect(decode(decoder, QUERY, encodeHpc168Counts(2, { in: 9, out: 9 }), text('\x020002130015\x03'))).toEqual([]);
    expect(decoder.counts.accepted).toBe(0);
    expect(rejections(decoder)).toEqual({});
    expect(decode(create(2), ANSWER, encodeHpc168Counts(2, { in: 9, out: 8 }))).toEqual([['counter', 9, 8, 0, 32]]);
  });

  it('takes an echo, junk and a late answer for what they are', () => {
    const decoder = create();
    expect(decode(decoder, QUERY, text('\xff\x00junk'), ANSWER, text('\x00'), ANSWER)).toEqual([READING, READING]);
    expect(rejections(decoder)).toEqual({ noise: 2 });
  });

  it('accepts other answers of its unit, and rejects counts of a length it does not know', () => {
    const decoder = create();
    const reset = encodeHpc168Frame(1, 0x92, Uint8Array.of(6));
    const short = encodeHpc168Frame(1, 0x93, new Uint8Array(8));
    expect(decode(decoder, reset, short)).toEqual([]);
    expect(decoder.counts.accepted).toBe(1);
    expect(rejections(decoder)).toEqual({ unsupported: 1 });
  });

  it.each([
    ['checksum', '\x0200019310000111710000FFFF000000000000000024\x03'],
    ['truncated', '\x02000193100001117000'],
    ['truncated', '\x02000193100001117000\x03'],
    ['truncated', '\x020001\x03'],
    ['truncated', '\x02000193\xff10000111700000FFFF000000000000000024\x03'],
    ['format', '\x020001130014AA\x03'],
    ['format', '\x020001130014A\x03'],
    ['oversize', `\x02${'0'.repeat(2_000)}\x03`],
    ['noise', '\x02\x02\x03\x03zz'],
    ['noise', '3938\x03'],
    ['noise', BOOT_TEXT.toString('latin1')],
  ])('rejects once as %s: %j', (reason, frame) => {
    const decoder = create();
    expect(decode(decoder, text(frame), ANSWER)).toEqual([READING]);
    expect(rejections(decoder)).toEqual({ [reason]: 1 });
  });

  it('gives the same however the stream is cut', () => {
    const stream = [
      BOOT_TEXT,
      ANSWER,
      text('\x02zz'),
      QUERY,
      ANSWER.subarray(0, 20),
      ANSWER,
      text('\x0200\x03'),
      ANSWER,
    ];
    expectSameHoweverCut(create, Buffer.concat(stream));
  });

  it('survives any bytes and reads the next answer', () => {
    expectRecovery(create, ANSWER, [ANSWER, QUERY, BOOT_TEXT]);
  });

  it('never reads a flipped bit as people', () => {
    expectBitFlipsRejected(create, ANSWER, [['counter', 70_000, 65_535, 0, 32]]);
  });

  it('counts a simulated hour exactly', () => {
    const hour = simulateHour((module) => new DoorHpc168Format(module), create(7), { unit: 7 });
    expect(hour.in + hour.out).toBe(300);
    expect(hour.readings[0]).toEqual(['counter', 0, 0, 0, 32]);
    expect(hour.readings.at(-1)).toEqual(['counter', hour.in, hour.out, 0, 32]);
    expect(hour.decoder.counts.accepted).toBe(hour.readings.length);
    expect(hour.readings.length).toBeGreaterThan(3_600);
    expect(rejections(hour.decoder)).toEqual({});
  });
});
