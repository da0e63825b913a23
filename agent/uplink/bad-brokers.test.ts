/** Brokers that refuse, stay silent or are slow: the state names each, nothing is lost, and it comes back. */
import { afterEach, describe, expect, it } from 'vitest';
import { ACK, bench, CONFIG, collect, delivered, endAll, sequenceOf } from './bad-brokers.testing.ts';
import { EPOCH } from './fixtures.ts';
import { until } from './mosquitto.testing.ts';
import { filterOf, isBatch, isConnect, isSubscribe, type Packet, PUBLISH, type Script } from './raw-broker.testing.ts';

afterEach(endAll);

/** CONNACK codes, what the state calls them, and words of the reason. */
const REFUSALS_311 = [
  [1, 'broker', 'does not speak this version'],
  [2, 'identity', 'refused the client identifier'],
  [3, 'broker', 'not ready'],
  [4, 'login', 'user name or password'],
  [5, 'login', 'not authorised'],
] as const;
const REFUSALS_5 = [
  [0x80, 'broker', 'does not tell'],
  [0x81, 'other', 'could not read'],
  [0x82, 'other', 'broke the rules'],
  [0x83, 'broker', 'does not tell'],
  [0x84, 'broker', 'does not speak this version'],
  [0x85, 'identity', 'refused the client identifier'],
  [0x86, 'login', 'user name or password'],
  [0x87, 'login', 'not authorised'],
  [0x88, 'broker', 'not ready'],
  [0x89, 'broker', 'is busy'],
  [0x8a, 'login', 'has banned'],
  [0x8c, 'login', 'another way of logging in'],
  [0x90, 'denied', 'refused the topic name'],
  [0x95, 'other', 'too large'],
  [0x97, 'broker', 'quota'],
  [0x99, 'other', 'payload'],
  [0x9a, 'broker', 'retained'],
  [0x9b, 'broker', 'QoS 1'],
  [0x9c, 'broker', 'another server'],
  [0x9d, 'broker', 'has moved'],
  [0x9f, 'broker', 'too many connections'],
] as const;

describe('a broker that refuses the connection', () => {
  it.each([
    [4, REFUSALS_311],
    [5, REFUSALS_5],
  ] as const)('with any CONNACK of MQTT %d is named, asked again, and delivered to', async (version, refusals) => {
    const one = async ([code, kind, words]: (typeof refusals)[number]) => {
      let refused = 0;
      const refuse: Script = (packet, peer) => {
        if (!isConnect(packet)) return collect(packet, peer);
        // A 3.1.1 broker knows nothing of MQTT 5 and says so.
        peer.connack(version === 4 && peer.protocol === 5 ? 0x84 : code);
        refused++;
        return true;
      };
      const made = await bench(refuse, 100);
      await until(`refusals with ${code}`, () => refused >= 4);
      const { lastError, lastErrorKind, published } = made.uplink.state();
      expect([code, lastErrorKind, published]).toEqual([code, kind, 0]);
      expect(lastError).toMatch(/^the broker 127\.0\.0\.1:\d+ /);
      expect(lastError).toContain(words);
      made.broker.script = collect;
      await delivered(made);
      expect(made.uplink.state()).toMatchObject({ phase: 'connected', lastError: null, acknowledged: 1 });
    };
    await Promise.all(refusals.map(one));
  });

  it('is asked at intervals that differ and grow', async () => {
    const made = await bench((packet, peer) => {
      if (isConnect(packet)) peer.connack(0x89);
      return true;
    }, 200);
    await until('attempts', () => made.broker.connectedAt.length >= 9);
    const at = made.broker.connectedAt;
    const waits = at.slice(1).map((each, index) => each - at[index]);
    expect(new Set(waits.map((wait) => Math.round(wait))).size).toBeGreaterThan(2);
    // The limits of the later ones are 16 to 128 s, of the first ones 1 to 8 s: all small is one chance in millions.
    expect(Math.max(...waits.slice(4))).toBeGreaterThan(8_000 / 200);
  });
});

