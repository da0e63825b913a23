/** What every driver must do; `conformance.test.ts` runs it over all that are registered. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { Decoder, DecoderCounts } from './driver.ts';
import { type Chunk, hear, type Sample, START, type Subject } from './sample.ts';
import { CheckedSink, copyCounts, countsFault } from './sample-check.ts';
import { atWrongSpeed, drawNoise } from './sample-damage.ts';
import { boundOf, recover } from './sample-recovery.ts';
import { encodeEspBootText } from './simulator/encode/serial-pcap.ts';
import { Random } from './simulator/random.ts';

/** Sixty devices' frames, or people. */
const EVENTS = 60;
/** Longer streams only repeat what these hold. */
const SPLIT_BYTES = 2_500;
const LATER = START + 3_600_000;
/** Wrong speeds of a receiver by the sender's: the usual neighbours, and some that only just miss. */
const RATIOS = [1 / 12, 1 / 3, 0.5, 5 / 6, 0.9, 1.085, 1.2, 2, 3, 12];
const MIB = 2 ** 20;
const HOSTILE_MIB = 50;
/** Looks for frames of every length at every byte; so much takes its line a quarter of an hour. */
const SLOW: Readonly<Record<string, number>> = { 'door-modbus': 1 };
const MOST_GROWTH = 2 * MIB;

/** Dialects in which a frame that was cut can be read as another device's or another total, and why. */
const CANNOT_TELL: Readonly<Record<string, string>> = {
  'door-lines (integer)': 'a bare number that lost its line end is, with the next one, a longer number',
};
/** Streams that a driver reads, though they are another's: it cannot tell them apart. */
const READS: Readonly<Record<string, { of: readonly string[]; most: number; why: string }>> = {
  'wifi-pcap': { of: ['wifi-monitor'], most: EVENTS, why: 'both are pcap' },
  'wifi-monitor': { of: ['wifi-pcap'], most: EVENTS, why: 'both are pcap' },
  'door-contact': {
    of: ['wifi-pcap', 'wifi-monitor', 'ble-hci', 'ble-nrf', 'door-radar', 'door-teraranger'],
    most: 5,
    why: 'one octet is a whole message, and each binary format has it somewhere',
  },
};
/** Drivers whose line has no speed. */
const NO_SPEED = ['door-contact', 'wifi-monitor'];

/** A sample, and each identity that it tells of. */
export interface Heard extends Sample {
  identities: Set<number>;
  readings: number;
  stream: Uint8Array;
}

export function hearChecked(subject: Subject, events = EVENTS): Heard {
  const sink = new CheckedSink();
  const identities = new Set<number>();
  sink.arrival = LATER;
  sink.onIdentity = (identity) => identities.add(identity);
  const sample = hear(subject, { events, sink });
  return { ...sample, identities, readings: sink.readings, stream: join(sample.chunks) };
}

export interface ConformanceOptions {
  /** Other drivers, whose streams it must not read. */
  others?: readonly Heard[];
  /** Leaves out what every dialect of a driver does alike, and what takes its time. */
  quick?: boolean;
}

