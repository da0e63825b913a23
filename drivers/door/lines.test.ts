import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DecoderOptions, ReadingSink } from '../driver.ts';
import { DoorLinesFormat } from '../simulator/formats/door-lines.ts';
import { simulateHour, sumOfCrossings } from './door.testing.ts';
import { DoorLinesDecoder } from './lines.ts';

const ARRIVAL = 1_700_000_000_000;
type Event = [kind: string, ...values: number[]];

function collect(events: Event[]): ReadingSink {
  return {
    sighting: () => void events.push(['sighting']),
    advertisement: () => void events.push(['advertisement']),
    crossing: (...values) => void events.push(['crossing', ...values]),
    counter: (...values) => void events.push(['counter', ...values]),
    transaction: (...values) => void events.push(['transaction', ...values]),
  };
}

/** Decodes lines that arrive a second after one another, behind the end of another one. */
function run(lines: string[], options?: DecoderOptions): { events: Event[]; accepted: number; rejected: object } {
  const decoder = new DoorLinesDecoder(options);
  const events: Event[] = [];
  decoder.push(Buffer.from('\n'), ARRIVAL, collect(events));
  lines.forEach((line, i) => {
    decoder.push(Buffer.from(`${line}\r\n`), ARRIVAL + i * 1_000, collect(events));
  });
  const rejected = Object.entries(decoder.counts.rejected).filter(([, count]) => count > 0);
  return { events, accepted: decoder.counts.accepted, rejected: Object.fromEntries(rejected) };
}

const report = (fields: object = {}) =>
  JSON.stringify({ v: 1, t: 'cnt', boot: 'deadbeef', seq: 1, in: 456, out: 440, ms: 10_000, ...fields });

const withSum = (text: string) =>
  `${text}*${[...Buffer.from(text)]
    .reduce((sum, byte) => sum ^ byte, 0)
    .toString(16)
    .padStart(2, '0')}`;

