/** Brokers and strangers that send what they should not: nothing is lost, and memory stays bounded. */
import { afterEach, describe, expect, it } from 'vitest';
import { lengthBytes } from '../mqtt/packet-filter.ts';
import { ACK, acknowledging, bench, CONFIG, collect, delivered, endAll } from './bad-brokers.testing.ts';
import { EPOCH } from './fixtures.ts';
import { until } from './mosquitto.testing.ts';
import {
  DISCONNECT,
  filterOf,
  isBatch,
  isConnect,
  isSubscribe,
  messageOf,
  type Peer,
  packetOf,
} from './raw-broker.testing.ts';

afterEach(endAll);

describe('a broker or a stranger that sends what it should not', () => {
  const junk: [name: string, payload: Uint8Array | string, counted: string][] = [
    ['an empty message', '', 'empty'],
    ['invalid UTF-8', Buffer.from('{"epoch":"\xff\xfe"}', 'latin1'), 'malformed'],
    ['deep JSON', `${'['.repeat(32_000)}${']'.repeat(32_000)}`, 'malformed'],
    ['a deep object', `{"epoch":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`, 'malformed'],
    ['a number that is none', `{"epoch":"${EPOCH}","ok":[1],"rejected":[],"retry_after_s":NaN}`, 'malformed'],
    ['a wait without an end', `{"epoch":"${EPOCH}","ok":[1],"rejected":[],"retry_after_s":1e999}`, 'malformed'],
    ['a negative wait', `{"epoch":"${EPOCH}","ok":[1],"rejected":[],"retry_after_s":-1}`, 'malformed'],
    ['a message over 64 KiB', acknowledging(1).padEnd(70_000), 'oversized'],
    ['another epoch', acknowledging(1).replace(EPOCH, 'ffffffffffffffff'), 'other_epoch'],
    ['what was never sent', acknowledging(900), 'not_sent'],
    ['a prototype', `{"__proto__":{"ok":[1]},"constructor":{"prototype":{"ok":[1]}}}`, 'malformed'],
  ];
  it.each([4, 5] as const)('as an acknowledgement over MQTT %d is ignored and counted', async (protocol) => {
    const one = async ([name, payload, counted]: (typeof junk)[number]) => {
      const made = await bench((packet, peer) => {
        if (isConnect(packet) && peer.protocol > protocol) {
          peer.connack(0x84);
          return true;
        }
        if (!isBatch(packet)) return false;
        peer.puback(packet);
        peer.publish(ACK, payload);
        return true;
      }, 1);
      const of = () => made.uplink.state().ignoredAcks as Record<string, number>;
      await until(`the count of ${name}`, () => of()[counted] === 1);
      expect(made.uplink.state()).toMatchObject({ phase: 'connected', protocol, inFlight: 1, pausedUntil: null });
      expect(made.outbox.held.size).toBe(1);
      expect(Object.values(of()).reduce((sum, each) => sum + each)).toBe(1);
      expect(made.lines.join('\n')).not.toContain('[[');
    };
    await Promise.all(junk.map(one));
  });

  it('as 8,000 hostile messages at once costs neither batches nor the session', async () => {
    const kinds = [
      acknowledging(...Array.from({ length: 500 }, (_, index) => index + 7)),
      acknowledging(1).replace(EPOCH, 'ffffffffffffffff'),
      JSON.stringify({ epoch: EPOCH, ok: [], rejected: [{ seq: 77, code: 'conflict', message: 'other bytes' }] }),
      '{"epoch":',
    ];
    let flooded = 0;
    const made = await bench(
      (packet, peer) => {
        if (!isBatch(packet)) return false;
        peer.puback(packet);
        if (flooded > 0) return true;
        const flood = Buffer.concat(kinds.map((kind) => messageOf(peer.protocol, ACK, kind)));
        for (; flooded < 8_000; flooded += kinds.length) peer.socket.write(flood);
        peer.publish(ACK, acknowledging(1, 2, 3, 4));
        return true;
      },
      1,
      { sealed: 6 },
    );
    await until('the honest one', () => made.uplink.state().acknowledged > 0);
    // Not on its way when it was acknowledged.
    await until('what was on its way', () => made.outbox.held.size === 3);
    expect([...made.outbox.held.keys()]).toEqual([4, 5, 6]);
    expect(made.outbox.deadLetters).toEqual([]);
    expect(made.broker.connectedAt).toHaveLength(1);
    const { ignoredAcks } = made.uplink.state();
    expect(ignoredAcks).toMatchObject({ malformed: 2_000, retained: 0 });
    expect(made.lines.filter((line) => line.includes('Ignored')).length).toBeLessThanOrEqual(2);
  });

  it('as retained junk is ignored on acknowledgements and handed on from settings', async () => {
    const made = await bench((packet, peer) => {
      if (!isSubscribe(packet)) return collect(packet, peer);
      peer.suback(packet, 1);
      const filter = filterOf(packet, peer.protocol);
      peer.publish(filter, acknowledging(1), true);
      if (filter === CONFIG) {
        peer.publish(CONFIG, '');
        peer.publish(CONFIG, 'x'.repeat(70_000), true);
      }
      return true;
    }, 1);
    await delivered(made);
    expect(made.uplink.state().ignoredAcks.retained).toBe(1);
    expect(made.configs.map((each) => Buffer.from(each).toString())).toEqual([acknowledging(1)]);
  });

  it.each([4, 5] as const)('as a packet of 200 MB over MQTT %d is never held in memory', async (protocol) => {
    const part = Buffer.alloc(1 << 20, 'x');
    let sent = 0;
    const made = await bench((packet, peer) => {
      if (isConnect(packet) && peer.protocol > protocol) {
        peer.connack(0x84);
        return true;
      }
      if (!isSubscribe(packet) || sent > 0) return collect(packet, peer);
      peer.suback(packet, 1);
      const name = Buffer.from(ACK);
      const properties = peer.protocol === 5 ? [0] : [];
      const length = 2 + name.length + properties.length + (200 << 20);
      peer.socket.write(Buffer.from([0x30, ...lengthBytes(length), 0, name.length, ...name, ...properties]));
      for (; sent < 200; sent++) peer.socket.write(part);
      return true;
    }, 50);
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    await until('delivery', () => {
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      return made.outbox.held.size === 0;
    });
    expect(most).toBeLessThan(128 << 20);
    expect(made.broker.connectedAt).toHaveLength(2);
    if (protocol === 4) {
      // Cut, and the session went on.
      expect(made.uplink.state().ignoredAcks.empty).toBe(1);
    } else expect(made.lines.join()).toMatch(/the broker \S+ sent a packet of 2097\d{5} bytes/);
  });

  it.each([
    ['a length without an end', Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0xff])],
    ['a message of QoS 2', packetOf(0x34, 0, 1, 0x61, 0, 1, 0)],
    ['a message shorter than its topic', packetOf(0x30, 0xff, 0xff, 0x61)],
    ['flags that are reserved', packetOf(0x4f, 0, 1)],
    ['a second CONNACK', packetOf(0x20, 0, 0, 0)],
    ['a topic alias that was not offered', packetOf(0x30, 0, 1, 0x61, 3, 0x23, 0, 1)],
    ['noise', Buffer.from(Array.from({ length: 4_000 }, (_, index) => (index * 7919 + 13) & 255))],
  ])('as %s ends that session with its name, and the next delivers', async (_name, bytes) => {
    let sent = false;
    const made = await bench((packet, peer: Peer) => {
      if (!isBatch(packet) || sent) return collect(packet, peer);
      sent = true;
      peer.socket.write(bytes);
      return true;
    }, 50);
    await until('the end of the session', () => made.uplink.state().lastError !== null || made.outbox.held.size === 0);
    await delivered(made);
    expect(made.broker.connectedAt.length).toBeGreaterThanOrEqual(2);
    expect(made.lines.filter((line) => line.includes('Not connected'))).toHaveLength(1);
    expect(made.broker.packets.filter(({ type }) => type === DISCONNECT)).toEqual([]);
  });
});
