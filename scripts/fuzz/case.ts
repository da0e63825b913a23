/** One case: a damaged stream through a decoder, and all that must hold of it. */
import type { Decoder, DecoderCounts, Driver } from '../../drivers/driver.ts';
import { START } from '../../drivers/sample.ts';
import { CheckedSink, copyCounts, countsFault } from '../../drivers/sample-check.ts';
import { boundOf, recover } from '../../drivers/sample-recovery.ts';
import type { Random } from '../../drivers/simulator/random.ts';
import type { Target } from './corpus.ts';

/** No stream may take longer: so long at once, and so long for each byte; on a busy machine it is tried again. */
const LONGEST_MS = 400;
const LONGEST_MS_PER_BYTE = 0.02;
const TRIES = 3;
/** Of a speaker that wants to go on at once. */
const MOST_WORDS = 20;

/** Something that must hold did not. */
export class FuzzFault extends Error {}

export interface CaseResult {
  counts: DecoderCounts;
  readings: number;
  /** Readings of a device or a total that no undamaged stream tells of. */
  phantoms: number;
}

export interface CaseInput {
  target: Target;
  /** What makes the decoder: the target's own driver, or one under suspicion. */
  driver: Driver;
  bytes: Uint8Array;
  random: Random;
  identities: ReadonlySet<number>;
}

/** @throws FuzzFault, or whatever the decoder throws. */
export function runCase({ target, driver, bytes, random, identities }: CaseInput): CaseResult {
  const { subject, sample } = target;
  const create = () => driver.createDecoder(subject.options);
  let phantoms = 0;
  const sink = createSink();
  sink.onIdentity = (identity) => {
    if (!identities.has(identity)) phantoms++;
  };
  const decoder = create();
  const before = copyCounts(decoder.counts);
  const kind = random.integer(0, 7);
  const cuts = cutsOf(bytes.length, random);
  if (kind === 0) feedAndSpeak(decoder, bytes, cuts, sink, random);
  else feedInTime(create, decoder, bytes, cuts, sink);
  const fault = countsFault(before, decoder.counts, bytes.length);
  if (fault !== undefined) throw new FuzzFault(fault);
  const result = { counts: copyCounts(decoder.counts), readings: sink.readings, phantoms };
  if (kind === 1) expectSame(create(), bytes, decoder, sink);
  if (kind > 1) {
    const bound = boundOf(subject.driver.name);
    if (recover(decoder, sample, bound, sink.arrival, sink) === undefined) {
      throw new FuzzFault(`no frame was read in ${bound.frames} frames and ${bound.bytes} bytes behind the damage`);
    }
  }
  return result;
}

function createSink(): CheckedSink {
  const sink = new CheckedSink();
  sink.arrival = START + 86_400_000;
  return sink;
}

/** Where one push ends and the next begins: as a port delivers, in small pieces, octet by octet, or all at once. */
function cutsOf(length: number, random: Random): number[] {
  const longest = random.choice([1, 7, 64, 64, 512, 512, 4_096, length]);
  const cuts: number[] = [];
  for (let at = 0; at < length; ) {
    at = Math.min(length, at + (longest === 1 ? 1 : random.integer(1, longest)));
    cuts.push(at);
  }
  return cuts;
}

function feed(decoder: Decoder, bytes: Uint8Array, cuts: readonly number[], sink: CheckedSink): void {
  let from = 0;
  for (const to of cuts) {
    decoder.push(bytes.subarray(from, to), sink.arrival, sink);
    from = to;
  }
}

function feedInTime(
  create: () => Decoder,
  decoder: Decoder,
  bytes: Uint8Array,
  cuts: readonly number[],
  sink: CheckedSink,
) {
  const limit = LONGEST_MS + LONGEST_MS_PER_BYTE * bytes.length;
  let took = timed(() => feed(decoder, bytes, cuts, sink));
  for (let tries = 1; took > limit; tries++) {
    if (tries === TRIES) throw new FuzzFault(`${bytes.length} bytes took ${took.toFixed(0)} ms`);
    took = timed(() => feed(create(), bytes, cuts, createSink()));
  }
}

function timed(task: () => void): number {
  const start = performance.now();
  task();
  return performance.now() - start;
}

/** As on a line that can be spoken on: time goes by, and the driver says what is due. */
function feedAndSpeak(
  decoder: Decoder,
  bytes: Uint8Array,
  cuts: readonly number[],
  sink: CheckedSink,
  random: Random,
): void {
  const { speaker } = decoder;
  speaker?.open(0);
  let from = 0;
  let now = 0;
  for (const to of cuts) {
    decoder.push(bytes.subarray(from, to), sink.arrival, sink);
    from = to;
    const gone = random.choice([0, 1, 20, 400, 5_000]);
    now += gone;
    sink.arrival += gone;
    if (speaker === undefined) continue;
    let words = 0;
    for (let due = 0; due <= now; ) {
      let sent = 0;
      due = speaker.speak(now, () => void sent++);
      if (sent > 1) throw new FuzzFault(`${sent} frames were said at once`);
      if (Number.isNaN(due) || ++words > MOST_WORDS) throw new FuzzFault(`the speaker spins, due ${due} at ${now}`);
    }
  }
}

function expectSame(other: Decoder, bytes: Uint8Array, decoder: Decoder, sink: CheckedSink): void {
  const whole = createSink();
  feed(other, bytes, [bytes.length], whole);
  if (whole.digest !== sink.digest || JSON.stringify(other.counts) !== JSON.stringify(decoder.counts)) {
    throw new FuzzFault('pushed at once the same bytes give another result');
  }
}
