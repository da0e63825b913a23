import { describe, expect, it } from 'vitest';
import { stateMessage } from '../contract/messages.ts';
import { EPOCH, settle } from './fixtures.ts';
import type { ObservedMessage } from './observed.ts';
import { ACK, OLD, SECRET, statesOf, uplinkBench } from './uplink.fixture.ts';

describe('uplink', () => {
  it('is born retained, before its batches, with a will of the same birth', async () => {
    const { uplink, outbox, last, pass } = uplinkBench();
    outbox.seal(1);
    uplink.start();
    await settle();
    expect(uplink.state()).toMatchObject({ phase: 'connecting', protocol: null });
    const session = last();
    session.prompt = true;
    session.events?.ready();
    await settle();
    expect(uplink.state()).toMatchObject({ phase: 'connected', protocol: 5, lastError: null, inFlight: 1 });
    expect(session.publications.map(({ topic, retain }) => [topic, retain])).toEqual([
      ['ff/v1/acme/gw-1/up/state', true],
      ['ff/v1/acme/gw-1/up/batch', false],
    ]);
    const [birth] = statesOf(session);
    expect(birth).toMatchObject({ online: true, epoch: EPOCH, sealed_through: 9, oldest_held: 3 });
    expect(birth.previous).toMatchObject({ epoch: OLD, last_sequence: 40, end: 'damaged' });
    const will = stateMessage.parse(JSON.parse(Buffer.from(session.request?.will?.payload ?? []).toString()));
    expect(will).toMatchObject({ online: false, birth: birth.birth });
    await pass(15 * 60_000);
    expect(statesOf(session)).toHaveLength(2);
    expect(statesOf(session)[1]).toMatchObject({ online: true, birth: birth.birth });
  });

  it('gives each connection another birth, and its database the same client id', async () => {
    const { uplink, broker, pass } = uplinkBench();
    uplink.start();
    for (let attempt = 0; attempt < 2; attempt++) {
      await pass(1_000);
      broker.sessions[attempt].events?.ready();
      await settle();
      broker.sessions[attempt].abort({ reason: 'gone', verdict: 'other' });
    }
    const [first, second] = broker.sessions;
    expect(statesOf(first)[0].birth).not.toBe(statesOf(second)[0].birth);
    expect(first.request?.clientId).toBe(second.request?.clientId);
    expect(first.request?.clientId).toMatch(/^[0-9a-z]{1,23}$/);
  });

  it('says that it is offline when it is stopped, and touches nothing afterwards', async () => {
    const { uplink, outbox, last, pass, broker } = uplinkBench();
    outbox.seal(1);
    uplink.start();
    await settle();
    last().events?.ready();
    await settle();
    const stopped = uplink.stop();
    await settle();
    last().publications[2].answer();
    await stopped;
    expect(statesOf(last()).map((state) => state.online)).toEqual([true, false]);
    expect(last().disconnected).toBe(true);
    expect(uplink.state()).toMatchObject({ phase: 'off', inFlight: 0 });
    const { reads } = outbox;
    uplink.notify(2);
    await pass(3_600_000);
    expect(outbox.reads).toBe(reads);
    expect(broker.sessions).toHaveLength(1);
  });

  it('stops in time though the broker no longer answers', async () => {
    const { uplink, last, pass } = uplinkBench();
    uplink.start();
    await settle();
    last().events?.ready();
    await settle();
    const stopped = uplink.stop();
    await settle();
    await pass(2_000);
    await stopped;
    expect(uplink.state().phase).toBe('off');
  });

  it('ignores acknowledgements that are retained, empty, malformed, oversized, of another epoch or topic', async () => {
    const { uplink, outbox, last } = uplinkBench();
    outbox.seal(1);
    uplink.start();
    await settle();
    last().events?.ready();
    await settle();
    const good = JSON.stringify({ epoch: EPOCH, ok: [1], rejected: [] });
    const say = async (text: string, topic = ACK, retained = false) => {
      last().events?.message(topic, Buffer.from(text), retained);
      await settle();
    };
    await say(good, ACK, true);
    await say('');
    await say('{"epoch":');
    await say(JSON.stringify({ epoch: EPOCH, ok: ['1'], rejected: [] }));
    await say(JSON.stringify({ epoch: EPOCH, ok: [1], rejected: [], pad: 'x'.repeat(70_000) }));
    await say(JSON.stringify({ epoch: 'fedcba9876543210', ok: [1], rejected: [] }));
    await say(JSON.stringify({ epoch: EPOCH, ok: [2, 77], rejected: [] }));
    await say(good, 'ff/v1/acme/gw-2/down/ack');
    expect(outbox.held.size).toBe(1);
    expect(uplink.state()).toMatchObject({ inFlight: 1, acknowledged: 0, lastAcknowledgedAt: null });
    const ignored = { retained: 1, empty: 1, oversized: 1, malformed: 2, other_epoch: 1, not_sent: 2 };
    expect(uplink.state().ignoredAcks).toEqual(ignored);
    await say(good);
    expect(outbox.held.size).toBe(0);
    expect(uplink.state().acknowledged).toBe(1);
  });

  it('tells a changed state again, at most once in 5 s, and only in a session that stands', async () => {
    const { uplink, last, pass } = uplinkBench();
    uplink.stateChanged();
    uplink.start();
    await settle();
    uplink.stateChanged();
    last().events?.ready();
    await settle();
    expect(statesOf(last())).toHaveLength(1);
    for (let change = 0; change < 10; change++) uplink.stateChanged();
    await pass(4_900);
    expect(statesOf(last())).toHaveLength(1);
    await pass(100);
    expect(statesOf(last())).toHaveLength(2);
    await pass(60_000);
    expect(statesOf(last())).toHaveLength(2);
    uplink.stateChanged();
    await pass(0);
    expect(statesOf(last()).map(({ online }) => online)).toEqual([true, true, true]);
    uplink.stateChanged();
    const stopped = uplink.stop();
    await settle();
    await pass(60_000);
    await stopped;
    expect(statesOf(last()).map(({ online }) => online)).toEqual([true, true, true, false]);
  });

  it('tells until when the collector asked to wait', async () => {
    const { uplink, outbox, last, pass, clock } = uplinkBench();
    for (let sequence = 1; sequence <= 3; sequence++) outbox.seal(sequence);
    uplink.start();
    await settle();
    last().prompt = true;
    last().events?.ready();
    await settle();
    const ack = { epoch: EPOCH, ok: [3], rejected: [], retry_after_s: 90 };
    last().events?.message(ACK, Buffer.from(JSON.stringify(ack)), false);
    expect(uplink.state().pausedUntil).toBe(clock.wall() + 90_000);
    await pass(90_000);
    expect(uplink.state().pausedUntil).toBeNull();
  });

  it('stops at once, though a batch waits for the time of this gateway', async () => {
    const { uplink, outbox, last, clock, pass } = uplinkBench({ staggerSeconds: 900 });
    uplink.start();
    await settle();
    last().prompt = true;
    last().events?.ready();
    await settle();
    outbox.seal(1);
    uplink.notify(1);
    const from = clock.monotonic();
    await uplink.stop();
    expect(clock.monotonic()).toBe(from);
    await pass(900_000);
    expect(last().bodies('batch')).toEqual([]);
    expect(outbox.held.size).toBe(1);
  });

  it.each(['refused', 'unanswered'] as const)(
    'falls back to MQTT 3.1.1 at once when MQTT 5 is %s, and stays there',
    async (verdict) => {
      const { uplink, last, pass, broker } = uplinkBench();
      uplink.start();
      await settle();
      last().abort({ reason: 'no', verdict });
      await pass(0);
      expect(last().request?.protocol).toBe(4);
      last().events?.ready();
      await settle();
      expect(uplink.state().protocol).toBe(4);
      last().abort({ reason: 'lost', verdict: 'other' });
      await pass(1_000);
      expect(broker.sessions.map((session) => session.request?.protocol)).toEqual([5, 4, 4]);
    },
  );

  it('keeps MQTT 5 where it worked, though a dying broker once leaves an attempt unanswered', async () => {
    const { uplink, last, untilNext, broker } = uplinkBench();
    uplink.start();
    await settle();
    last().events?.ready();
    await settle();
    last().abort({ reason: 'lost', verdict: 'other' });
    await untilNext();
    for (const _ of [1, 2, 3]) {
      last().abort({ reason: 'no answer', verdict: 'unanswered' });
      await untilNext();
    }
    expect(broker.sessions.map((session) => session.request?.protocol)).toEqual([5, 5, 5, 5, 4]);
  });

  it('waits longer and longer between attempts, to 5 min, and says why', async () => {
    const { uplink, last, untilNext } = uplinkBench();
    uplink.start();
    await settle();
    const waits: number[] = [];
    for (let attempt = 0; attempt < 40; attempt++) {
      last().abort({ reason: 'connection refused by broker.example:1883', verdict: 'other' });
      expect(uplink.state()).toMatchObject({
        phase: 'waiting',
        lastError: expect.stringMatching(/^connection refused/),
      });
      const waited = await untilNext();
      expect(waited).toBeLessThanOrEqual(Math.min(300_000, 1_000 * 2 ** attempt) + 100);
      waits.push(waited);
    }
    expect(Math.max(...waits.slice(10))).toBeGreaterThan(150_000);
    expect(new Set(waits.slice(10)).size).toBeGreaterThan(20);
  });

  it('tries at once when it is told to hurry, and leaves a session or an attempt that stands alone', async () => {
    const { uplink, last, untilNext, pass, broker } = uplinkBench();
    uplink.start();
    await settle();
    uplink.hurry();
    await settle();
    expect(broker.sessions).toHaveLength(1);
    for (let attempt = 0; attempt < 12; attempt++) {
      last().abort({ reason: 'refused', verdict: 'other' });
      await untilNext();
    }
    last().abort({ reason: 'refused', verdict: 'other' });
    uplink.hurry();
    await settle();
    expect(broker.sessions).toHaveLength(14);
    last().events?.ready();
    await settle();
    uplink.hurry();
    await pass(400_000);
    expect(broker.sessions).toHaveLength(14);
    expect(uplink.state().phase).toBe('connected');
  });

  it('gives up an attempt that is not answered within 30 s', async () => {
    const { uplink, last, pass, broker } = uplinkBench();
    uplink.start();
    await settle();
    expect(last().request?.subscriptions).toEqual([ACK]);
    await pass(30_000);
    expect(uplink.state().lastError).toBe('no answer from broker.example:1883 within 30 s');
    expect(uplink.state().lastErrorKind).toBe('network');
    await pass(1_000);
    expect(broker.sessions).toHaveLength(2);
  });

  it('says so when the CA file cannot be read, and reads it again at the next attempt', async () => {
    const { uplink, broker } = uplinkBench({ url: 'mqtts://broker.example', caFile: '/nonexistent/ca.pem' });
    uplink.start();
    await expect
      .poll(() => uplink.state().lastError)
      .toBe('certificate authority /nonexistent/ca.pem cannot be read: ENOENT');
    expect(uplink.state()).toMatchObject({ lastErrorKind: 'file', certificates: [] });
    expect(broker.sessions).toHaveLength(0);
    await uplink.stop();
  });

  it('tells what is published and taken in, and leaves out acknowledgements that cannot be one', async () => {
    const seen: ObservedMessage[] = [];
    const { uplink, outbox, last } = uplinkBench({}, (message) => seen.push(message));
    outbox.seal(1, Buffer.from('0123456789'));
    uplink.start();
    await settle();
    last().events?.ready();
    await settle();
    const ack = { epoch: EPOCH, ok: [1], rejected: [{ seq: 7, code: 'invalid', message: 'no' }] };
    last().events?.message(ACK, Buffer.from('{"epoch":'), false);
    last().events?.message(ACK, Buffer.from(JSON.stringify(ack)), true);
    last().events?.message(ACK, Buffer.from(JSON.stringify(ack)), false);
    const stopped = uplink.stop();
    await settle();
    last().publications.at(-1)?.answer();
    await stopped;
    expect(seen.map(({ direction, what, sequences }) => [direction, what, sequences])).toEqual([
      ['out', 'state', []],
      ['out', 'batch', [1]],
      ['in', 'acknowledgement', [1, 7]],
      ['out', 'state', []],
    ]);
    const sent = last().publications.map(({ body }) => body.length);
    expect(seen.map(({ bytes }) => bytes)).toEqual([sent[0], 10, JSON.stringify(ack).length, sent[2]]);
  });

  it('keeps the kind of a failure beside its words, and drops both together', async () => {
    const { uplink, outbox, last, pass, untilNext } = uplinkBench({ url: 'mqtts://broker.example' });
    outbox.seal(1);
    uplink.start();
    await settle();
    expect(uplink.state()).toMatchObject({ lastError: null, lastErrorKind: null, certificates: [] });
    last().abort({ reason: 'host not found', kind: 'name', verdict: 'other' });
    expect(uplink.state()).toMatchObject({ lastError: 'host not found', lastErrorKind: 'name' });
    await untilNext();
    last().events?.secured(1_770_000_000_000);
    last().events?.ready();
    await settle();
    expect(uplink.state()).toMatchObject({ lastError: null, lastErrorKind: null });
    last().publications[1].answer('refused: not authorised');
    expect(uplink.state()).toMatchObject({
      lastError: 'a batch was not taken: refused: not authorised',
      lastErrorKind: 'denied',
    });
    last().events?.message(ACK, Buffer.from(JSON.stringify({ epoch: EPOCH, ok: [1], rejected: [] })), false);
    await pass(0);
    expect(uplink.state()).toMatchObject({ lastError: null, lastErrorKind: null });
    last().abort({ reason: 'lost', verdict: 'other' });
    // What the last connection showed stays known while there is none.
    expect(uplink.state().certificates).toEqual([{ what: 'broker', expires_ms: 1_770_000_000_000 }]);
  });

  it('logs neither the password nor a payload', async () => {
    const { uplink, outbox, last, lines } = uplinkBench();
    outbox.seal(1, Buffer.from('a very particular body'));
    uplink.start();
    await settle();
    last().events?.ready();
    await settle();
    last().events?.message(ACK, Buffer.from('not json, but a secret payload'), false);
    last().abort({ reason: 'gone', verdict: 'other' });
    expect(lines.length).toBeGreaterThan(2);
    for (const forbidden of [SECRET, 'a very particular body', 'secret payload']) {
      expect(lines.join('\n')).not.toContain(forbidden);
    }
  });

  it('refuses a certificate without its key', () => {
    expect(() => uplinkBench({ certFile: '/x.pem' })).toThrow(expect.objectContaining({ code: 'key_file' }));
    expect(() => uplinkBench({ keyFile: '/x.key' })).toThrow(/found a key without a certificate$/);
  });

  it.each(['http://x', 'mqtt://', 'mqtt://user:pass@x', 'mqtt://x/path', 'broker'])(
    'refuses the URL %s without quoting a secret',
    (url) => {
      expect(() => uplinkBench({ url })).toThrow(
        expect.objectContaining({ code: 'broker_url', message: expect.not.stringContaining('pass@') }),
      );
    },
  );
});