/** Registers the tests of one dialect of a driver. */
export function conforms(subject: Subject, { others = [], quick = false }: ConformanceOptions = {}): void {
  const { driver, options, name } = subject;
  const heard = hearChecked(subject);
  const create = () => driver.createDecoder(options);
  const bound = boundOf(driver.name);
  const frames = heard.chunks.slice(heard.boot);
  const opening = heard.chunks.slice(0, heard.boot + 4).map(({ bytes }) => bytes);
  /** The longest frame: the one with the most places to be torn at. */
  const victim = frames
    .slice(0, 40)
    .reduce((one, other) => (other.bytes.length > one.bytes.length ? other : one)).bytes;

  describe(`${name} conforms`, () => {
    it('reads all that its module sends, and nothing else', () => expectRoundTrip(subject));

    it('reads the same however the stream is cut', () => {
      const stream = spoiled(heard).subarray(0, SPLIT_BYTES);
      const whole = outcome(create(), [stream]);
      for (let at = 1; at < stream.length; at++) {
        const halves = outcome(create(), [stream.subarray(0, at), stream.subarray(at)]);
        if (!same(halves, whole)) expect(halves, `cut at ${at}`).toEqual(whole);
      }
      const bytes = Array.from(stream, (_, at) => stream.subarray(at, at + 1));
      expect(outcome(create(), bytes), 'byte by byte').toEqual(whole);
      expect(whole.counts.bytes).toBe(stream.length);
    });

    it.each(Object.entries(noises()))('counts %s, and reads what follows', (_, noise) => {
      const [first, second] = [frames[0].bytes, frames[1].bytes];
      const half = second.length >> 1;
      const places = {
        before: [noise],
        between: [...opening, noise],
        inside: [first, second.subarray(0, half), noise, second.subarray(half)],
      };
      for (const [place, pushes] of Object.entries(places)) {
        const { decoder, sink } = fed(create, pushes);
        expect(recover(decoder, heard, bound, LATER, sink), `${place}: ${bound.why}`).toBeDefined();
        expect(rejectedBy(decoder), place).toBeGreaterThan(0);
      }
    });

    it('reads on after a restart within a frame, and after a frame that is cut', () => {
      const running = { ...heard, chunks: frames, boot: 0 };
      for (let at = 1; at < victim.length; at++) {
        for (const then of [heard, running]) {
          const { decoder, sink, foreign } = fed(create, [...opening, victim.subarray(0, at)], heard.identities);
          expect(recover(decoder, then, bound, LATER, sink), `cut at ${at}: ${bound.why}`).toBeDefined();
          if (!(name in CANNOT_TELL)) expect(foreign, `cut at ${at}`).toEqual([]);
        }
      }
    });

    it('gives up what was cut when its line is opened anew, and nothing else', () => {
      const readAfter = (head: Uint8Array) => {
        const { decoder } = fed(create, [...opening, head]);
        const rejected = rejectedBy(decoder);
        decoder.reopened?.();
        const given = rejectedBy(decoder) - rejected;
        const { accepted } = decoder.counts;
        const rest = victim.subarray(victim.length >> 1);
        const { sink, foreign } = fed(() => decoder, [rest, ...frames.map(({ bytes }) => bytes)], heard.identities);
        return { given, foreign, digest: sink.digest, accepted: decoder.counts.accepted - accepted };
      };
      const clean = readAfter(new Uint8Array());
      expect(clean).toMatchObject({ given: 0, foreign: [] });
      for (let at = 1; at < victim.length; at++) {
        const { given, ...read } = readAfter(victim.subarray(0, at));
        expect(given, `cut at ${at}`).toBeLessThanOrEqual(1);
        expect({ given: 0, ...read }, `cut at ${at}`).toEqual(clean);
      }
    });

    it('takes boot text for noise', () => {
      const { decoder, sink } = fed(create, [encodeEspBootText(), encodeEspBootText()]);
      expect(sink.readings).toBe(0);
      expect(decoder.counts.accepted).toBe(0);
      // What could be the beginning of a frame is decided upon when more came.
      recover(decoder, heard, bound, LATER, sink);
      expect(rejectedBy(decoder)).toBeGreaterThan(0);
    });

    if (!NO_SPEED.includes(driver.name)) {
      it('reads nothing that was not sent at a wrong speed', () => {
        for (const ratio of RATIOS) {
          const { foreign } = fed(create, [atWrongSpeed(heard.stream, ratio)], heard.identities);
          expect(foreign, `received at ${ratio} of its speed`).toEqual([]);
        }
      });
    }

    it('takes no other driver’s stream for its own', () => {
      for (const { subject: other, stream } of others.filter((one) => one.subject.driver !== driver)) {
        const { sink } = fed(create, [stream]);
        const exception = READS[driver.name];
        const most = exception?.of.includes(other.driver.name) ? exception.most : 0;
        expect(sink.readings, other.name).toBeLessThanOrEqual(most);
      }
    });

    if (!quick) {
      it('holds bounded memory', { timeout: 120_000 }, () => {
        expectFlatMemory(create, heard, SLOW[driver.name] ?? HOSTILE_MIB);
      });
    }

    it('says one thing at a time, and does not spin where nothing answers', () => expectPatience(create()));
  });
}

function expectRoundTrip(subject: Subject): void {
  const totals = { readings: 0, entered: 0, left: 0 };
  const counted = { entered: 0, left: 0 };
  const checked = new CheckedSink();
  checked.arrival = LATER;
  const sample = hear(subject, {
    events: EVENTS,
    sink: {
      sighting: (reading) => {
        checked.sighting(reading);
        totals.readings++;
      },
      advertisement: (reading) => {
        checked.advertisement(reading);
        totals.readings++;
      },
      crossing: (_time, entered, left) => {
        totals.entered += entered;
        totals.left += left;
      },
      counter: (_time, entered, left) => Object.assign(counted, { entered, left }),
      transaction: () => undefined,
    },
  });
  const { counts } = sample.decoder;
  expect(totals.readings).toBe(sample.frames);
  expect(totals.entered + counted.entered).toBe(sample.entered);
  expect(totals.left + counted.left).toBe(subject.onlyIn ? 0 : sample.left);
  expect(sample.frames + sample.entered).toBeGreaterThan(20);
  expect(counts.accepted).toBeGreaterThanOrEqual(sample.chunks.length - sample.boot);
  expect(counts.bytes).toBe(join(sample.chunks).length);
  const { noise, ...rejected } = counts.rejected;
  expect(
    Object.values(rejected).every((count) => count === 0),
    JSON.stringify(rejected),
  ).toBe(true);
  if (sample.boot === 0) expect(noise).toBe(0);
}

