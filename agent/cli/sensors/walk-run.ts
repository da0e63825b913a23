/** Has the installer walk through a door, and watches what is counted meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AgentError } from '../../errors.ts';
import { endingWith, WRONG_USE } from '../exit-codes.ts';
import { interrupted } from '../setup/asker.ts';
import { terminalOf } from '../view/style.ts';
import { passageLine, renderWalk } from '../view/walk.ts';
import { findSensor, type LivePlaces, type LiveSensor, listen } from './live.ts';
import { type Crossings, LiveDoor } from './live-door.ts';
import { type Direction, judgeWalk, type Passage } from './walk.ts';
import { type Guide, guided } from './walk-guide.ts';

/** A counter that tells its totals does so in this time, if it tells them unasked. */
const TOTALS_MS = 3_000;
/** Counters tell of a person up to a few seconds later. */
const LATEST_MS = 5_000;
const QUIET_MS = 1_500;
/** Pauses that a passage without Enter may take until it counts as missed. */
const PAUSES = 6;
const LOOK_MS = 50;
/** A passage that only told where the totals stand is walked again, so often. */
const MOST_REPEATS = 3;
const NOT_RIGHT = 1;

export interface WalkOptions extends LivePlaces {
  passages: number;
  /** Ends a passage after so long without anybody, in place of Enter. */
  pauseSeconds?: number;
  json?: boolean;
}

/** What was counted in the passage under way. */
interface Watched extends Crossings {
  /** Of some of it only the totals after it are known. */
  unknown: boolean;
}

export function runWalk(id: string, options: WalkOptions): Promise<void> {
  return guided({ json: options.json === true, needsEnter: options.pauseSeconds === undefined }, (guide) =>
    walk(id, options, guide),
  );
}

async function walk(id: string, options: WalkOptions, guide: Guide): Promise<void> {
  const { loaded, sensor } = await findSensor(id, options);
  if (sensor.role !== 'door') {
    const message = `expected a door to walk through, found that "${id}" is ${sensor.role === 'zone' ? 'a sniffer' : 'a till'}`;
    const hint = sensor.role === 'zone' ? `To find its gate: footfall sensors calibrate ${id} --walk` : '';
    throw endingWith(new AgentError('walk_needs_door', message, hint), WRONG_USE);
  }
  const door = new LiveDoor();
  let watched: Watched | null = null;
  const live = await listen(sensor, loaded, options, (reading) => {
    const more = door.take(reading);
    if (watched === null) return;
    if (more === null) watched.unknown = true;
    else {
      watched.in += more.in;
      watched.out += more.out;
    }
  });
  const walker: Walker = {
    live,
    guide,
    pauseMs: options.pauseSeconds === undefined ? null : options.pauseSeconds * 1_000,
    latestMs: Math.max(LATEST_MS, 2 * (sensor.options.pollMs ?? 0)),
    watch() {
      watched = { in: 0, out: 0, unknown: false };
      return watched;
    },
  };
  const passages: Passage[] = [];
  try {
    guide.say('Keep others away from the door. One person at a time.');
    await whileListening(walker, () => door.totals !== null, TOTALS_MS);
    await demandUp(live);
    for (let number = 0; number < 2 * options.passages; number++) {
      const expected = number % 2 === 0 ? 'in' : 'out';
      const title = `${number + 1} of ${2 * options.passages}`;
      const passage = { expected, counted: await oneWay(walker, title, expected) } as const;
      passages.push(passage);
      guide.say(passageLine(title, passage));
    }
  } finally {
    await live.stop();
  }
  const summary = { ...judgeWalk(sensor, passages), source: live.source };
  if (options.json) process.stdout.write(`${JSON.stringify(summary, null, 2)}\n`);
  else process.stdout.write(renderWalk(summary, terminalOf(process.stdout, process.env)));
  if (summary.verdict !== 'right') process.exitCode = NOT_RIGHT;
}

interface Walker {
  live: LiveSensor;
  guide: Guide;
  /** Null where Enter ends a passage. */
  pauseMs: number | null;
  /** A person is told of at most this late. */
  latestMs: number;
  watch(): Watched;
}

/** One passage, walked again where its totals have no beginning. */
async function oneWay(walker: Walker, title: string, direction: Direction): Promise<Crossings> {
  const words = `${title}: walk ${direction.toUpperCase()} through the door`;
  for (let turn = 1; ; turn++) {
    const watched = walker.watch();
    const begin = walker.live.now();
    if (walker.pauseMs === null) await walker.guide.enter(`${words}, then press Enter`);
    else walker.guide.say(`${words} now`);
    const untilMs = walker.pauseMs === null ? walker.live.now() + walker.latestMs : begin + PAUSES * walker.pauseMs;
    await untilQuiet(walker, watched, untilMs);
    await demandUp(walker.live);
    if (!watched.unknown || watched.in + watched.out > 0 || turn > MOST_REPEATS) {
      return { in: watched.in, out: watched.out };
    }
    walker.guide.say('That told only where its totals stand. Go back, and do it once more.');
  }
}

/** Until somebody was counted and nobody more since, or until it is too late. */
async function untilQuiet(walker: Walker, watched: Watched, untilMs: number): Promise<void> {
  const { live, pauseMs } = walker;
  const quietMs = pauseMs ?? QUIET_MS;
  let heard = 0;
  let since = live.now();
  const quiet = (): boolean => {
    const now = live.now();
    const all = watched.in + watched.out + (watched.unknown ? 1 : 0);
    if (all !== heard) since = now;
    heard = all;
    return heard > 0 ? now - since >= quietMs : now >= untilMs;
  };
  await whileListening(walker, quiet, Number.POSITIVE_INFINITY);
}

async function whileListening({ live, guide }: Walker, done: () => boolean, mostMs: number): Promise<void> {
  const until = live.now() + mostMs;
  while (!done() && live.now() < until) {
    await sleep(LOOK_MS, undefined, { signal: guide.signal }).catch(() => undefined);
    if (guide.signal.aborted) throw interrupted();
  }
}

async function demandUp(live: LiveSensor): Promise<void> {
  const { state, detail } = await live.counts();
  if (state !== 'down') return;
  throw new AgentError(
    'sensor_down',
    `the sensor's line is down: ${detail ?? 'no reason is known'}`,
    'footfall doctor',
  );
}
