import { describe, expect, it } from 'vitest';
import { LiveSettings } from './live-settings.ts';
import { parseSettings } from './settings/load.ts';
import type { EffectiveSettings, Override } from './settings/settings.ts';

const TEXT = `tenant: lab
gateway: one
store: { id: shop, time_zone: UTC, hours: { daily: 24h } }
sensors: [{ id: front, driver: door-lines, port: /dev/front, door: front }]
`;

function effective(text = TEXT, over: Partial<EffectiveSettings> = {}): EffectiveSettings {
  const settings = parseSettings(text, 'shop.yaml');
  const read = { settings, path: '/shop.yaml', text, source: 'file' as const, mistakes: [], overrides: [] };
  return { ...read, remote: null, loadedMs: 5, ...over };
}

describe('live settings', () => {
  it('change nothing until what was compared is accepted', () => {
    const first = effective();
    const live = new LiveSettings(first.settings, first, 1);
    const next = live.compare(effective(`${TEXT}counting: { window_minutes: 5 }\n`, { loadedMs: 9 }), ['a note']);
    expect(next.outcome).toEqual({
      state: 'current',
      applied: ['counting.window_minutes'],
      restart: [],
      mistakes: [],
      notes: ['a note'],
    });
    expect(live.current).toBe(first.settings);
    live.accept(next);
    expect(live.current.counting.windowMinutes).toBe(5);
    expect(live.document()).toMatchObject({ state: 'current', loaded_ms: 9 });
  });

  it('keep until a restart what only a restart can change, and take it back where the file does', () => {
    const first = effective();
    const live = new LiveSettings(first.settings, first, 1);
    const moved = effective(TEXT.replace('UTC', 'Europe/Prague').replace('tenant: lab', 'tenant: acme'));
    live.accept(live.compare(moved, []));
    expect(live.current).toMatchObject({ tenant: 'lab', store: { timeZone: 'UTC' } });
    expect(live.document().state).toBe('restart_needed');
    expect(live.document().restart_keys.sort()).toEqual(['store.time_zone', 'tenant']);
    live.accept(live.compare(first, []));
    expect(live.document()).toMatchObject({ state: 'current', restart_keys: [] });
  });

  it('still name what waits for a restart when the file breaks after that', () => {
    const first = effective();
    const live = new LiveSettings(first.settings, first, 1);
    live.accept(live.compare(effective(TEXT.replace('one', 'two')), []));
    const kept = { source: 'last_good' as const, mistakes: ['/shop.yaml:1:1: wrong'] };
    live.accept(live.compare(effective(TEXT.replace('one', 'two'), kept), []));
    expect(live.document()).toMatchObject({ state: 'last_good', mistakes: ['/shop.yaml:1:1: wrong'] });
    expect(live.document().restart_keys).toEqual(['gateway']);
  });

  it('hold where neither the file nor a copy can be read, and say so', () => {
    const first = effective();
    const live = new LiveSettings(first.settings, first, 1);
    expect(live.refuse(['cannot read it'], 7)).toMatchObject({ state: 'last_good', mistakes: ['cannot read it'] });
    expect(live.current).toBe(first.settings);
    expect(live.document()).toMatchObject({ state: 'last_good', loaded_ms: 7 });
  });

  it('know when the next override ends', () => {
    const overrides: Override[] = [
      { key: 'log.level', value: 'debug', untilMs: 70 },
      { key: 'uplink.window', value: 4, untilMs: 50 },
    ];
    const first = effective(TEXT, { overrides });
    expect(new LiveSettings(first.settings, first, 1).nextExpiryMs).toBe(50);
    expect(new LiveSettings(first.settings, null, 1)).toMatchObject({ nextExpiryMs: Number.POSITIVE_INFINITY });
    expect(new LiveSettings(first.settings, null, 1).document().path).toBeNull();
  });

  it('are read again when an override ends, once, and after a minute where that failed', async () => {
    const override: Override = { key: 'log.level', value: 'debug', untilMs: 1_000 };
    const first = effective(TEXT, { overrides: [override] });
    const live = new LiveSettings(first.settings, first, 1);
    const logged: string[] = [];
    const log = (_level: string, fields: Record<string, unknown>): void => void logged.push(String(fields.reason));
    let asked = 0;
    const reload = async (): Promise<void> => {
      asked++;
      if (asked === 1) throw new Error('not now');
      live.accept(live.compare(effective(TEXT), []));
    };
    for (const now of [999, 1_000, 1_001, 60_999]) live.endOverrides(now, reload, log);
    await Promise.resolve();
    expect({ asked, logged }).toEqual({ asked: 1, logged: ['not now'] });
    live.endOverrides(61_000, reload, log);
    for (const now of [61_001, 200_000]) live.endOverrides(now, reload, log);
    expect(asked).toBe(2);
  });
});
