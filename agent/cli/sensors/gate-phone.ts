/** Which of the devices around is the installer's phone: the one that follows where it is carried. Pure. */
import type { Burst } from './gate-bursts.ts';
import { median } from './gate-statistics.ts';

/** What was heard in each phase of a calibration. */
export interface Phases {
  /** The phone is held at the sensor. */
  near: readonly Burst[];
  /** It is carried about inside, and then outside in front. */
  inside: readonly Burst[];
  outside: readonly Burst[];
}

/** RSSI of the phone's bursts in the two phases that are to be parted. */
export interface PhoneBursts {
  /** How it was told from others. */
  by: 'address' | 'fingerprint' | 'strongest';
  near: number;
  inside: number[];
  outside: number[];
}

/** Bursts at the sensor without which a device is not taken for the phone. */
const FEWEST_NEAR = 2;
/** At the sensor it is at least so much stronger than at the weaker of the other places, dB; what is installed is not, */
const LEAST_DROP_DB = 10;
/** and so much stronger than at the other one: who only came nearer or went is not. */
const LEAST_LEAD_DB = 5;
/** Two that come this near to each other at the sensor cannot be told apart, dB. */
const ALIKE_DB = 3;
/** A group of bursts ends where nothing is heard for this many dB. */
const GROUP_GAP_DB = 8;

/** Null where no device follows, or two do. */
export function findPhone(phases: Phases): PhoneBursts | null {
  const candidates = [...identitiesOf(phases.near)]
    .map((identity) => ({ identity, heard: heardOf(phases, (burst) => burst.identity === identity) }))
    .filter(({ heard }) => follows(heard))
    .map(({ identity, heard }) => ({ identity, heard, strength: median(heard.near) }))
    .sort((one, other) => other.strength - one.strength);
  const [first, second] = candidates;
  if (first !== undefined) {
    if (second !== undefined && first.strength - second.strength < ALIKE_DB) return null;
    const { near, inside, outside } = first.heard;
    const by = first.identity.startsWith('address') ? 'address' : 'fingerprint';
    return { by, near: near.length, inside, outside };
  }
  return strongestGroup(phases);
}

/** The strongest device at the sensor so far, for telling how it goes on: how often it was heard in these bursts. */
export function heardOfLoudest(near: readonly Burst[], bursts: readonly Burst[]): number {
  const loudest = near.reduce<Burst | null>(
    (best, burst) => (best === null || burst.rssi > best.rssi ? burst : best),
    null,
  );
  if (loudest === null) return 0;
  return bursts.filter(({ identity }) => identity === loudest.identity).length;
}

interface Heard {
  near: number[];
  inside: number[];
  outside: number[];
}

function follows({ near, inside, outside }: Heard): boolean {
  if (near.length < FEWEST_NEAR || inside.length === 0 || outside.length === 0) return false;
  const [weaker, stronger] = [median(inside), median(outside)].sort((one, other) => one - other);
  return median(near) - weaker >= LEAST_DROP_DB && median(near) - stronger >= LEAST_LEAD_DB;
}

/**
 * Random addresses that tell nothing else: of each phase the strongest group, which is the phone's only while nobody else
 * is around.
 */
function strongestGroup(phases: Phases): PhoneBursts | null {
  const nameless = heardOf(phases, ({ identity }) => identity === null);
  const heard = {
    near: topGroup(nameless.near),
    inside: topGroup(nameless.inside),
    outside: topGroup(nameless.outside),
  };
  if (!follows(heard)) return null;
  return { by: 'strongest', near: heard.near.length, inside: heard.inside, outside: heard.outside };
}

function topGroup(values: readonly number[]): number[] {
  const descending = values.toSorted((one, other) => other - one);
  const gap = descending.findIndex((value, index) => index > 0 && descending[index - 1] - value > GROUP_GAP_DB);
  return gap < 0 ? descending : descending.slice(0, gap);
}

function identitiesOf(bursts: readonly Burst[]): Set<string> {
  return new Set(bursts.map(({ identity }) => identity).filter((identity) => identity !== null));
}

function heardOf({ near, inside, outside }: Phases, mine: (burst: Burst) => boolean): Heard {
  const rssiOf = (bursts: readonly Burst[]): number[] => bursts.filter(mine).map(({ rssi }) => rssi);
  return { near: rssiOf(near), inside: rssiOf(inside), outside: rssiOf(outside) };
}
