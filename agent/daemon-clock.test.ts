/** The whole daemon under a wall clock that is wrong, jumps, and begins anew with the machine. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryTransport } from '../drivers/transport/stream.ts';
import { SILENT_BOX } from './box.ts';
import type { Clock } from './clock.ts';
import { DOOR, settingsIn } from './daemon.fixture.ts';
import { Daemon } from './daemon.ts';
import { createLogging } from './logging.ts';
import { realClock, VirtualClock } from './platform/clock.ts';
import type { ClockTrust } from './readings.ts';
import { openStorageClient } from './storage/client.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOON = Date.UTC(2026, 2, 2, 12);
/** What a machine without a clock of its own believes at each boot. */
const FALSE_BOOT = Date.UTC(2020, 0, 1);

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'footfall-clock-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const settings = () => settingsIn(directory, [{ ...DOOR, silentMinutes: 600 }]);

/** One run of the daemon on a clock whose wall time can be set, and whose trust is told. */
async function boot(wallMs: number, trust: ClockTrust) {
  const clock = new VirtualClock(1_000);
  let ahead = wallMs - clock.wall();
  let clockTrust = trust;
  const wall: Clock = {
    monotonic: () => clock.monotonic(),
    wall: () => clock.wall() + ahead,
    after: (ms, task) => clock.after(ms, task),
    every: (ms, task) => clock.every(ms, task),
  };
  const line = new MemoryTransport();
  const daemon = await Daemon.start({
    settings: settings(),
    password: undefined,
    clock: wall,
    networkClock: realClock(),
    storage: openStorageClient({ path: join(directory, 'data', 'footfall.db'), machineId: 'lab' }),
    transport: () => line,
    random: () => 0.5,
    box: {
      ...SILENT_BOX,
      get clockTrust() {
        return clockTrust;
      },
    },
    logging: createLogging({ log: settings().log }),
  });
  return {
    daemon,
    pass: (ms: number) => clock.advanceTo(clock.monotonic() + ms),
    enter: (people: number) => line.push(Buffer.from(`${'+'.repeat(people)}\n`)),
    set(toMs: number, to: ClockTrust) {
      ahead = toMs - clock.wall();
      clockTrust = to;
    },
  };
}

const powerOff = (): void => rmSync(join(directory, 'run', 'day.key'));

interface Sealed {
  start_ms: number;
  end_ms: number;
  clock: ClockTrust;
  corrected: number | null;
  entries: number;
  covered: number;
  window: number;
}

/** What the batches say, as nothing was ever sent. */
function sealed(): Sealed[] {
  const database = new Database(join(directory, 'data', 'footfall.db'), { readonly: true });
  try {
    const rows = database.prepare('SELECT body FROM outbox ORDER BY sequence').all() as { body: Buffer }[];
    return rows.map(({ body }) => {
      const { data } = JSON.parse(body.toString());
      const [door, coverage] = ['door', 'coverage'].map((kind) =>
        data.records.find((record: { kind: string }) => record.kind === kind),
      );
      const { start_ms, end_ms, ordinal: window } = data.window;
      const { entries } = door;
      const { clock, clock_corrected_ms: corrected } = data;
      return { start_ms, end_ms, clock, corrected, entries, covered: coverage.covered_ms, window };
    });
  } finally {
    database.close();
  }
}

function historyKeys(): string[] {
  const database = new Database(join(directory, 'data', 'footfall.db'), { readonly: true });
  try {
    const rows = database.prepare('SELECT kind, place, window, rev FROM history').all();
    return rows.map((row) => JSON.stringify(row));
  } finally {
    database.close();
  }
}

