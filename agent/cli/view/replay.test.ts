import { describe, expect, it } from 'vitest';
import type { BleRecord, SealedWindow, WindowRecord } from '../../analytics/records.ts';
import { renderReplay } from './replay.ts';

const START = Date.UTC(2026, 2, 2, 9);
const WINDOW = 15 * 60_000;

function ble(place: string, phones: number, open: number): BleRecord {
  return {
    kind: 'ble',
    place,
    store: 'shop',
    rev: 1,
    window: 1,
    start_ms: START,
    end_ms: START + WINDOW,
    parameters: 'p',
    advertisements: 900,
    random_advertisements: 800,
    late_advertisements: 0,
    untracked_advertisements: 0,
    phone_minutes: phones,
    fixture_minutes: 30,
    other_minutes: 3,
    phones_max: 9,
    minutes: 15,
    open_minutes: open,
  };
}

function render(...windows: WindowRecord[][]): string[] {
  const sealed = windows.map((records, index): SealedWindow => {
    const startMs = START + index * WINDOW;
    return {
      ordinal: index + 1,
      startMs,
      endMs: startMs + WINDOW,
      skipped: 0,
      warmUp: false,
      clock: 'synchronised',
      correctedMs: null,
      records,
    };
  });
  const report = { file: 'day.stream', windows: sealed, sensors: [], lastMs: START + 9 * WINDOW, timeZone: 'UTC' };
  return renderReplay(report, { width: 120, colour: false }).split('\n');
}

describe('the table of a replay', () => {
  it('has a column of Bluetooth where there is Bluetooth', () => {
    const lines = render([ble('floor', 45, 15)], [ble('floor', 0, 0)]);
    expect(lines[0]).toMatch(/INSIDE +BLE$/);
    expect(lines[1]).toMatch(/ 3\.0$/);
    expect(lines[2]).toMatch(/ –$/);
    expect(lines.join('\n')).toContain('BLE: mean Bluetooth phones of a minute');
    expect(render([])[0]).not.toContain('BLE');
  });

  it('shows the store of several zones, not one of them', () => {
    expect(render([ble('floor', 15, 15), ble('back', 30, 15), ble('store', 36, 15)])[1]).toMatch(/ 2\.4$/);
  });
});
