import { describe, expect, it } from 'vitest';
import { gapMessage } from './contract/gap.ts';
import { Lineage } from './lineage.ts';
import { VirtualClock } from './platform/clock.ts';
import { parseSettings } from './settings/load.ts';
import type { EpochOrigin, Opened, Quarantine } from './storage/storage.ts';

const TEXT = `tenant: lab
gateway: one
store: { id: shop, time_zone: UTC, hours: { daily: 24h } }
sensors: [{ id: front, driver: door-lines, port: /dev/front, door: front }]
`;

function opened(epoch: string, origin: EpochOrigin, quarantined: Quarantine | null = null): Opened {
  return {
    ...{ epoch, origin, quarantined, previous: null, firstSequence: 1, nextSequence: 1, gaps: [] },
    ...{ lastWindow: 0, sealedBefore: null, snapshot: null, journal: [], openHealth: [] },
  };
}

function lineageOf(first: Opened) {
  const [events, logged] = [[] as string[], [] as string[]];
  const settings = parseSettings(TEXT, 'shop.yaml');
  const clock = new VirtualClock(Date.UTC(2026, 2, 2, 9));
  const lineage = new Lineage(first, {
    settings: () => settings,
    clock,
    log: (level, _fields, message) => void logged.push(`${level} ${message}`),
    event: (code, message) => void events.push(`${code}: ${message}`),
  });
  return { lineage, events, logged, clock };
}

describe('the epochs of a box', () => {
  it('are told where one begins, and as an event where one had been before', () => {
    const kept = lineageOf(opened('a'.repeat(16), 'kept'));
    kept.lineage.tell();
    expect(kept).toMatchObject({ events: [], logged: [] });
    const first = lineageOf(opened('a'.repeat(16), 'new'));
    first.lineage.tell();
    expect(first).toMatchObject({ events: [], logged: ['info a new epoch begins'] });
    const moved = lineageOf(opened('a'.repeat(16), 'moved'));
    moved.lineage.tell();
    expect(moved).toMatchObject({ events: ['epoch_began: moved'], logged: ['warn a new epoch begins'] });
  });

  it('end over a conflict at most once a day, however often a collector claims one', async () => {
    const { lineage, clock } = lineageOf(opened('a'.repeat(16), 'kept'));
    expect([lineage.conflicted(), lineage.conflicted()]).toEqual([true, false]);
    await clock.advanceTo(clock.monotonic() + 24 * 3_600_000 - 1);
    expect(lineage.conflicted()).toBe(false);
    await clock.advanceTo(clock.monotonic() + 1);
    expect(lineage.conflicted()).toBe(true);
  });

  it('are told of in what is sealed from the moment on that another database goes on', () => {
    const { lineage, events } = lineageOf(opened('a'.repeat(16), 'kept'));
    const ranges = [{ epoch: 'a'.repeat(16), fromSequence: 3, toSequence: 5, reason: 'damaged' as const }];
    const sealed = (): unknown => {
      const text = Buffer.from(lineage.encoders.encodeGap(ranges, 9)).toString();
      const { epoch, sequence, ranges: told } = gapMessage.parse(JSON.parse(text)).data;
      return { epoch, sequence, told };
    };
    const told = [{ epoch: 'a'.repeat(16), from_seq: 3, to_seq: 5, reason: 'damaged' }];
    expect(sealed()).toEqual({ epoch: 'a'.repeat(16), sequence: 9, told });
    const salvaged = { batches: 2, deadLetters: 0, history: 7, snapshot: true };
    const aside = { path: '/data/footfall.db.damaged', found: 'a flipped page', salvaged };
    lineage.goOnIn(opened('b'.repeat(16), 'damaged', aside));
    expect(lineage.epoch).toBe('b'.repeat(16));
    expect(sealed()).toEqual({ epoch: 'b'.repeat(16), sequence: 9, told });
    expect(events).toEqual([
      'database_quarantined: a flipped page; kept as /data/footfall.db.damaged',
      'epoch_began: damaged',
    ]);
  });
});