describe('a broker that does not do its part', () => {
  it('and never answers CONNECT is given 30 s, named, and tried again', async () => {
    const made = await bench(() => true, 200);
    await until('the deadline', () => made.uplink.state().lastError !== null);
    expect(made.uplink.state().lastError).toMatch(/^no answer from 127\.0\.0\.1:\d+ within 30 s$/);
    expect(made.uplink.state().lastErrorKind).toBe('network');
    await until('another attempt', () => made.broker.connectedAt.length >= 3);
    made.broker.script = collect;
    await delivered(made);
  });

  it('and never answers SUBSCRIBE gets nothing published, and is named', async () => {
    const made = await bench((packet) => isSubscribe(packet), 200);
    await until('the deadline', () => made.uplink.state().lastError !== null);
    expect(made.uplink.state()).toMatchObject({ lastErrorKind: 'network', published: 0 });
    made.broker.script = collect;
    await delivered(made);
  });

  it.each([0x80, 0x87, 0x8f, 0x97])(
    'and denies the acknowledgements with 0x%x gets nothing published',
    async (code) => {
      const made = await bench((packet, peer) => {
        if (!isSubscribe(packet)) return false;
        peer.suback(packet, code);
        return true;
      }, 100);
      await until('the denial', () => made.broker.connectedAt.length >= 3);
      expect(made.uplink.state()).toMatchObject({ lastErrorKind: 'denied', published: 0 });
      expect(made.uplink.state().lastError).toContain(`refused the subscription to ${ACK}`);
      made.broker.script = collect;
      await delivered(made);
    },
  );

  it('and denies the settings only is delivered to, and the denial stays named', async () => {
    const made = await bench(
      (packet, peer) => {
        if (!isSubscribe(packet)) return collect(packet, peer);
        peer.suback(packet, filterOf(packet, peer.protocol) === CONFIG ? 0x87 : 1);
        return true;
      },
      1,
      { sealed: 5 },
    );
    await delivered(made);
    expect(made.uplink.state()).toMatchObject({ phase: 'connected', acknowledged: 5, lastErrorKind: 'partial' });
    expect(made.uplink.state().lastError).toContain(`refused the subscription to ${CONFIG}`);
    expect(made.broker.connectedAt).toHaveLength(1);
  });

  it('and ends the connection over the settings is delivered to without them', async () => {
    const made = await bench(
      (packet, peer) => {
        if (!isSubscribe(packet) || filterOf(packet, peer.protocol) !== CONFIG) return false;
        peer.socket.destroy();
        return true;
      },
      50,
      { sealed: 20, window: 2 },
    );
    await until('a session without them', () => made.uplink.state().lastErrorKind === 'partial');
    expect(made.uplink.state().phase).toBe('connected');
    expect(made.uplink.state().lastError).toContain(`when ${CONFIG} is subscribed to`);
    expect(made.broker.connectedAt).toHaveLength(3);
  });

  it('and takes nothing that is published is named after a minute, left after ten, and handed no heap of copies', async () => {
    const made = await bench((packet) => packet.type === PUBLISH, 600, { sealed: 50 });
    let seen = made.uplink.state();
    await until('the complaint', () => {
      seen = made.uplink.state();
      return seen.lastErrorKind !== null;
    });
    expect(seen).toMatchObject({ lastErrorKind: 'broker', acknowledged: 0 });
    expect(seen.lastError).toMatch(/^the broker has taken nothing of what is published for \d+ s$/);
    await until('another connection', () => made.broker.connectedAt.length >= 2);
    expect(made.broker.batches.length).toBeLessThanOrEqual(made.broker.connectedAt.length * 2 * 4);
    made.broker.script = collect;
    await delivered(made);
    expect(made.uplink.state().acknowledged).toBe(50);
  });

  it('and delivers no acknowledgement is named after two minutes, with what it says of subscribers', async () => {
    const made = await bench((packet, peer) => {
      if (!isBatch(packet)) return false;
      const at = 2 + packet.body.readUInt16BE(0);
      peer.send(0x40, packet.body[at], packet.body[at + 1], 0x10);
      return true;
    }, 300);
    await until('the complaint', () => made.uplink.state().lastErrorKind !== null);
    expect(made.uplink.state()).toMatchObject({ phase: 'connected', lastErrorKind: 'unacknowledged', inFlight: 1 });
    expect(made.uplink.state().lastError).toMatch(
      /^no collector has acknowledged a batch for \d+ s: the broker says that nobody subscribes to ff\/v1\/acme\/gw-1\/up\/batch$/,
    );
    made.broker.script = collect;
    await delivered(made);
    expect(made.uplink.state()).toMatchObject({ lastError: null, lastErrorKind: null });
    expect(made.broker.connectedAt).toHaveLength(1);
  });

  it('and reads 100 bytes a second keeps what is unsent on the box, is named, and is delivered to once it is quick', async () => {
    let slow = true;
    const made = await bench(
      (packet, peer) => {
        if (slow && isSubscribe(packet) && !peer.socket.isPaused()) {
          peer.suback(packet, 1);
          // From here on: 100 of its bytes for each of its seconds, of which 300 pass in one.
          const trickle = setInterval(() => {
            if (!slow) {
              clearInterval(trickle);
              peer.socket.resume();
            } else peer.socket.read(100);
          }, 1000 / 300);
          peer.socket.on('close', () => clearInterval(trickle));
          peer.socket.pause();
          return true;
        }
        return collect(packet, peer);
      },
      300,
      { sealed: 0, window: 4 },
    );
    for (let sequence = 1; sequence <= 40; sequence++) {
      made.outbox.seal(sequence, Buffer.from(`${'x'.repeat(60_000)}batch ${sequence}`));
    }
    made.uplink.notify(40);
    await until('the complaint', () => made.uplink.state().lastErrorKind === 'broker');
    expect(made.uplink.state().inFlight).toBeLessThanOrEqual(4);
    expect(made.uplink.state().published).toBeLessThanOrEqual(8);
    expect(made.outbox.held.size).toBe(40);
    slow = false;
    await delivered(made);
    expect(made.uplink.state().acknowledged).toBe(40);
  });

  it('and asks for a wait is not published to until then, whatever breaks meanwhile', async () => {
    const made = await bench(
      (packet, peer) => {
        if (!isBatch(packet)) return false;
        peer.puback(packet);
        const ack = { epoch: EPOCH, ok: [sequenceOf(packet)], rejected: [], retry_after_s: 100 };
        peer.publish(ACK, JSON.stringify(ack));
        return true;
      },
      50,
      { sealed: 3, window: 1 },
    );
    await until('the pause', () => made.uplink.state().pausedUntil !== null);
    const { batches } = made.broker;
    expect(batches).toHaveLength(1);
    made.broker.cut();
    await until(
      'other connections',
      () => made.broker.connectedAt.length >= 2 && made.uplink.state().phase === 'connected',
    );
    made.broker.script = collect;
    expect(made.uplink.state().pausedUntil).not.toBeNull();
    expect(made.broker.batches).toHaveLength(1);
    await delivered(made);
    expect(made.uplink.state().pausedUntil).toBeNull();
  });

  it('and allows three messages in flight never has more, whatever the window', async () => {
    const properties = [0x21, 0, 3];
    const open: Packet[] = [];
    let most = 0;
    const made = await bench(
      (packet, peer) => {
        if (isConnect(packet)) {
          peer.connack(0, properties);
          return true;
        }
        if (packet.type !== PUBLISH) return false;
        open.push(packet);
        most = Math.max(most, open.length);
        // Late enough for all that the client dares.
        setTimeout(() => {
          const first = open.shift();
          if (first === undefined) return;
          if (collect(first, peer) !== true) peer.puback(first);
        }, 3);
        return true;
      },
      1,
      { sealed: 100, window: 64 },
    );
    await delivered(made);
    expect(most).toBe(3);
  });
});
