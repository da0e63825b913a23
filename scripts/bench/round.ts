/** One round of one variant, in a process of its own so that memory and compiled code do not mix. */
import { createSecretKey, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Gateway, WINDOW_MINUTES } from './gateway.ts';
import { Meter, peakRss } from './meter.ts';
import { NaiveAgent } from './naive.ts';
import { READ_MS, SIGHTINGS_A_READ, SightingStream, SPAN_MS } from './stream.ts';
import { type Format, Templates } from './templates.ts';

export interface RoundOptions {
  agent: 'footfall' | 'naive';
  format: Format;
  newEach: number;
  templates: string;
  /** An empty directory for the database. */
  directory: string;
  /** Least wall time that is measured. */
  seconds: number;
}

export interface RoundResult {
  sightings: number;
  windows: number;
  cpuUs: number;
  diskBytes: number;
  wallMs: number;
  peakRssBytes: number;
  /** Part of the memory that only holds the benchmark's input. */
  inputBytes: number;
}

/** Spans before measuring begins, for the compiler. */
const WARM_UP_SPANS = 2;
/** A round holds the close of one window at least: a minute more than the window, for its grace. */
const LEAST_SPANS = (WINDOW_MINUTES * 60_000) / SPAN_MS + 1;
/** Virtual time begins at a whole window, at any day. */
const NAIVE_START_MS = Date.UTC(2026, 2, 2, 9);
const NAIVE_WARM_UP = 2_000;

async function runFootfall(options: RoundOptions, stream: SightingStream): Promise<RoundResult> {
  const gateway = await Gateway.start(options.directory, options.format === 'pcap' ? 'wifi-pcap' : 'wifi-lines');
  const meter = new Meter();
  for (let span = 0; span < WARM_UP_SPANS; span++) {
    stream.fill();
    await gateway.run(stream);
  }
  const warmUp = stream.sightings;
  for (let span = WARM_UP_SPANS; span < LEAST_SPANS || meter.wallMs < options.seconds * 1000; span++) {
    stream.fill();
    await meter.measure(() => gateway.run(stream));
  }
  await meter.measure(() => gateway.stop());
  const peakRssBytes = peakRss();
  const { windows } = await gateway.verify(stream.sightings);
  return resultOf(meter, stream.sightings - warmUp, windows, peakRssBytes, stream);
}

async function runNaive(options: RoundOptions, stream: SightingStream): Promise<RoundResult> {
  const agent = new NaiveAgent(join(options.directory, 'naive.db'), createSecretKey(randomBytes(32)));
  const meter = new Meter();
  let now = NAIVE_START_MS;
  let [taken, warmUp] = [0, 0];
  for (const bytes of endless(stream)) {
    now += READ_MS;
    if (warmUp > 0) await meter.measure(() => agent.push(bytes, now));
    else agent.push(bytes, now);
    taken += SIGHTINGS_A_READ;
    if (warmUp === 0 && taken >= NAIVE_WARM_UP) warmUp = taken;
    if (warmUp > 0 && meter.wallMs >= options.seconds * 1000) break;
  }
  const stored = agent.rows;
  if (stored !== taken) throw new Error(`expected ${taken} rows of the naive agent, found ${stored}`);
  await meter.measure(() => agent.close());
  return resultOf(meter, taken - warmUp, 0, peakRss(), stream);
}

function* endless(stream: SightingStream): Generator<Uint8Array> {
  for (;;) {
    stream.fill();
    yield* stream.reads();
  }
}

function resultOf(
  { cpuUs, diskBytes, wallMs }: Meter,
  sightings: number,
  windows: number,
  peakRssBytes: number,
  stream: SightingStream,
): RoundResult {
  return { sightings, windows, cpuUs, diskBytes, wallMs, peakRssBytes, inputBytes: stream.heldBytes };
}

const options = JSON.parse(process.argv[2]) as RoundOptions;
// Ctrl-C reaches the whole process group: the parent decides, and its end is ours.
process.on('SIGINT', () => undefined);
process.once('disconnect', () => process.exit(1));
const stream = new SightingStream({
  templates: new Templates(options.templates),
  pcap: options.format === 'pcap',
  newEach: options.newEach,
});
const result = await (options.agent === 'naive' ? runNaive : runFootfall)(options, stream);
if (process.send === undefined) process.stdout.write(`${JSON.stringify(result)}\n`);
else process.send(result, () => process.exit(0));
