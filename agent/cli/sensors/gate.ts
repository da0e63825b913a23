/** The gate that what was heard speaks for, and how strongly. Pure. */
import type { Burst } from './gate-bursts.ts';
import { findPhone, type Phases } from './gate-phone.ts';
import { FEWEST_BURSTS, type Threshold, threshold } from './gate-threshold.ts';
import { FEWEST_FOR_VALLEY, findValley, type Valley } from './gate-valley.ts';

/** Below this J inside and outside sound too much alike for any gate. */
const LEAST_YOUDEN = 0.3;
const GOOD_YOUDEN = 0.7;
/** A device that stays is no measure of the room: only so many of its bursts count, evenly over the time. */
const MOST_OF_ONE = 5;
/** The same numbers for the same readings. */
const SEED = 20_250;

export interface GateEvidence {
  /** `walk`: a phone carried to known places; `crowd`: whoever happened to be around. */
  by: 'walk' | 'crowd';
  strength: 'good' | 'fair' | 'weak' | 'none';
  /** How the phone was told from others; null without a walk, or where none was. */
  phone: 'address' | 'fingerprint' | 'strongest' | null;
  /** Of the walk: the phone's bursts. Of the crowd: all, as `heard`. */
  bursts: { near: number; inside: number; outside: number } | { heard: number; used: number };
  threshold: Threshold | null;
  valley: Valley | null;
}

export interface GateFinding {
  /** Whole dBm; null where nothing speaks for any. */
  gateDbm: number | null;
  evidence: GateEvidence;
  /** What was found, for people. */
  message: string;
  /** What to do; empty where there is nothing to do. */
  hint: string;
}

/** The gate by a phone that was held at the sensor, carried about inside, and then outside in front. */
export function gateByWalk(phases: Phases): GateFinding {
  const phone = findPhone(phases);
  const none: GateEvidence = {
    ...{ by: 'walk', strength: 'none', phone: null, threshold: null, valley: null },
    bursts: { near: phases.near.length, inside: phases.inside.length, outside: phases.outside.length },
  };
  if (phone === null) {
    return refuse(none, 'your phone could not be told from the other devices around', PHONE_HINT);
  }
  const { by, near, inside, outside } = phone;
  const found: GateEvidence = {
    ...none,
    phone: by,
    bursts: { near, inside: inside.length, outside: outside.length },
  };
  if (Math.min(inside.length, outside.length) < FEWEST_BURSTS) {
    const heard = `your phone was heard ${inside.length} times inside and ${outside.length} times outside`;
    return refuse(found, `${heard}: ${FEWEST_BURSTS} each are needed for a number`, SILENT_HINT);
  }
  const parted = threshold(inside, outside, SEED);
  const evidence: GateEvidence = { ...found, threshold: parted };
  if (parted.youden < LEAST_YOUDEN) {
    return refuse(evidence, 'inside and outside sound alike to this sensor: no gate parts them', PLACE_HINT);
  }
  // Of others around nobody knows how many were taken for the phone.
  const strength = by === 'strongest' ? 'weak' : parted.youden >= GOOD_YOUDEN ? 'good' : 'fair';
  const told = `${percent(parted.insideAbove)} of your bursts inside are above it, ${percent(parted.outsideBelow)} of those outside below`;
  return {
    gateDbm: parted.gateDbm,
    evidence: { ...evidence, strength },
    message: told,
    hint:
      strength === 'weak' ? 'Weak: your phone was taken to be the strongest around. Repeat it in an empty store.' : '',
  };
}

/** The gate by a valley in how strong everybody around is: weak evidence at best. */
export function gateByCrowd(bursts: readonly Burst[], sensorId: string): GateFinding {
  const walk = `footfall sensors calibrate ${sensorId} --walk`;
  const used = thinned(bursts);
  const evidence: GateEvidence = {
    ...{ by: 'crowd', strength: 'none', phone: null, threshold: null, valley: null },
    bursts: { heard: bursts.length, used: used.length },
  };
  if (used.length < FEWEST_FOR_VALLEY) {
    const heard = `${used.length} bursts were heard that can be used`;
    return refuse(evidence, `${heard}: ${FEWEST_FOR_VALLEY} are needed`, `Listen for longer (--minutes), or ${walk}`);
  }
  const valley = findValley(used, SEED);
  if (valley.gateDbm === null || !valley.clear) {
    return refuse({ ...evidence, valley }, 'no clear valley between near and far', `To know: ${walk}`);
  }
  return {
    gateDbm: valley.gateDbm,
    evidence: { ...evidence, strength: 'weak', valley },
    message: `a valley ${percent(valley.depth)} deep between near and far, with ${percent(valley.above)} of the bursts above it`,
    hint: `Weak: the valley may part a shelf from another, not inside from outside. To know: ${walk}`,
  };
}

const PHONE_HINT =
  'Hold it at the sensor itself, screen on, Wi-Fi or Bluetooth page open. In vain? Do it before opening, with nobody else around.';
const SILENT_HINT = 'Keep its screen on and the Wi-Fi or Bluetooth page open all the time, and take longer: --seconds';
const PLACE_HINT = 'Move it away from the door and the window, deeper into the store, and calibrate again.';

function refuse(evidence: GateEvidence, message: string, hint: string): GateFinding {
  return { gateDbm: null, evidence, message, hint };
}

/** RSSI of the bursts; of one device that was heard again and again only some. */
function thinned(bursts: readonly Burst[]): number[] {
  const counts = new Map<string, number>();
  const nameOf = ({ identity, device }: Burst): string => identity ?? device;
  for (const burst of bursts) counts.set(nameOf(burst), (counts.get(nameOf(burst)) ?? 0) + 1);
  const seen = new Map<string, number>();
  const kept: number[] = [];
  for (const burst of bursts) {
    const name = nameOf(burst);
    const number = seen.get(name) ?? 0;
    seen.set(name, number + 1);
    const stride = Math.max(1, Math.ceil((counts.get(name) ?? 1) / MOST_OF_ONE));
    // A model's fingerprint is shared by many people: only an address is one device.
    if (number % stride === 0 || name.startsWith('fingerprint')) kept.push(burst.rssi);
  }
  return kept;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
