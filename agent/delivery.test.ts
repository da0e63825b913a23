import { describe, expect, it } from 'vitest';
import { Delivery } from './delivery.ts';
import type { OpenSession, SessionFailure, SessionRequest } from './mqtt/session.ts';
import { VirtualClock } from './platform/clock.ts';
import { parseSettings } from './settings/load.ts';
import { EPOCH, MemoryOutbox, scriptedBroker, settle } from './uplink/fixtures.ts';

const TEXT = `tenant: lab
gateway: one
store: { id: shop, time_zone: UTC, hours: { daily: 24h } }
sensors: [{ id: front, driver: door-lines, port: /dev/front, door: front }]
uplink: { url: "mqtt://broker" }
`;

describe('delivery', () => {
  it('makes one uplink after the other, though settings and the epoch change at the same moment', async () => {
    const broker = scriptedBroker();
    const ended = new Set<SessionRequest>();
    const open: OpenSession = (request, events) => {
      const closed = (failure: SessionFailure) => {
        ended.add(request);
        events.closed(failure);
      };
      return broker.open(request, { ...events, closed });
    };
    const delivery = new Delivery({
      outbox: new MemoryOutbox(),
      epoch: EPOCH,
      clock: new VirtualClock(Date.UTC(2026, 2, 2, 9)),
      random: () => 0.5,
      log: () => {},
      open,
      facts: async () => {
        const facts = { firstSequence: 1, sealedThrough: 0, oldestHeld: null, previous: null, config: null };
        return { ...facts, parameters: 'p1', version: '0.1.0', sensors: [] };
      },
    });
    const standing = () =>
      broker.sessions.flatMap(({ request }) => (request === null || ended.has(request) ? [] : [request]));
    await delivery.use(parseSettings(TEXT, 'shop.yaml'), undefined);
    await settle();
    expect(standing()).toHaveLength(1);
    const changes = [
      delivery.use(parseSettings(TEXT.replace('//broker', '//another'), 'shop.yaml'), undefined),
      delivery.renew('f'.repeat(16)),
    ];
    await Promise.all(changes);
    await settle();
    expect(standing().map(({ target }) => target.host)).toEqual(['another']);
    await delivery.stop();
    await settle();
    expect(standing()).toEqual([]);
  });
});