/** Boot, frames, a restart within a frame, noise between frames and within one. */
function spoiled({ chunks, boot }: Sample): Uint8Array {
  const [start, frames] = [chunks.slice(0, boot), chunks.slice(boot)];
  const random = new Random(5);
  const torn = { at: 0, bytes: frames[3].bytes.subarray(0, (frames[3].bytes.length + 1) >> 1) };
  const noise = { at: 0, bytes: drawNoise(random, 97) };
  const text = { at: 0, bytes: Buffer.from('E (312) wifi: 7 +1\n\r') };
  return join([
    ...start,
    ...frames.slice(0, 3),
    torn,
    ...start,
    ...frames.slice(4, 7),
    noise,
    ...frames.slice(7, 9),
    torn,
    text,
    ...frames.slice(9),
  ]);
}

function noises(): Record<string, Uint8Array> {
  return {
    'octets at random': drawNoise(new Random(11), 97),
    'line ends among octets at random': Buffer.concat([drawNoise(new Random(12), 60), Buffer.from('\r\n')]),
    'a break': new Uint8Array(40),
    'an idle line': new Uint8Array(40).fill(0xff),
    text: Buffer.from('guru meditation error: core 0 panicked ('),
    'boot text': encodeEspBootText(),
    'more than any frame may have': drawNoise(new Random(13), 5_000),
  };
}

function fed(create: () => Decoder, pushes: readonly Uint8Array[], known = new Set<number>()) {
  const decoder = create();
  const sink = new CheckedSink();
  const foreign: number[] = [];
  sink.arrival = LATER;
  sink.onIdentity = (identity) => {
    if (!known.has(identity)) foreign.push(identity);
  };
  for (const push of pushes) decoder.push(push, LATER, sink);
  return { decoder, sink, foreign };
}

interface Outcome {
  readings: number;
  digest: number;
  counts: DecoderCounts;
}

function outcome(decoder: Decoder, pushes: readonly Uint8Array[]): Outcome {
  const sink = new CheckedSink();
  sink.arrival = LATER;
  for (const push of pushes) decoder.push(push, LATER, sink);
  return { readings: sink.readings, digest: sink.digest, counts: copyCounts(decoder.counts) };
}

function same(one: Outcome, other: Outcome): boolean {
  return one.digest === other.digest && JSON.stringify(one) === JSON.stringify(other);
}

function rejectedBy({ counts }: Decoder): number {
  return Object.values(counts.rejected).reduce((sum, count) => sum + count, 0);
}

/** The heap after hostile bytes, against what it was after the first tenth of them. */
function expectFlatMemory(create: () => Decoder, heard: Heard, mebibytes: number): void {
  const random = new Random(17);
  const half = (bytes: Uint8Array) => bytes.subarray(0, bytes.length >> 1);
  const block = Buffer.concat([
    drawNoise(random, 300_000),
    new Uint8Array(100_000).fill(0x7b),
    ...heard.chunks.flatMap(({ bytes }) => [half(bytes), bytes]),
    ...heard.chunks.map(({ bytes }) => bytes.map((octet) => (random.chance(0.1) ? octet ^ 4 : octet))),
  ]);
  const blocks = Math.ceil((mebibytes * MIB) / block.length);
  const { decoder, sink } = fed(create, []);
  const before = copyCounts(decoder.counts);
  let early = 0;
  for (let sent = 0; sent < blocks; sent++) {
    // A time that goes on, as things that are forgotten by time would grow else.
    sink.arrival += 60_000;
    for (let at = 0; at < block.length; at += 4_096) decoder.push(block.subarray(at, at + 4_096), sink.arrival, sink);
    if (sent === Math.floor(blocks / 10)) early = liveBytes();
  }
  expect(liveBytes() - early).toBeLessThan(MOST_GROWTH);
  expect(countsFault(before, decoder.counts, blocks * block.length)).toBeUndefined();
}

function liveBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  // What the first one lets go of outside of the heap is only freed by then.
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Ten minutes on a line on which nobody answers, opened twice. */
function expectPatience({ speaker }: Decoder): void {
  if (speaker === undefined) return;
  const said = [0, 1_000_000].map((opened) => {
    let frames = 0;
    speaker.open(opened);
    for (let now = opened, asked = 0; now < opened + 600_000; ) {
      let sent = 0;
      const due = speaker.speak(now, (frame) => {
        sent++;
        expect(frame.length).toBeGreaterThan(0);
      });
      expect(sent).toBeLessThanOrEqual(1);
      frames += sent;
      // It may want to go on at once only while it has something to say.
      asked = due > now ? 0 : asked + 1;
      expect(asked, `asked again at ${now - opened} ms`).toBeLessThanOrEqual(20);
      now = Math.max(due, now);
    }
    return frames;
  });
  expect(said[0]).toBeGreaterThan(0);
  expect(said[0]).toBeLessThanOrEqual(1_200);
  expect(said[1]).toBeGreaterThan(0);
}

function join(chunks: readonly Chunk[]): Uint8Array {
  return Buffer.concat(chunks.map(({ bytes }) => bytes));
}
