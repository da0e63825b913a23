/** What the tests of the door counters share; nothing of the product imports it. */
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Decoder, ReadingSink } from '../driver.ts';
import { Agenda } from '../simulator/agenda.ts';
import { AgendaClock } from '../simulator/agenda-clock.ts';
import type { DoorFormat, DoorModule } from '../simulator/formats.ts';
import type { SimulatedSensor } from '../simulator/options.ts';
import { Random } from '../simulator/random.ts';
import { MemoryTransport } from '../transport/stream.ts';

export const ARRIVAL = 1_700_000_000_000;
const HOUR_MS = 3_600_000;

/** A reading without its time, and its time. */
export type Reading = [kind: string, ...values: number[]];

export function recordingSink(readings: Reading[], times: number[] = []): ReadingSink {
  const keep =
    (kind: string) =>
    (time: number, ...values: number[]) => {
      readings.push([kind, ...values]);
      times.push(time);
    };
  const unexpected = () => {
    throw new Error('a door counter gave a reading of another kind');
  };
  return {
    sighting: unexpected,
    advertisement: unexpected,
    crossing: keep('crossing'),
    counter: keep('counter'),
    transaction: keep('transaction'),
  };
}

/** What a decoder makes of pushes that all arrive at once. */
export function decode(decoder: Decoder, ...pushes: Uint8Array[]): Reading[] {
  const readings: Reading[] = [];
  for (const push of pushes) decoder.push(push, ARRIVAL, recordingSink(readings));
  return readings;
}

/** The reasons that were counted, without the zeros. */
export function rejections(decoder: Decoder): Record<string, number> {
  return Object.fromEntries(Object.entries(decoder.counts.rejected).filter(([, count]) => count > 0));
}

export const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

/** What an ESP32 says when it is powered. */
export const BOOT_TEXT = Buffer.from(
  'ets Jun  8 2016 00:22:57\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\nentry 0x400806ac\r\n',
);

/** Expects the same readings and counts of a stream however it is cut: in two at each byte, and byte by byte. */
export function expectSameHoweverCut(create: () => Decoder, stream: Uint8Array): void {
  const outcome = (pushes: Uint8Array[]) => {
    const decoder = create();
    return { readings: decode(decoder, ...pushes), counts: decoder.counts };
  };
  const whole = outcome([stream]);
  for (let at = 1; at < stream.length; at++) {
    expect(outcome([stream.subarray(0, at), stream.subarray(at)]), `cut at ${at}`).toEqual(whole);
  }
  expect(outcome(Array.from(stream, (_, at) => stream.subarray(at, at + 1)))).toEqual(whole);
}

/** Expects any bytes to be survived, cut in any way with the same result, and the frame after them to be read. */
export function expectRecovery(create: () => Decoder, frame: Uint8Array, parts: readonly Uint8Array[]): void {
  const piece = fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.constantFrom(...parts), cutPart(parts));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), fc.integer({ min: 1, max: 40 }), (pieces, size) => {
      const stream = Buffer.concat(pieces);
      const [whole, cut] = [create(), create()];
      const pushes: Uint8Array[] = [];
      for (let at = 0; at < stream.length; at += size) pushes.push(stream.subarray(at, at + size));
      expect(decode(cut, ...pushes)).toEqual(decode(whole, stream));
      expect(cut.counts).toEqual(whole.counts);
      // Two, as a damaged frame before may reach into the first.
      const { accepted } = whole.counts;
      decode(whole, frame, frame);
      expect(whole.counts.accepted).toBeGreaterThan(accepted);
    }),
  );
}

function cutPart(parts: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  return fc
    .tuple(fc.constantFrom(...parts), fc.nat(), fc.nat())
    .map(([part, from, to]) => part.subarray(from % part.length, 1 + (to % part.length)));
}

/** Expects no single bit of a frame to be flipped and the frame still be read as something else. */
export function expectBitFlipsRejected(create: () => Decoder, frame: Uint8Array, readings: Reading[]): void {
  for (let bit = 0; bit < frame.length * 8; bit++) {
    const damaged = Uint8Array.from(frame);
    damaged[bit >> 3] ^= 1 << (bit & 7);
    const decoder = create();
    const seen = decode(decoder, frame, damaged, frame);
    expect(seen.slice(0, 1), `bit ${bit}`).toEqual(readings);
    for (const reading of seen) expect(reading, `bit ${bit}`).toEqual(readings[0]);
  }
}

export interface SimulatedHour {
  /** What the simulated device counted. */
  in: number;
  out: number;
  readings: Reading[];
  times: number[];
  decoder: Decoder;
  /** Simulated UTC milliseconds at the end. */
  end: number;
}

/**
 * An hour of a door with 300 people in it, now and then several at once, decoded through a line that can be spoken to;
 * and a minute more, so that what is under way comes to its end.
 */
export function simulateHour(
  make: (module: DoorModule) => DoorFormat,
  decoder: Decoder,
  sensor: Partial<SimulatedSensor> = {},
  seed = 1,
): SimulatedHour {
  const agenda = new Agenda(ARRIVAL);
  const random = new Random(seed);
  const [readings, times]: [Reading[], number[]] = [[], []];
  const sink = recordingSink(readings, times);
  let format: DoorFormat | undefined;
  const line = new MemoryTransport({
    clock: new AgendaClock(agenda),
    take: (frame) => format?.receive?.(frame),
  });
  format = make({
    sensor: { id: 'door', driver: 'door', ...sensor },
    agenda,
    random: random.fork('module'),
    wire: (bytes) => line.push(bytes),
  });
  // Powered before the line is opened, as a sensor is: what it says at once is lost.
  format.boot();
  line.start({
    bytes: (chunk) => decoder.push(chunk, agenda.now, sink),
    up: () => undefined,
    down: () => undefined,
    ...(decoder.speaker && { speaker: decoder.speaker }),
  });
  const totals = { in: 0, out: 0 };
  for (let people = 300; people > 0; ) {
    const group = Math.min(people, random.chance(0.2) ? random.integer(2, 6) : 1);
    people -= group;
    const at = ARRIVAL + 5_000 + random.uniform(0, HOUR_MS - 5_000);
    for (let i = 0; i < group; i++) {
      const inwards = random.chance(0.5);
      agenda.at(at + i * random.uniform(0, 800), () => {
        totals[inwards ? 'in' : 'out']++;
        format.counted(totals, inwards);
      });
    }
  }
  const end = ARRIVAL + HOUR_MS + 60_000;
  agenda.run(end);
  return { ...totals, readings, times, decoder, end };
}

/** The sums of the crossings among readings. */
export function sumOfCrossings(readings: readonly Reading[]): [entered: number, left: number] {
  return readings
    .filter(([kind]) => kind === 'crossing')
    .reduce<[number, number]>(([entered, left], [, one, other]) => [entered + one, left + other], [0, 0]);
}
