/** A room's day with kills, and its ledger. */
import { expect } from 'vitest';
import { MOSQUITTO } from './broker.ts';
import { SOCAT } from './pty.ts';
import { ROOM_MISSING, roomSteps } from './room.ts';
import { type RoomRun, type RoomRunOptions, runRoom } from './room-run.ts';

/** Null where everything is there, else why these tests cannot run. */
export const KILLS_MISSING =
  ROOM_MISSING ?? (SOCAT === null ? 'needs socat' : null) ?? (MOSQUITTO === null ? 'needs mosquitto' : null);
export const KILLS_NOTE = KILLS_MISSING === null ? '' : ` (skipped: ${KILLS_MISSING})`;

const STEP_MS = 5_000;
export const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
/** Told with every figure, so that a run can be repeated. */
export const repeat = `repeat with SEED=${seed}`;

export interface KillOutcome extends RoomRun {
  sent: number;
  counted: number;
  /** Sequences and windows that are nowhere, and windows claimed twice. */
  missing: number;
  double: number;
  atRisk: number;
  lost: number;
  doorSent: number;
  doorCounted: number;
}

/** @param hours of the day; all of it where undefined. @param killSeed of the moments of the kills. */
export async function runWithKills(
  name: string,
  directory: string,
  hours: number | undefined,
  kills: number,
  options: Partial<RoomRunOptions> = {},
  killSeed = seed,
): Promise<KillOutcome> {
  const steps = roomSteps({ stepMs: STEP_MS, rebootAfterMs: 45 * 60_000, ...(hours === undefined ? {} : { hours }) });
  const startMs = steps[0].timeMs - STEP_MS;
  const last = steps[steps.length - 1];
  const run = await runRoom({
    directory,
    steps,
    startMs,
    endMs: last.timeMs + 120_000,
    kills: { kills, seed: killSeed },
    ...options,
    settings: { windowMinutes: 1, ...options.settings },
  });
  const records = run.ledger.records;
  const sum = (count: (record: (typeof records)[number]) => number): number =>
    records.reduce((total, record) => total + count(record), 0);
  const outcome = {
    ...run,
    sent: steps.reduce((total, step) => total + step.frames, 0),
    counted: sum((record) => (record.kind === 'traffic' ? record.sightings : 0)),
    missing: run.ledger.missingSequences.length + run.ledger.missingWindows.length,
    double: run.ledger.doubleWindows.length,
    atRisk: run.kills.reduce((total, kill) => total + kill.atRisk, 0),
    lost: run.kills.reduce((total, kill) => total + kill.lost, 0),
    doorSent: last.entered + last.left,
    doorCounted: sum((record) => (record.kind === 'door' ? record.entries + record.exits : 0)),
  };
  const by = (victim: string): number => run.kills.filter((kill) => kill.victim === victim).length;
  const daemon = run.kills.filter((kill) => kill.victim === 'daemon');
  console.log(
    `${name} (${repeat}): killed daemon ${by('daemon')}, broker ${by('broker')}, collector ${by('collector')} times; ` +
      `${run.sealedThrough} batches sealed, ${run.ledger.batches} stored, ${outcome.missing} missing, ${outcome.double} double; ` +
      `${outcome.sent - outcome.counted} of ${outcome.sent} sightings lost, ${outcome.atRisk} were at risk ` +
      `(one commit interval of 5 s and one step of 5 s before each kill); door ${outcome.doorCounted} of ${outcome.doorSent}\n` +
      `each kill of the daemon, lost of at risk (longest loop stall): ` +
      daemon.map((kill) => `${kill.lost} of ${kill.atRisk} (${kill.stallMs} ms)`).join(', '),
  );
  return outcome;
}

/** The oracle: what must hold of any run, whatever was killed when. */
export function expectNothingLost(outcome: KillOutcome): void {
  expect(outcome.missing, `missing; ${repeat}`).toBe(0);
  expect(outcome.double, `double; ${repeat}`).toBe(0);
  expect(outcome.held, `held; ${repeat}`).toBe(0);
  expect(outcome.ledger.epochs).toHaveLength(1);
  for (const kill of outcome.kills) expect(kill.lost, repeat).toBeLessThanOrEqual(kill.atRisk);
  // Nothing else is lost than what the databases did not hold, and nothing of that turns up again.
  expect(outcome.sent - outcome.counted, repeat).toBe(outcome.lost);
  // A cumulative counter tells after the kill what passed during it: no person is lost at the door.
  expect(outcome.doorCounted, repeat).toBe(outcome.doorSent);
}
