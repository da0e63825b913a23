/**
 * A fleet in a process of its own that is not quite `footfall simulate --fleet`: on a clock in haste, or with a fault planted.
 * Argument: a `ChildRequest` as JSON.
 */
import { driveFleet, type FleetVerbOptions } from '../../agent/cli/fleet/verb.ts';
import type { Clock } from '../../agent/clock.ts';
import { realClock } from '../../agent/platform/clock.ts';
import { type FleetPlant, PLANTED } from './fleet-plants.ts';

export interface ChildRequest {
  options: FleetVerbOptions;
  /** Times by which the fleet's timers come sooner. */
  haste: number;
  plant: FleetPlant | null;
}

function inHaste(clock: Clock, haste: number): Clock {
  return {
    monotonic: () => clock.monotonic() * haste,
    wall: () => clock.wall(),
    after: (ms, task) => clock.after(ms / haste, task),
    every: (ms, task) => clock.every(ms / haste, task),
  };
}

const { options, haste, plant } = JSON.parse(process.argv[2]) as ChildRequest;
process.exitCode = await driveFleet(options, {
  clock: inHaste(realClock(), haste),
  plant: plant === null ? {} : PLANTED[plant],
});
