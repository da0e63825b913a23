/** Listens to one sniffer, with or without a walk, and tells the gate that what it heard speaks for. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AgentError } from '../../errors.ts';
import type { SensorSettings } from '../../settings/settings.ts';
import { endingWith, WRONG_USE } from '../exit-codes.ts';
import { interrupted } from '../setup/asker.ts';
import { renderCalibration } from '../view/calibrate.ts';
import { formatDuration } from '../view/format.ts';
import { terminalOf } from '../view/style.ts';
import type { CalibrateOptions } from './calibrate.ts';
import { applyGate, applyLength } from './calibrate-apply.ts';
import { type GateFinding, gateByCrowd, gateByWalk } from './gate.ts';
import { type Burst, BurstGatherer } from './gate-bursts.ts';
import { heardOfLoudest } from './gate-phone.ts';
import { findSensor, type LiveSensor, listen } from './live.ts';
import { type Guide, guided } from './walk-guide.ts';

const LOOK_MS = 250;
const MINUTE_MS = 60_000;
/** A word on how it goes, at least this often. */
const WORD_MS = 15_000;
/** Holding the phone at the sensor takes this share of a walk. */
const NEAR_SHARE = 0.25;
/** What is still on its way belongs to the place that was left; the first steps to neither. */
const SETTLE_MS = 2_000;
const NOTHING_FOUND = 1;

export interface Calibration extends GateFinding {
  sensor: string;
  driver: string;
  source: LiveSensor['source'];
  /** In force when it began, dBm. */
  nowDbm: number;
  /** For the settings file; null without a gate. */
  line: string | null;
  /** UTC milliseconds until which the override holds; null where none was set. */
  appliedUntilMs: number | null;
}

export async function runCalibration(id: string, options: CalibrateOptions): Promise<void> {
  const needsEnter = options.walk === true && options.autoAdvance !== true;
  const lengthMs = applyLength(options);
  await guided({ json: options.json === true, needsEnter }, async (guide) => {
    const { loaded, sensor } = await findSensor(id, options);
    demandSniffer(sensor);
    const gatherer = new BurstGatherer();
    const live = await listen(sensor, loaded, options, (reading) => gatherer.take(reading));
    const listening = { live, guide, gatherer };
    let finding: GateFinding;
    try {
      finding = options.walk
        ? await byWalk(listening, options)
        : await byCrowd(listening, options.minutes * MINUTE_MS, id);
    } finally {
      await live.stop();
    }
    const { gateDbm } = finding;
    const applied = gateDbm !== null && lengthMs !== null;
    const calibration: Calibration = {
      ...{ sensor: sensor.id, driver: sensor.driver, source: live.source, nowDbm: sensor.gateDbm },
      ...finding,
      line: gateDbm === null ? null : `gate_dbm: ${gateDbm}`,
      appliedUntilMs: applied ? await applyGate(sensor, gateDbm, lengthMs, options) : null,
    };
    if (options.json) process.stdout.write(`${JSON.stringify(documentOf(calibration), null, 2)}\n`);
    else process.stdout.write(renderCalibration(calibration, terminalOf(process.stdout, process.env)));
    if (gateDbm === null) process.exitCode = NOTHING_FOUND;
  });
}

interface Listening {
  live: LiveSensor;
  guide: Guide;
  gatherer: BurstGatherer;
}

/**
 * The phone is carried about, not held at the farthest place inside and the nearest outside: these two say little of all
 * the others, and gates by them were twice as far from the best ones in simulated stores.
 */
async function byWalk(listening: Listening, options: CalibrateOptions): Promise<GateFinding> {
  const { guide } = listening;
  const walkMs = options.seconds * 1_000;
  guide.say(
    'Take a phone, switch its screen on and open its Wi-Fi (for a Bluetooth sensor its Bluetooth) settings page.',
  );
  guide.say('Keep that page open all the time: it makes the phone send every few seconds.');
  const part = async (words: string, lengthMs: number, near: readonly Burst[] | null): Promise<Burst[]> => {
    const message = `${words} (${formatDuration(lengthMs)})`;
    if (options.autoAdvance) guide.say(message);
    else await guide.enter(`${message}. There? Press Enter`);
    return hear(listening, lengthMs, (bursts) => heardOfLoudest(near ?? bursts, bursts));
  };
  const near = await part('1 of 3: hold it at the sensor', walkMs * NEAR_SHARE, null);
  const inside = await part('2 of 3: walk slowly wherever customers go, the farthest corner too', walkMs, near);
  const outside = await part(
    '3 of 3: walk slowly outside along the front, the whole way that passers-by take',
    walkMs,
    near,
  );
  return gateByWalk({ near, inside, outside });
}

async function byCrowd(listening: Listening, lengthMs: number, id: string): Promise<GateFinding> {
  listening.guide.say(`Listening for ${formatDuration(lengthMs)}. Best while customers are inside and people pass.`);
  return gateByCrowd(await hear(listening, lengthMs, (bursts) => bursts.length), id);
}

/** What is heard for so long from now on. Tells now and then how it goes. */
async function hear(
  { live, guide, gatherer }: Listening,
  lengthMs: number,
  countOf: (bursts: readonly Burst[]) => number,
): Promise<Burst[]> {
  const from = live.now() + Math.min(SETTLE_MS, lengthMs / 10);
  const to = live.now() + lengthMs;
  let nextWord = live.now() + WORD_MS;
  while (live.now() < to) {
    await sleep(Math.min(LOOK_MS, Math.max(1, to - live.now())), undefined, { signal: guide.signal }).catch(
      () => undefined,
    );
    if (guide.signal.aborted) throw interrupted();
    if (live.now() < nextWord || live.now() >= to) continue;
    nextWord += WORD_MS;
    await demandUp(live);
    guide.say(`  ${formatDuration(to - live.now())} left, ${countOf(gatherer.between(from, to))} bursts heard`);
  }
  await demandUp(live);
  return gatherer.between(from, to);
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

/** What `--json` prints. */
function documentOf({ sensor, driver, source, nowDbm, gateDbm, message, hint, line, ...rest }: Calibration): object {
  const { threshold, valley, ...evidence } = rest.evidence;
  return {
    ...{ sensor, driver, source, gate_now_dbm: nowDbm, gate_dbm: gateDbm, line, message, hint },
    evidence: {
      ...evidence,
      threshold: threshold && {
        ...{ low_dbm: threshold.low, high_dbm: threshold.high },
        ...{ inside_above: threshold.insideAbove, outside_below: threshold.outsideBelow },
        ...{ youden: threshold.youden, youden_low: threshold.youdenLow },
      },
      valley: valley && {
        ...{ at_dbm: valley.gateDbm, low_dbm: valley.low, high_dbm: valley.high },
        ...{ depth: valley.depth, above: valley.above, stability: valley.stability, clear: valley.clear },
      },
    },
    override_until_ms: rest.appliedUntilMs,
  };
}

function demandSniffer({ id, role }: SensorSettings): void {
  if (role === 'zone') return;
  const message = `expected a sniffer, which has a gate, found that "${id}" is ${role === 'door' ? 'a door' : 'a till'}`;
  const hint = role === 'door' ? `To check how it counts: footfall sensors test ${id} --walk` : '';
  throw endingWith(new AgentError('calibrate_needs_sniffer', message, hint), WRONG_USE);
}
