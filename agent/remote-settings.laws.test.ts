import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from './platform/clock.ts';
import { RemoteSettings } from './remote-settings.ts';
import { changesBetween } from './settings/changes.ts';
import { readAll } from './settings/effective.ts';
import { applyLayers } from './settings/layers.ts';
import { weigh } from './settings/remote-asked.ts';
import { NOTHING_KEPT, readKept, rejectedOutcome } from './settings/remote-layer.ts';
import type { RemoteOutcome } from './settings/settings.ts';
import { NOW, openShop } from './settings/shop.fixture.ts';

const MINUTE = 60_000;
const UPLINK = 'uplink: { url: "mqtt://broker.example", username: gw, password_file: /etc/footfall/pw }\n';

function bytes(message: unknown): Uint8Array {
  return Buffer.from(typeof message === 'string' ? message : JSON.stringify(message));
}

describe('a hostile centre', () => {
  const name = fc.oneof(
    fc.constantFrom('counting', 'store', 'sensors', 'uplink', 'log', 'storage', 'locked', 'tenant', 'metrics', 'clock'),
    fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '*', '', '.', 'log.level'),
    fc.constantFrom('grace_seconds', 'window_minutes', 'hours', 'exceptions', 'zones', 'level', 'modules', 'window'),
    fc.constantFrom(
      'url',
      'password',
      'password_file',
      'directory',
      'port',
      'driver',
      'id',
      'gate_dbm',
      'zone',
      'source',
    ),
    fc.string({ maxLength: 5 }),
  );
  const leaf = fc.oneof(
    fc.constantFrom<unknown>(1e308, -1e308, -0, 2 ** 53, null, true, '', '/etc/shadow', '$(reboot)', 'closed', '24h'),
    fc.constantFrom<unknown>('debug', 5, 15, -60, 'mqtt://elsewhere', 'cafe', ['shop'], ['cafe'], []),
    fc.string({ maxLength: 8 }),
    fc.integer(),
  );
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      leaf,
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.array(fc.tuple(name, tie('tree')), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
    ),
  }));
  /** Mostly right, so that much of it is in force. */
  const whole = fc.integer({ min: 1, max: 60 });
  const likely = fc.record(
    {
      counting: fc.record({ grace_seconds: whole, passing_seconds: whole, visit_gap_seconds: fc.constant(60) }),
      log: fc.record({ level: fc.constantFrom('debug', 'info', 'warn', 'loud') }),
      sensors: fc.array(fc.record({ id: fc.constant('front'), gate_dbm: whole.map((dbm) => -dbm) }), { maxLength: 1 }),
      store: fc.record({ exceptions: fc.dictionary(fc.constantFrom('2026-12-24'), fc.constantFrom('closed', '24h')) }),
    },
    { requiredKeys: [] },
  );
  const spoilt = fc.tuple(likely, name, tree).map(([right, key, wrong]) => ({ ...right, [key]: wrong }));
  const revision = fc.oneof(fc.string({ maxLength: 4 }), fc.uuid());
  const deep = (open: string, close: string) =>
    fc
      .integer({ min: 1, max: 60_000 / (open + close).length })
      .map((depth) => open.repeat(depth) + close.repeat(depth));
  const payload = fc.oneof(
    { weight: 2, arbitrary: fc.record({ revision: fc.uuid(), settings: likely }).map(bytes) },
    { weight: 4, arbitrary: fc.record({ revision, settings: spoilt }).map(bytes) },
    { weight: 4, arbitrary: fc.record({ revision, settings: tree }).map(bytes) },
    { weight: 1, arbitrary: tree.map((each) => bytes(JSON.stringify(each) ?? '')) },
    { weight: 1, arbitrary: deep('[', ']').map((text) => bytes(`{"revision":"r","settings":{"counting":${text}}}`)) },
    {
      weight: 1,
      arbitrary: deep('{"a":', '}').map((text) => bytes(`{"revision":"r","settings":${text.replace('}', '1}')}}`)),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
    { weight: 1, arbitrary: fc.integer({ min: 65_000, max: 70_000 }).map((size) => Buffer.alloc(size, '{"a":')) },
  );

  it('changes nothing but what it may, throws nothing, and its word is never too long to be told', async () => {
    const shop = openShop(`${UPLINK}locked: [counting.visit_gap_seconds]\n`);
    const { base } = readAll({ path: shop.path, nowMs: NOW, environment: {} });
    const laid = { ...base, value: base.source.value };
    const allowed =
      /^(counting\.(window_minutes|grace_seconds|passing_seconds)|store\.(hours|exceptions)|sensors\.\w+\.(gate_dbm|silent_minutes|zone)|uplink\.window|log\.(level|modules\.\w+))$/;
    const clock = new VirtualClock(NOW);
    const faults: string[] = [];
    let kept = NOTHING_KEPT;
    const settingsNow = () => applyLayers(base, laid.value, { remote: kept, overrides: [], notes: [] }, NOW);
    const live = {
      remote: null as RemoteOutcome | null,
      noteRemote: (outcome: RemoteOutcome): void => void Object.assign(live, { remote: outcome }),
    };
    const asked = new RemoteSettings({
      source: {
        weigh: (message) => ({ directory: '', before: kept, after: weigh(laid, kept, message) }),
        // As a file would give it back.
        keep: (_directory, after) => {
          const read = readKept(JSON.parse(JSON.stringify(after))) ?? NOTHING_KEPT;
          const same = read.revision === kept.revision && isDeepStrictEqual(read.values, kept.values);
          kept = same ? { ...read, values: kept.values } : read;
        },
      },
      reload: async () => void Object.assign(live, { remote: settingsNow().outcome }),
      live,
      changed: () => undefined,
      clock,
      log: (_level, fields, message) => void (message.endsWith('dealt with') && faults.push(JSON.stringify(fields))),
    });
    let [minutes, applied] = [0, 0];
    let [laidValues, layered] = [kept.values, settingsNow()];
    await fc.assert(
      fc.asyncProperty(payload, async (each) => {
        await clock.advanceTo(NOW + ++minutes * MINUTE);
        await asked.take(each);
        // Most messages leave what is in force as it is.
        if (kept.values !== laidValues) [laidValues, layered] = [kept.values, settingsNow()];
        const { settings } = layered;
        const outcome = kept.rejected === null ? layered.outcome : rejectedOutcome(kept.rejected);
        const { live: changed, restart } = changesBetween(base.settings, settings);
        expect({ restart, faults }).toEqual({ restart: [], faults: [] });
        for (const key of changed) expect(key).toMatch(allowed);
        expect(outcome).toEqual(live.remote);
        expect(JSON.stringify(outcome).length).toBeLessThan(16_384);
        if (outcome?.state === 'applied' && changed.length > 0) applied++;
      }),
      { numRuns: 2_000 },
    );
    shop.remove();
    expect(applied).toBeGreaterThan(100);
    expect(Object.keys(Object.prototype)).toEqual([]);
  }, 60_000);
});
