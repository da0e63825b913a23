import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DecoderOptions } from '../driver.ts';
import { DoorContactFormat } from '../simulator/formats/door-contact.ts';
import { doorContact } from './contact.ts';
import { contactByte, readContactByte } from './contact-bytes.ts';
import {
  ARRIVAL,
  BOOT_TEXT,
  decode,
  expectSameHoweverCut,
  hex,
  type Reading,
  recordingSink,
  rejections,
  simulateHour,
  sumOfCrossings,
} from './door.testing.ts';

const ENTRY: Reading = ['crossing', 1, 0];
const EXIT: Reading = ['crossing', 0, 1];

/** Decodes octets, each at so many milliseconds. */
function run(told: readonly [at: number, octet: number][], options?: DecoderOptions) {
  const decoder = doorContact.createDecoder(options);
  const [readings, times]: [Reading[], number[]] = [[], []];
  for (const [at, octet] of told) decoder.push(Uint8Array.of(octet), ARRIVAL + at, recordingSink(readings, times));
  return { readings, at: times.map((time) => time - ARRIVAL), decoder };
}

/** Closures of 200 ms, a second apart. */
const closures = (count: number): [number, number][] => [
  [0, 0xa2],
  ...Array.from({ length: count }, (_, i) => 1_000 * (i + 1)).flatMap((at): [number, number][] => [
    [at, 0xa1],
    [at + 60, 0xa1],
    [at + 200, 0xa0],
    [at + 260, 0xa0],
  ]),
];

describe('door-contact', () => {
  it('counts a closure once it has lasted', () => {
    const { readings, at, decoder } = run(closures(2));
    expect(readings).toEqual([ENTRY, ENTRY]);
    expect(at).toEqual([1_060, 2_060]);
    expect(decoder.counts).toMatchObject({ bytes: 9, accepted: 9 });
    expect(rejections(decoder)).toEqual({});
  });

  it('counts a closure that ends before the state is told again', () => {
    const { readings, at } = run([
      [0, 0xa2],
      [100, 0xa1],
      [150, 0xa0],
      [300, 0xa1],
      [349, 0xa0],
      [2_000, 0xa0],
    ]);
    expect(readings).toEqual([ENTRY]);
    expect(at).toEqual([150]);
  });

  it('takes the bounce of a closure and of an opening for no closure', () => {
    const bounced: [number, number][] = [0, 5, 9, 14, 20].map((at, i) => [100 + at, i % 2 === 0 ? 0xa1 : 0xa0]);
    const opened: [number, number][] = [0, 5, 9, 14, 20].map((at, i) => [400 + at, i % 2 === 0 ? 0xa0 : 0xa1]);
    expect(run([[0, 0xa2], ...bounced, ...opened, [1_400, 0xa0]]).readings).toEqual([ENTRY]);
  });

  it('takes a contact that chatters while it is closed for one closure', () => {
    const told: [number, number][] = [
      [0, 0xa2],
      [100, 0xa1],
      [400, 0xa0],
      [420, 0xa1],
      [700, 0xa1],
      [900, 0xa0],
    ];
    expect(run(told).readings).toEqual([ENTRY]);
  });

  it('counts nothing for a contact that is closed when the line opens, at first and again', () => {
    const told: [number, number][] = [
      [0, 0xa3],
      [1_000, 0xa1],
      [2_000, 0xa0],
      [3_000, 0xa0],
      [4_000, 0xa3],
      [5_000, 0xa1],
    ];
    expect(run(told).readings).toEqual([]);
    expect(
      run([
        [0, 0xa1],
        [1_000, 0xa1],
      ]).readings,
    ).toEqual([]);
  });

  it('is told how long a closure lasts and what it counts', () => {
    expect(run(closures(1), { debounceMs: 201 }).readings).toEqual([]);
    expect(
      run(
        [
          [0, 0xa2],
          [5, 0xa1],
          [6, 0xa0],
          [7, 0xa1],
        ],
        { debounceMs: 0 },
      ).readings,
    ).toEqual([ENTRY, ENTRY]);
    expect(run(closures(3), { counts: 'out' }).readings).toEqual([EXIT, EXIT, EXIT]);
    expect(run(closures(3), { counts: 'both' }).readings).toEqual([ENTRY, EXIT, ENTRY]);
    const sale: Reading = ['transaction', 1];
    expect(run(closures(2), { role: 'transactions', counts: 'both' }).readings).toEqual([sale, sale]);
  });

  it('rejects each run of other octets once', () => {
    const decoder = doorContact.createDecoder();
    expect(decode(decoder, BOOT_TEXT, hex('A2 00 A4 9F A0 B0 A0'))).toEqual([]);
    expect(decoder.counts.accepted).toBe(3);
    expect(rejections(decoder)).toEqual({ noise: 3 });
  });

  it('has octets of its own for every state', () => {
    for (let octet = 0; octet < 256; octet++) {
      const state = readContactByte(octet);
      expect(state === undefined ? -1 : contactByte(state)).toBe(octet >= 0xa0 && octet <= 0xa3 ? octet : -1);
    }
  });

  it('gives the same however the stream is cut', () => {
    expectSameHoweverCut(
      () => doorContact.createDecoder({ debounceMs: 0 }),
      hex('A2 00 A1 A1 FF A0 A0 A1 A0 A3 A0 A1'),
    );
  });

  it('never counts more closures than half the changes told, whatever is told', () => {
    const octets = fc.array(fc.tuple(fc.integer({ min: 0, max: 120 }), fc.integer({ min: 0x9f, max: 0xa4 })));
    fc.assert(
      fc.property(octets, (steps) => {
        let at = 0;
        const told = steps.map(([pause, octet]): [number, number] => {
          at += pause;
          return [at, octet];
        });
        const closings = told.filter(([, octet]) => octet === 0xa1).length;
        const { readings, at: times } = run(told);
        expect(readings.length).toBeLessThanOrEqual(closings);
        // Two closures with their openings in between last at least four debounce times less one.
        times.slice(1).forEach((time, i) => void expect(time - times[i]).toBeGreaterThanOrEqual(100));
      }),
    );
  });

  it('counts a simulated hour exactly', () => {
    const entries = simulateHour((module) => new DoorContactFormat(module), doorContact.createDecoder());
    expect(sumOfCrossings(entries.readings)).toEqual([entries.in, 0]);
    expect(rejections(entries.decoder)).toEqual({});
    const both = simulateHour(
      (module) => new DoorContactFormat(module),
      doorContact.createDecoder({ counts: 'both' }),
      {
        variant: 'both',
      },
    );
    expect(sumOfCrossings(both.readings)).toEqual([150, 150]);
  });
});