describe('a wall clock that is wrong', () => {
  it('at boot: what was counted until it is right is told at its true time, and flagged', async () => {
    const box = await boot(FALSE_BOOT, 'unknown');
    await box.pass(MINUTE);
    box.enter(3);
    await box.pass(2 * MINUTE);
    box.set(NOON + 3 * MINUTE, 'unknown');
    await box.pass(MINUTE);
    expect(Math.abs(box.daemon.status().at_ms - (NOON + 4 * MINUTE))).toBeLessThanOrEqual(1);
    box.set(NOON + 4 * MINUTE, 'synchronised');
    box.enter(1);
    await box.pass(30 * MINUTE);
    await box.daemon.stop();
    const [first, second, third] = sealed();
    expect(first).toMatchObject({ clock: 'unknown', entries: 3, window: 1 });
    expect(Math.abs(first.start_ms - NOON)).toBeLessThanOrEqual(1_000);
    expect(first.corrected).toBe(first.start_ms - FALSE_BOOT);
    expect(second).toMatchObject({ start_ms: first.end_ms, end_ms: NOON + 15 * MINUTE, entries: 1, corrected: null });
    expect(third).toMatchObject({ clock: 'synchronised', entries: 0, window: 3 });
  });

  it.each([5 * HOUR, -5 * HOUR])(
    'for an hour, by %d ms: goes there and back, and counts everybody once',
    async (jump) => {
      const box = await boot(NOON, 'synchronised');
      await box.pass(20 * MINUTE);
      box.enter(1);
      box.set(NOON + 20 * MINUTE + jump, 'synchronised');
      await box.pass(HOUR);
      box.enter(2);
      box.set(NOON + 80 * MINUTE, 'synchronised');
      await box.pass(HOUR);
      box.enter(4);
      await box.pass(30 * MINUTE);
      await box.daemon.stop();
      const windows = sealed();
      expect(windows.map(({ window }) => window)).toEqual(windows.map((_, index) => index + 1));
      expect(windows.reduce((total, { entries }) => total + entries, 0)).toBe(7);
      expect(windows.filter(({ corrected }) => corrected !== null)).toHaveLength(2);
      expect(new Set(historyKeys()).size).toBe(historyKeys().length);
      expect(windows.at(-1)?.end_ms).toBe(NOON + 165 * MINUTE);
      // The line was read all the while; a report of ten seconds may straddle each of the two cuts.
      const covered = windows.reduce((total, window) => total + window.covered, 0);
      expect(covered).toBeGreaterThanOrEqual(165 * MINUTE - 2 * 20_000);
      expect(covered).toBeLessThanOrEqual(165 * MINUTE);
    },
  );

  it('that flaps each minute cuts no more than a window a minute', async () => {
    const box = await boot(NOON, 'synchronised');
    for (let minute = 0; minute < 20; minute++) {
      await box.pass(30_000);
      box.enter(1);
      box.set(NOON + minute * MINUTE + 3 * HOUR, 'synchronised');
      await box.pass(30_000);
      box.set(NOON + minute * MINUTE, 'synchronised');
    }
    await box.pass(40 * MINUTE);
    await box.daemon.stop();
    const windows = sealed();
    expect(windows.filter(({ corrected }) => corrected !== null).length).toBeLessThanOrEqual(21);
    expect(windows.reduce((total, { entries }) => total + entries, 0)).toBe(20);
  });

  it('at two boots, the same way: no record takes the place of another', async () => {
    for (const people of [2, 5]) {
      const box = await boot(FALSE_BOOT, 'unknown');
      await box.pass(MINUTE);
      box.enter(people);
      await box.pass(40 * MINUTE);
      await box.daemon.stop();
      powerOff();
    }
    const windows = sealed();
    expect(windows.map(({ window }) => window)).toEqual(windows.map((_, index) => index + 1));
    expect(windows.map(({ clock }) => clock)).toEqual(windows.map(() => 'unknown'));
    expect(windows.reduce((total, { entries }) => total + entries, 0)).toBe(7);
    const keys = historyKeys();
    expect(keys.length).toBeGreaterThan(2 * windows.length);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('at a boot after a false one, is right again at once where it is trusted', async () => {
    const future = await boot(Date.UTC(2038, 0, 1), 'unknown');
    await future.pass(MINUTE);
    future.enter(2);
    await future.pass(MINUTE);
    await future.daemon.stop();
    powerOff();
    const box = await boot(NOON, 'synchronised');
    expect(Math.abs(box.daemon.status().at_ms - NOON)).toBeLessThanOrEqual(1);
    await box.pass(MINUTE);
    box.enter(3);
    await box.pass(20 * MINUTE);
    await box.daemon.stop();
    const [first, second] = sealed();
    expect(first).toMatchObject({ start_ms: Date.UTC(2038, 0, 1), clock: 'unknown', corrected: null, entries: 2 });
    expect(second).toMatchObject({ end_ms: NOON + 15 * MINUTE, clock: 'synchronised', corrected: null, entries: 3 });
  });
});
