import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryTransport } from '../drivers/transport/stream.ts';
import type { DoorRecord, EntryRecord } from './analytics/records.ts';
import { SILENT_BOX } from './box.ts';
import { DOOR, settingsIn } from './daemon.fixture.ts';
import { Daemon } from './daemon.ts';
import { requestLocal } from './local/client.ts';
import { createLogging } from './logging.ts';
import { realClock, VirtualClock } from './platform/clock.ts';
import type { SensorSettings, Settings } from './settings/settings.ts';
import { openStorageClient } from './storage/client.ts';

const START = Date.UTC(2026, 2, 2, 9);
const MINUTE = 60_000;
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'footfall-daemon-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const settingsOf = (sensors: SensorSettings[], windowMinutes?: number, data?: string): Settings =>
  settingsIn(directory, sensors, windowMinutes, data);

/** A daemon on a virtual clock whose sensors' lines are in memory. */
async function start(settings: Settings, atMs: number) {
  const clock = new VirtualClock(atMs);
  const lines = new Map<string, MemoryTransport>();
  const daemon = await Daemon.start({
    settings,
    password: undefined,
    clock,
    networkClock: realClock(),
    storage: openStorageClient({ path: join(settings.storage.directory, 'footfall.db'), machineId: 'lab' }),
    transport: ({ id }) => {
      const line = new MemoryTransport();
      lines.set(id, line);
      return line;
    },
    random: () => 0.5,
    box: SILENT_BOX,
    logging: createLogging({ log: settings.log }),
  });
  const send = (sensor: string, text: string): void => {
    lines.get(sensor)?.push(Buffer.from(text));
  };
  return { daemon, clock, send };
}

function history<R>(kind: string): R[] {
  const database = new Database(join(directory, 'data', 'footfall.db'), { readonly: true });
  try {
    const rows = database.prepare('SELECT body FROM history WHERE kind = ? ORDER BY window, place').all(kind);
    return (rows as { body: string }[]).map(({ body }) => JSON.parse(body) as R);
  } finally {
    database.close();
  }
}

describe('Daemon', () => {
  it('goes on after an orderly end where it was, to the last person', async () => {
    const first = await start(settingsOf([DOOR]), START);
    await first.clock.advanceTo(START + MINUTE);
    first.send('front', '+++-\n');
    await first.daemon.stop();
    const second = await start(settingsOf([DOOR]), START + 2 * MINUTE);
    expect(second.daemon.status().today).toMatchObject({ entries: 3, exits: 1, occupancy: 2 });
    second.send('front', '++\n');
    await second.clock.advanceTo(START + 16 * MINUTE);
    await second.daemon.stop();
    expect(history<DoorRecord>('door')).toMatchObject([{ window: 1, entries: 5, exits: 1 }]);
  });

  it('takes new sensors at once and other new settings from the next window, and says which counted', async () => {
    const first = await start(settingsOf([DOOR]), START);
    await first.clock.advanceTo(START + MINUTE);
    first.send('front', '+\n');
    await first.daemon.stop();
    const side: SensorSettings = { ...DOOR, id: 'side', place: 'side' };
    const second = await start(settingsOf([side, DOOR], 5), START + 2 * MINUTE);
    await second.clock.advanceTo(START + 3 * MINUTE);
    second.send('front', '+\n');
    second.send('side', '++\n');
    await second.clock.advanceTo(START + 26 * MINUTE);
    await second.daemon.stop();
    const doors = history<DoorRecord>('door');
    const spans = [...new Set(doors.map(({ start_ms, end_ms }) => `${start_ms - START} ${end_ms - START}`))];
    expect(spans).toEqual([`0 ${15 * MINUTE}`, `${15 * MINUTE} ${20 * MINUTE}`, `${20 * MINUTE} ${25 * MINUTE}`]);
    expect(doors.slice(0, 2)).toMatchObject([
      { place: 'front', entries: 2 },
      { place: 'side', entries: 2 },
    ]);
    const [before, after] = history<EntryRecord>('entry');
    expect(before.parameters).not.toBe(after.parameters);
  });

  it('censors nothing and keeps its key on a restart, and counts on with a new one when it is gone', async () => {
    const first = await start(settingsOf([DOOR]), START);
    expect(first.daemon.status().clock.key).not.toBe('kept');
    await first.daemon.stop();
    const second = await start(settingsOf([DOOR]), START + MINUTE);
    const rows = second.daemon.status().process.ordinal;
    await second.daemon.stop();
    rmSync(join(directory, 'run', 'day.key'));
    const third = await start(settingsOf([DOOR]), START + 2 * MINUTE);
    // One row more: the key is another one.
    expect(third.daemon.status().process.ordinal).toBe(rows + 1);
    await third.daemon.stop();
  });

  it('answers with what storage holds now, not when it was last asked', async () => {
    const { daemon, clock } = await start(settingsOf([DOOR], 1), START);
    for (const windows of [1, 3]) {
      await clock.advanceTo(START + windows * MINUTE + 20_000);
      const answer = await requestLocal(daemon.socketPath, 'GET', '/status');
      expect(answer).toMatchObject({ buffer: { held: windows, sealed_through: windows, oldest_sequence: 1 } });
    }
    await daemon.stop();
  });

  it('leaves nothing running when it cannot start', async () => {
    const running = await start(settingsOf([DOOR]), START);
    await expect(start(settingsOf([DOOR]), START)).rejects.toMatchObject({ code: 'database_in_use' });
    // Another database, but the same socket.
    await expect(start(settingsOf([DOOR], 15, 'other'), START)).rejects.toMatchObject({
      code: 'daemon_already_running',
    });
    const answer = await requestLocal(running.daemon.socketPath, 'GET', '/status');
    expect(answer).toMatchObject({ v: 1, gateway: 'one' });
    await running.daemon.stop();
    expect(existsSync(running.daemon.socketPath)).toBe(false);
    const again = await start(settingsOf([DOOR], 15, 'other'), START);
    await again.daemon.stop();
  });
});
