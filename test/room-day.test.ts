import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { WindowRecord } from '../agent/analytics/records.ts';
import { Replay } from '../agent/replay.ts';
import { loadSettings } from '../agent/settings/load.ts';
import { toParameters } from '../agent/settings/parameters.ts';
import { MOSQUITTO } from './support/broker.ts';
import { byKey } from './support/ledger.ts';
import { SOCAT } from './support/pty.ts';
import { ROOM_MISSING, roomSteps, type Step } from './support/room.ts';
import { runRoom } from './support/room-run.ts';

const missing =
  ROOM_MISSING ?? (SOCAT === null ? 'needs socat' : null) ?? (MOSQUITTO === null ? 'needs mosquitto' : null);
const directory = mkdtempSync(join(tmpdir(), 'footfall-room-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const STEP_MS = 5_000;
const HOUR_MS = 3_600_000;

async function foldOffline(
  settingsPath: string,
  steps: Step[],
  startMs: number,
  endMs: number,
): Promise<WindowRecord[]> {
  const records: WindowRecord[] = [];
  const replay = new Replay({
    parameters: toParameters(loadSettings(settingsPath)),
    startMs,
    decoders: new Map([['ceiling', { linkType: 127 }]]),
    sealed: (window) => records.push(...window.records),
  });
  for (const step of steps) {
    await replay.advanceTo(step.timeMs);
    replay.deliver('ceiling', step.wifi);
    replay.deliver('entrance', step.door);
  }
  await replay.advanceTo(endMs);
  return records.sort(byKey);
}

describe.skipIf(missing !== null)(
  `a real room's day through ptys, a broker and a collector${missing === null ? '' : ` (${missing})`}`,
  () => {
    it('delivers every window once, equal to an offline fold of the same bytes, in flat memory', {
      timeout: 240_000,
    }, async () => {
      const steps = roomSteps({ stepMs: STEP_MS, rebootAfterMs: 3 * HOUR_MS });
      const startMs = steps[0].timeMs - STEP_MS;
      // The store closes at 18:00 local time and is settled half an hour later.
      const endMs = Date.parse('2023-02-28T18:00:00Z');
      const run = await runRoom({ directory, steps, startMs, endMs });
      const offline = await foldOffline(join(directory, 'gateway', 'footfall.yaml'), steps, startMs, endMs);

      const frames = steps.reduce((sum, step) => sum + step.frames, 0);
      const sightings = run.ledger.records.reduce(
        (sum, record) => sum + (record.kind === 'traffic' ? record.sightings : 0),
        0,
      );
      const rss = run.memory.map((sample) => sample.rss);
      const half = Math.floor(rss.length / 2);
      const [early, late] = [Math.max(...rss.slice(2, half)), Math.max(...rss.slice(half))];
      console.log(
        `room day: ${frames} probe requests sent, ${sightings} counted; ${run.sealedThrough} batches sealed, ` +
          `${run.ledger.batches} stored, ${run.ledger.records.length} records; resident memory ` +
          `${(early / 2 ** 20).toFixed(0)} MiB in the first half, ${(late / 2 ** 20).toFixed(0)} MiB in the second`,
      );

      expect(run.ledger.missingSequences).toEqual([]);
      expect(run.ledger.missingWindows).toEqual([]);
      expect(run.ledger.doubleWindows).toEqual([]);
      expect(run.held).toBe(0);
      expect(run.ledger.records).toEqual(offline);
      // The record that the reboot tore is sent again by the harness, so every frame is counted.
      expect(sightings).toBe(frames);
      const last = steps[steps.length - 1];
      const door = run.ledger.records.filter((record) => record.kind === 'door');
      expect(door.reduce((sum, record) => sum + record.entries, 0)).toBe(last.entered);
      expect(door.reduce((sum, record) => sum + record.exits, 0)).toBe(last.left);
      expect(run.ledger.records.some((record) => record.kind === 'day')).toBe(true);
      expect(late).toBeLessThan(early * 1.15 + 8 * 2 ** 20);
    });
  },
);
