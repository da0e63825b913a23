import { describe, expect, it } from 'vitest';
import type { Burst } from './gate-bursts.ts';
import { BurstGatherer } from './gate-bursts.ts';
import { findPhone } from './gate-phone.ts';

function bursts(identity: string | null, ...values: number[]): Burst[] {
  return values.map((rssi, index) => ({ at: index * 5_000, rssi, identity, device: identity ?? String(index) }));
}

describe('the phone that is carried about', () => {
  const phone = {
    near: bursts('fingerprint a', -40, -38, -41),
    inside: bursts('fingerprint a', -60, -62),
    outside: bursts('fingerprint a', -75, -77),
  };

  it('is the one that is strong at the sensor and weaker elsewhere', () => {
    const till = bursts('address 1', -35, -36, -35);
    const passer = bursts('fingerprint b', -80, -70);
    const found = findPhone({
      near: [...till, ...phone.near, ...passer],
      inside: [...till, ...phone.inside, ...passer],
      outside: [...till, ...phone.outside, ...passer],
    });
    expect(found).toEqual({ by: 'fingerprint', near: 3, inside: [-60, -62], outside: [-75, -77] });
  });

  it('is nobody where two follow alike, or none does', () => {
    const twin = (part: readonly Burst[]): Burst[] => [
      ...part,
      ...part.map((burst) => ({ ...burst, identity: 'address 9' })),
    ];
    expect(findPhone({ near: twin(phone.near), inside: twin(phone.inside), outside: twin(phone.outside) })).toBeNull();
    expect(findPhone({ near: [], inside: [], outside: [] })).toBeNull();
    expect(findPhone({ ...phone, outside: [] })).toBeNull();
    expect(findPhone({ ...phone, near: phone.inside })).toBeNull();
  });

  it('is the strongest group where nothing but random addresses is heard', () => {
    const found = findPhone({
      near: bursts(null, -40, -42, -75, -80),
      inside: bursts(null, -60, -63, -58, -90),
      outside: bursts(null, -74, -76, -90),
    });
    expect(found).toEqual({ by: 'strongest', near: 2, inside: [-58, -60, -63], outside: [-74, -76] });
  });
});

describe('BurstGatherer', () => {
  const sighting = (at: number, rssi: number, device = 'x', more = {}) =>
    ({
      ...{ kind: 'sighting', at_ms: at, sensor: 's', device, random: true, fingerprint: 'f', rssi, channel: 1 },
      ...more,
    }) as const satisfies object as Parameters<BurstGatherer['take']>[0];

  it('joins the frames of a device within two seconds, and takes the strongest', () => {
    const gatherer = new BurstGatherer();
    for (const [at, rssi] of [
      [0, -70],
      [1_500, -60],
      [1_999, -65],
      [2_000, -50],
    ]) {
      gatherer.take(sighting(at, rssi));
    }
    gatherer.take(sighting(100, -80, 'y'));
    expect(gatherer.between(0, 3_000).map(({ at, rssi }) => [at, rssi])).toEqual([
      [0, -60],
      [2_000, -50],
      [100, -80],
    ]);
    expect(gatherer.between(1, 2_000)).toHaveLength(1);
  });

  it('knows a device by what lasts: a global address, a fingerprint, for Bluetooth the address', () => {
    const gatherer = new BurstGatherer();
    gatherer.take(sighting(0, -50, 'a', { random: false }));
    gatherer.take(sighting(0, -50, 'b'));
    gatherer.take(sighting(0, -50, 'c', { fingerprint: null }));
    gatherer.take(sighting(0, -50, 'd', { kind: 'ble', advertiser: 'phone' }));
    gatherer.take(sighting(0, -50, 'e', { kind: 'ble', advertiser: 'fixture' }));
    gatherer.take(sighting(0, -128, 'g'));
    const identities = gatherer.between(0, 1).map(({ identity }) => identity);
    expect(identities).toEqual(['address a', 'fingerprint f', null, 'address d']);
  });

  it('holds bounded memory under a flood of addresses', () => {
    const gatherer = new BurstGatherer();
    for (let number = 0; number < 120_000; number++) gatherer.take(sighting(number, -50, String(number)));
    const kept = gatherer.between(0, Number.POSITIVE_INFINITY);
    expect(kept.length).toBeLessThanOrEqual(50_000);
    expect(kept.at(-1)?.at).toBe(119_999);
  });
});
