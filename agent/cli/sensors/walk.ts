/** What a walk through a door says of its counter. Pure. */
import type { SensorSettings } from '../../settings/settings.ts';
import type { Crossings } from './live-door.ts';

export type Direction = 'in' | 'out';

/** One passage of one person, and what was counted meanwhile. */
export interface Passage {
  expected: Direction;
  counted: Crossings;
}

/** Of one direction. right + wrong + missing = asked. */
export interface DirectionScore {
  asked: number;
  right: number;
  /** Counted in the other direction instead. */
  wrong: number;
  missing: number;
  /** People counted beyond the one who walked. */
  extra: number;
}

export interface WalkSummary {
  sensor: string;
  driver: string;
  verdict: 'right' | 'reversed' | 'silent' | 'faulty';
  in: DirectionScore;
  out: DirectionScore;
  passages: Passage[];
  /** The change of the settings that would mend it; null where none would. */
  suggestion: { key: string; value: boolean; line: string } | null;
  /** Likely causes and what to look at, the likeliest first. */
  causes: string[];
}

/** Reversed even though so much of what was heard was right: somebody else may have passed. */
const STRAY_SHARE = 0.2;

export function judgeWalk(sensor: SensorSettings, passages: readonly Passage[]): WalkSummary {
  const score = { in: scoreOf('in', passages), out: scoreOf('out', passages) };
  const verdict = verdictOf(score.in, score.out);
  return {
    sensor: sensor.id,
    driver: sensor.driver,
    verdict,
    ...score,
    passages: [...passages],
    suggestion:
      verdict === 'reversed'
        ? { key: `sensors.${sensor.id}.swap`, value: !sensor.swap, line: `swap: ${!sensor.swap}` }
        : null,
    causes: verdict === 'right' ? [] : causesOf(sensor, score.in, score.out, verdict),
  };
}

/** What one passage was counted as, in a word. */
export function outcomeOf({ expected, counted }: Passage): 'right' | 'wrong' | 'missing' {
  if (counted[expected] > 0) return 'right';
  return counted[expected === 'in' ? 'out' : 'in'] > 0 ? 'wrong' : 'missing';
}

function scoreOf(direction: Direction, passages: readonly Passage[]): DirectionScore {
  const score = { asked: 0, right: 0, wrong: 0, missing: 0, extra: 0 };
  for (const passage of passages) {
    if (passage.expected !== direction) continue;
    score.asked++;
    score[outcomeOf(passage)]++;
    score.extra += Math.max(0, passage.counted.in + passage.counted.out - 1);
  }
  return score;
}

function verdictOf(entered: DirectionScore, left: DirectionScore): WalkSummary['verdict'] {
  const wrong = entered.wrong + left.wrong;
  const right = entered.right + left.right;
  if (wrong + right === 0) return 'silent';
  // A counter that knows one direction only is half wrong: turning it round would mend nothing.
  if (entered.wrong > 0 && left.wrong > 0 && right <= STRAY_SHARE * (right + wrong)) return 'reversed';
  const faults = wrong + entered.missing + left.missing + entered.extra + left.extra;
  return faults === 0 ? 'right' : 'faulty';
}

function causesOf(
  { driver }: SensorSettings,
  entered: DirectionScore,
  left: DirectionScore,
  verdict: WalkSummary['verdict'],
): string[] {
  if (verdict === 'silent') {
    return ['Nobody was counted: is this the sensor of this door, does it see the doorway, is it powered?'];
  }
  const causes: string[] = [];
  if (verdict === 'reversed') causes.push('It looks the other way round: turn it, or change swap in the settings.');
  for (const [name, score, other] of [
    ['in', entered, left],
    ['out', left, entered],
  ] as const) {
    if (verdict === 'reversed') break;
    if (score.asked > 0 && score.wrong === score.asked && other.wrong === 0) causes.push(oneWay(driver, name));
    else if (score.wrong > 0)
      causes.push(`Some who walk ${name} are taken the wrong way: it stands askew, or too near to where people turn.`);
    if (score.asked > 0 && score.missing === score.asked) causes.push(deaf(driver, name));
  }
  if ([entered, left].some(({ missing, asked }) => missing > 0 && missing < asked)) {
    causes.push(
      'Some are missed: too high or too wide a doorway for it, dirt on it, or a walk too fast or along the wall.',
    );
  }
  if (entered.extra + left.extra > 0) causes.push(twice(driver));
  return causes;
}

function oneWay(driver: string, name: Direction): string {
  if (driver === 'door-contact')
    return 'A contact knows no direction: choose what it counts (counts: in, out or both).';
  return `Who walks ${name} is counted as the other: it knows one direction only, or one of its two beams is covered.`;
}

function deaf(driver: string, name: Direction): string {
  if (driver === 'door-modbus') return `Nobody is counted ${name}: check ${name}_channel, and the wire of that relay.`;
  if (driver === 'door-contact')
    return `Nobody is counted ${name}: that is what the setting counts says, or the contact stays shut.`;
  return `Nobody is counted ${name}: this counter may not know that direction, or half of its field is covered.`;
}

function twice(driver: string): string {
  if (driver === 'door-contact') return 'Counted more than once: the contact bounces; raise debounce_ms.';
  if (driver === 'door-radar')
    return 'Counted more than once: raise hysteresis_mm, or move line_mm away from where people stand.';
  return 'Counted more than once: somebody else passed, a door leaf swings through its field, or it is too sensitive.';
}
