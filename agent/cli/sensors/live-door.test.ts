import { describe, expect, it } from 'vitest';
import type { LiveReading } from './live.ts';
import { LiveDoor } from './live-door.ts';

function door(entered: number, left: number, total: boolean, at = 0): LiveReading {
  return { kind: 'door', at_ms: at, sensor: 'main', in: entered, out: left, total };
}

describe('LiveDoor', () => {
  it('adds events up', () => {
    const live = new LiveDoor();
    expect(live.take(door(1, 0, false, 5))).toEqual({ in: 1, out: 0 });
    expect(live.take(door(0, 2, false, 9))).toEqual({ in: 0, out: 2 });
    expect(live.counted).toEqual({ in: 1, out: 2 });
    expect(live).toMatchObject({ totals: null, lastMs: 9, restarts: 0 });
  });

  it('takes differences of totals, of which the first says nothing', () => {
    const live = new LiveDoor();
    expect(live.take(door(100, 90, true, 1))).toBeNull();
    expect(live.take(door(100, 90, true, 2))).toEqual({ in: 0, out: 0 });
    expect(live.lastMs).toBeNull();
    expect(live.take(door(101, 92, true, 3))).toEqual({ in: 1, out: 2 });
    expect(live.counted).toEqual({ in: 1, out: 2 });
  });

  it('makes no people of a counter that was restarted', () => {
    const live = new LiveDoor();
    live.take(door(100, 90, true));
    expect(live.take(door(2, 1, true))).toBeNull();
    expect(live.take(door(3, 1, true))).toEqual({ in: 1, out: 0 });
    expect(live).toMatchObject({ restarts: 1, counted: { in: 1, out: 0 } });
  });

  it('leaves readings of other kinds alone', () => {
    const live = new LiveDoor();
    expect(live.take({ kind: 'till', at_ms: 1, sensor: 'till', transactions: 3 })).toEqual({ in: 0, out: 0 });
    expect(live.counted).toEqual({ in: 0, out: 0 });
  });
});
