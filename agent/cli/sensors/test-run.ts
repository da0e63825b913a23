/** Hears one sensor for a while, and shows it: on a live screen, line by line, or as one object at the end. */
import { setTimeout as sleep } from 'node:timers/promises';
import { renderTest, testLine } from '../view/sensor-test.ts';
import { terminalOf } from '../view/style.ts';
import { findSensor, type LiveSensor, listen } from './live.ts';
import type { TestOptions } from './test.ts';
import { type TestSummary, TestTally } from './test-tally.ts';

const LOOK_MS = 1_000;
/** Without a terminal, and with nobody to press q. */
const USUAL_MS = 30_000;
const NOT_GOOD = 1;

/** Thrown by a look to end the watching. */
class TimeIsUp extends Error {}

export async function runTest(id: string, options: TestOptions): Promise<void> {
  const { loaded, sensor } = await findSensor(id, options);
  let tally: TestTally | null = null;
  const live = await listen(sensor, loaded, options, (reading) => tally?.take(reading, live.now()));
  const startMs = live.now();
  tally = new TestTally(sensor, startMs);
  const heard = tally;
  const look = async (over: 'recent' | 'whole'): Promise<TestSummary> =>
    heard.summary(await live.counts(), live.source, live.now(), over);
  const screen = process.stdout.isTTY === true && !options.json;
  const lengthMs =
    options.seconds === undefined ? (screen ? Number.POSITIVE_INFINITY : USUAL_MS) : options.seconds * 1_000;
  let summary: TestSummary;
  try {
    if (screen) await watchIt(() => look('recent'), live, startMs + lengthMs);
    else await listIt(() => look('recent'), live, startMs + lengthMs, options.json === true);
    summary = await look('whole');
  } finally {
    await live.stop();
  }
  if (options.json) process.stdout.write(`${JSON.stringify(summary, null, 2)}\n`);
  else process.stdout.write(renderTest(summary, terminalOf(process.stdout, process.env)));
  if (summary.verdict !== 'good') process.exitCode = NOT_GOOD;
}

async function watchIt(look: () => Promise<TestSummary>, live: LiveSensor, untilMs: number): Promise<void> {
  const { watch } = await import('../view/watch.ts');
  const lookAgain = (): Promise<TestSummary> => {
    if (live.now() >= untilMs) throw new TimeIsUp();
    return look();
  };
  try {
    await watch<TestSummary>({
      input: process.stdin,
      output: process.stdout,
      everyMs: LOOK_MS,
      environment: process.env,
      look: async () => lookAgain(),
      render: renderTest,
    });
  } catch (error) {
    if (!(error instanceof TimeIsUp)) throw error;
  }
}

/** A line a second, unless it is to be silent. Ends early on a signal, or when nobody reads any more. */
async function listIt(
  look: () => Promise<TestSummary>,
  live: LiveSensor,
  untilMs: number,
  silent: boolean,
): Promise<void> {
  const ending = new AbortController();
  const end = (): void => ending.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);
  process.stdout.on('error', end);
  try {
    while (!ending.signal.aborted && live.now() < untilMs) {
      await sleep(Math.min(LOOK_MS, Math.max(1, untilMs - live.now())), undefined, { signal: ending.signal }).catch(
        () => undefined,
      );
      const summary = await look();
      if (!silent && !ending.signal.aborted) process.stdout.write(`${testLine(summary)}\n`);
    }
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeListener(signal, end);
  }
}