describe('door-lines', () => {
  it('reads the JSON contract, at the time of the source', () => {
    const { events, rejected } = run([report(), report({ seq: 2, in: 457, ms: 10_400 })]);
    expect(events[0]).toEqual(['counter', ARRIVAL, 456, 440, 0xdeadbeef, 32]);
    // It arrived 1 s after the first, and happened 0.4 s after it; the rest is delay, less 100 ppm of drift.
    expect(events[1].slice(2)).toEqual([457, 440, 0xdeadbeef, 32]);
    expect(events[1][1] - ARRIVAL).toBeCloseTo(400.1, 3);
    expect(rejected).toEqual({});
  });

  it('maps the time anew when the boot changes', () => {
    const { events } = run([report(), report({ boot: '00000001', seq: 1, ms: 400 })]);
    expect(events[1]).toEqual(['counter', ARRIVAL + 1_000, 456, 440, 1, 32]);
  });

  it('takes a boot id that changed while the uptime went on for damage, until a second report names it', () => {
    const damaged = report({ boot: '00000001', seq: 2, ms: 11_000 });
    const good = report({ seq: 3, ms: 12_000 });
    expect(run([report(), damaged, good])).toMatchObject({ accepted: 2, rejected: { format: 1 } });
    const { events } = run([report(), damaged, report({ boot: '00000001', seq: 3, in: 457, ms: 12_000 })]);
    expect(events.map(([, , entered, , boot]) => [entered, boot])).toEqual([
      [456, 0xdeadbeef],
      [457, 1],
    ]);
  });

  it('takes numbers, signs and words for noise once the sensor has spoken JSON', () => {
    const { events, rejected } = run(['7', report(), '7', '+', 'inc', '-2', report({ seq: 2, ms: 15_000 })]);
    expect(events.map(([kind]) => kind)).toEqual(['counter', 'counter', 'counter']);
    expect(rejected).toEqual({ noise: 4 });
  });

  it('counts what the sequence says is missing, within one boot', () => {
    const lines = [report(), report({ seq: 2 }), report({ seq: 7 }), report({ seq: 7 }), report({ seq: 8 })];
    expect(run(lines).rejected).toEqual({ missing: 4 });
    expect(run([report(), report({ seq: 50, boot: '00000001', ms: 400 })]).rejected).toEqual({});
    expect(run([report(), report({ seq: 4_000_000_000 })]).rejected).toEqual({});
  });

  it('checks the checksum where there is one', () => {
    const good = withSum(report());
    expect(run([good, good.slice(0, -2) + good.slice(-2).toUpperCase()]).events).toHaveLength(2);
    expect(run([good.replace('456', '457')])).toMatchObject({ events: [], rejected: { checksum: 1 } });
    expect(run([`${report()}*`, `${report()}*0`, `${report()}*zz`])).toMatchObject({ rejected: { checksum: 3 } });
  });

  it.each([
    ['format', '{"v":1,"t":"cnt",}'],
    ['format', report({ in: '456' })],
    ['format', report({ out: 1.5 })],
    ['format', report({ boot: 'xyz' })],
    ['format', report({ ms: null })],
    ['format', `${report()} and more`],
    ['truncated', report().slice(0, 30)],
    ['range', report({ in: -1 })],
    ['range', report({ out: 4_294_967_296 })],
    ['range', report({ ms: -5 })],
    ['unsupported', report({ v: 2 })],
    ['range', '-3'],
    ['range', '4294967296'],
    ['range', '9'.repeat(400)],
    ['format', '+3'],
    ['oversize', '1'.repeat(600)],
    ['noise', 'VL53L1X sensor init FAILED'],
    ['noise', 'ets Jan  8 2013,rst cause:2'],
  ])('rejects as %s: %s', (reason, line) => {
    expect(run([line, '+'])).toMatchObject({
      events: [['crossing', ARRIVAL + 1_000, 1, 0]],
      rejected: { [reason]: 1 },
    });
  });

  it('accepts notices and other messages without a reading', () => {
    expect(run(['STARTUP:door 1', '{"v":1,"t":"status","heap":1}'])).toEqual({ events: [], accepted: 2, rejected: {} });
  });

  it('reads running totals, signs and words', () => {
    expect(
      run(['41', '4294967295', '+', '-', '++-', 'inc', 'DEC', 'in', 'out']).events.map(([kind, , ...rest]) => [
        kind,
        ...rest,
      ]),
    ).toEqual([
      ['counter', 41, 0, 0, 32],
      ['counter', 4294967295, 0, 0, 32],
      ['crossing', 1, 0],
      ['crossing', 0, 1],
      ['crossing', 1, 0],
      ['crossing', 1, 0],
      ['crossing', 0, 1],
      ['crossing', 1, 0],
      ['crossing', 0, 1],
      ['crossing', 1, 0],
      ['crossing', 0, 1],
    ]);
  });

  it('is a till in the role of transactions', () => {
    const till = { role: 'transactions' } as const;
    const sales = (lines: string[]) => run(lines, till).events.map(([kind, , count]) => [kind, count]);
    expect(sales(['+', '-', '++', 'inc', 'dec'])).toEqual(Array.from({ length: 4 }, () => ['transaction', 1]));
    expect(sales(['100', '103', '103', '104', '2', '3'])).toEqual([
      ['transaction', 3],
      ['transaction', 1],
      ['transaction', 1],
    ]);
    const totals = [report({ in: 7 }), report({ in: 9, seq: 2 }), report({ in: 50, boot: '00000001', ms: 400 })];
    expect(sales([...totals, report({ in: 51, seq: 2, boot: '00000001', ms: 1_400 })])).toEqual([
      ['transaction', 2],
      ['transaction', 1],
    ]);
    expect(run(['100', '1001', '1002'], till)).toMatchObject({ rejected: { range: 1 }, accepted: 2 });
  });

  it('gives the same however the stream is cut, and survives flipped bits', () => {
    const text = ['boot', report(), withSum(report({ seq: 3 })), '+-', '17', '{', 'STARTUP:x', 'inc', '18\n'].join(
      '\r\n',
    );
    const flips = fc.array(fc.tuple(fc.nat(text.length - 1), fc.nat(7)), { maxLength: 5 });
    fc.assert(
      fc.property(flips, fc.integer({ min: 1, max: 90 }), (bits, size) => {
        const bytes = Buffer.from(text);
        for (const [at, bit] of bits) {
          bytes[at] ^= 1 << bit;
        }
        const [whole, pieces] = [new DoorLinesDecoder(), new DoorLinesDecoder()];
        const [one, two]: [Event[], Event[]] = [[], []];
        whole.push(bytes, ARRIVAL, collect(one));
        for (let at = 0; at < bytes.length; at += size) {
          pieces.push(bytes.subarray(at, at + size), ARRIVAL, collect(two));
        }
        expect(two).toEqual(one);
        expect(pieces.counts).toEqual(whole.counts);
      }),
    );
  });

  it('finds a good line after any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => {
        const decoder = new DoorLinesDecoder();
        const events: Event[] = [];
        decoder.push(bytes, ARRIVAL, collect([]));
        decoder.push(Buffer.from('\n+\n'), ARRIVAL, collect(events));
        expect(events.at(-1)).toEqual(['crossing', ARRIVAL, 1, 0]);
      }),
    );
  });

  it('takes neither half of a total for one when the line is opened anew', () => {
    const decoder = new DoorLinesDecoder();
    const events: Event[] = [];
    const opened = (text: string) => {
      decoder.reopened();
      decoder.push(Buffer.from(text), ARRIVAL, collect(events));
    };
    opened('\n112\n1');
    opened('13\r\n114\r\n11');
    opened('5\r\n116\r\n');
    expect(events.map(([, , entered]) => entered)).toEqual([112, 114, 116]);
    expect(decoder.counts).toMatchObject({ accepted: 3, rejected: { truncated: 4 } });
  });

  it('takes the first event after an opening, and a JSON line only whole', () => {
    const decoder = new DoorLinesDecoder();
    const events: Event[] = [];
    for (const text of ['+\n', 'in\n', '-\n']) {
      decoder.reopened();
      decoder.push(Buffer.from(text), ARRIVAL, collect(events));
    }
    expect(events).toEqual([
      ['crossing', ARRIVAL, 1, 0],
      ['crossing', ARRIVAL, 1, 0],
      ['crossing', ARRIVAL, 0, 1],
    ]);
    for (let cut = 1; cut < report().length; cut++) {
      const json = new DoorLinesDecoder();
      const totals: Event[] = [];
      const line = withSum(report());
      for (const text of [`\n${line.slice(0, cut)}`, `${line.slice(cut)}\n`, `${line}\n`]) {
        json.reopened();
        json.push(Buffer.from(text), ARRIVAL, collect(totals));
      }
      expect(totals, `cut at ${cut}`).toEqual([['counter', ARRIVAL, 456, 440, 0xdeadbeef, 32]]);
      expect(json.counts.accepted).toBe(1);
    }
  });

  it('counts a simulated hour of each variant exactly', () => {
    const hourOf = (variant: string) =>
      simulateHour((module) => new DoorLinesFormat(module), new DoorLinesDecoder(), { variant });
    const events = hourOf('events');
    expect(events.readings).toHaveLength(300);
    expect(sumOfCrossings(events.readings)).toEqual([events.in, events.out]);
    const integer = hourOf('integer');
    expect(integer.readings.at(-1)).toEqual(['counter', integer.in, 0, 0, 32]);
    const json = hourOf('json');
    expect(json.readings.at(-1)?.slice(0, 3)).toEqual(['counter', json.in, json.out]);
    for (const { decoder, readings } of [events, integer, json]) expect(decoder.counts.accepted).toBe(readings.length);
  });
});
