import type { Random } from './random.ts';

/**
 * What is true in one simulated store. Each is drawn by the seed from its range unless the caller fixes it; drawing one
 * never moves another.
 */
export interface StoreParameters {
  /** Mean people passing in front per open hour: 20 to 1,500. */
  passersPerHour: number;
  /** Passers-by per hour while closed, as a share of `passersPerHour`: 0.01 to 0.08. */
  closedShare: number;
  /** Hour-of-day profile: time of the two peaks as shares of the opening time, and their heights over the base. */
  peaks: readonly { at: number; height: number }[];
  /** Mean share of open-hour passers-by who come in: 0.03 to 0.3. */
  entersShare: number;
  /** How far that share swings over the day: 0 to 0.3. */
  entersSwing: number;
  /** Chance of a day with a campaign, which raises traffic by 15 % and the share that enters by 35 %: 0 to 0.2. */
  campaignChance: number;

  /** Median of the log-normal stay, milliseconds: 2 to 12 min. */
  stayMedianMs: number;
  /** Deviation of its logarithm: 0.8 to 1.1. */
  staySigma: number;
  /** Share of stays under one minute: 0.15 to 0.35, or what the log-normal itself has where that is more. */
  turnRoundShare: number;
  /** Length of street within radio reach, metres: 15 to 40. Walked at 1.0 to 1.6 m/s. */
  reachMetres: number;
  /** Distance of the street from the front, metres: 2 to 6. */
  streetMetres: number;
  /** Width of the front and depth of the store, metres. */
  size: { width: number; depth: number };

  /** Phones with Wi-Fi per person at the start: 0.6 to 1.3, as 0, 1 or 2 a person. */
  phonesPerPerson: number;
  /** Relative change of that over 60 days: -0.4 to 0.4. */
  phonesDrift: number;
  /** Share of phones that advertise over Bluetooth: 0.6. */
  advertiserShare: number;
  staff: number;
  fixtures: number;
  /** Things installed that advertise over Bluetooth, such as beacons, televisions and tags: 2 to 15. */
  advertisingFixtures: number;

  /** Log-distance path loss exponent: 2.2 to 3.5. */
  pathLossExponent: number;
  /** Deviation of shadowing, dB: 4 to 8. */
  shadowingDb: number;
  /** Loss through a body, dB: 3 to 10; in the way of 60 % of bursts. */
  bodyLossDb: number;
  /** Loss through the front, dB: 1 to 6. */
  frontLossDb: number;
  /** Share of frames in range that a sniffer misses: 0.05 to 0.4. */
  frameLoss: number;

  /** Chance that a door counter misses a passage: 0.005, 0.01, 0.03 or 0.05, in and out together. */
  doorMiss: number;
  /** Chance of a miss going in over the chance going out: 0.7 to 1.4. */
  doorMissRatio: number;
  /** Chance that a group of two or more, going through together, is counted one short: 0.1 to 0.3. */
  doorGroupShort: number;
  /** People who turn back in the door and are counted in and out, as a share of those who enter: 0.02 to 0.08. */
  doorTurnBack: number;
}

/** Draws the parameters; those in `fixed` are kept. */
export function drawParameters(random: Random, fixed: Partial<StoreParameters>): StoreParameters {
  const draw = (name: keyof StoreParameters, low: number, high: number) => random.fork(name).uniform(low, high);
  const whole = (name: keyof StoreParameters, low: number, high: number) => random.fork(name).integer(low, high);
  const peaks = random.fork('peaks');
  const size = random.fork('size');
  const drawn: StoreParameters = {
    passersPerHour: Math.exp(draw('passersPerHour', Math.log(20), Math.log(1500))),
    closedShare: draw('closedShare', 0.01, 0.08),
    peaks: [
      { at: peaks.uniform(0.2, 0.45), height: peaks.uniform(0.2, 1.2) },
      { at: peaks.uniform(0.6, 0.9), height: peaks.uniform(0.4, 2) },
    ],
    entersShare: draw('entersShare', 0.03, 0.3),
    entersSwing: draw('entersSwing', 0, 0.3),
    campaignChance: draw('campaignChance', 0, 0.2),
    stayMedianMs: draw('stayMedianMs', 2, 12) * 60_000,
    staySigma: draw('staySigma', 0.8, 1.1),
    turnRoundShare: draw('turnRoundShare', 0.15, 0.35),
    reachMetres: draw('reachMetres', 15, 40),
    streetMetres: draw('streetMetres', 2, 6),
    size: { width: size.uniform(5, 15), depth: size.uniform(6, 20) },
    phonesPerPerson: draw('phonesPerPerson', 0.6, 1.3),
    phonesDrift: draw('phonesDrift', -0.4, 0.4),
    advertiserShare: 0.6,
    staff: whole('staff', 2, 12),
    fixtures: whole('fixtures', 3, 30),
    advertisingFixtures: whole('advertisingFixtures', 2, 15),
    pathLossExponent: draw('pathLossExponent', 2.2, 3.5),
    shadowingDb: draw('shadowingDb', 4, 8),
    bodyLossDb: draw('bodyLossDb', 3, 10),
    frontLossDb: draw('frontLossDb', 1, 6),
    frameLoss: draw('frameLoss', 0.05, 0.4),
    doorMiss: random.fork('doorMiss').choice([0.005, 0.01, 0.03, 0.05]),
    doorMissRatio: draw('doorMissRatio', 0.7, 1.4),
    doorGroupShort: draw('doorGroupShort', 0.1, 0.3),
    doorTurnBack: draw('doorTurnBack', 0.02, 0.08),
  };
  return { ...drawn, ...fixed };
}
