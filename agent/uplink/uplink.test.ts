import { describe, expect, it } from 'vitest';
import { stateMessage } from '../contract/messages.ts';
import { VirtualClock } from '../platform/clock.ts';
import { EPOCH, MemoryOutbox, type ScriptedSession, scriptedBroker, settle } from './fixtures.ts';
import type { UplinkOptions } from './port.ts';
import type { ObservedMessage, ObserveMessage } from './sender.ts';
import { createUplink } from './uplink.ts';

const OLD = 'fedcba9876543210';
const SECRET = 'correct horse battery';
const OPTIONS: UplinkOptions = {
  url: 'mqtt://broker.example',
  tenant: 'acme',
  gateway: 'gw-1',
  epoch: EPOCH,
  username: 'box',
  password: SECRET,
  ack: 'collector',
  window: 4,
  staggerSeconds: 0,
};
const ACK = 'ff/v1/acme/gw-1/down/ack';
const CONFIG = 'ff/v1/acme/gw-1/down/config';

function bench(
  options: Partial<UplinkOptions> = {},
  observe?: ObserveMessage,
  configure?: (payload: Uint8Array) => void,
) {
  const outbox = new MemoryOutbox();
  const clock = new VirtualClock(1_760_000_000_000);
  const broker = scriptedBroker();
  const lines: string[] = [];
  let random = 0.5;
  const uplink = createUplink(
    { ...OPTIONS, ...options },
    {
      outbox,
      clock,
      random: () => {
        random = (random * 997 + 0.137) % 1;
        return random;
      },
      log: (...line) => lines.push(JSON.stringify(line)),
      facts: async () => ({
        firstSequence: 1,
        sealedThrough: 9,
        oldestHeld: 3,
        previous: { epoch: OLD, last_sequence: 40, oldest_held: null, end: 'damaged' },
        config: null,
        parameters: 'p1',
        version: '0.1.0',
        sensors: [{ id: 'door', driver: 'door-lines', state: 'up' }],
      }),
      open: broker.open,
      ...(observe === undefined ? {} : { observe }),
      ...(configure === undefined ? {} : { configure }),
    },
  );
  const pass = async (ms: number) => {
    await clock.advanceTo(clock.monotonic() + ms);
    await settle();
  };
  /** Passes time until another attempt is made, and returns how long that took. */
  const untilNext = async () => {
    const from = clock.monotonic();
    const { length } = broker.sessions;
    while (broker.sessions.length === length && clock.monotonic() - from < 600_000) await pass(100);
    return clock.monotonic() - from;
  };
  const last = () => broker.sessions[broker.sessions.length - 1];
  return { uplink, outbox, clock, broker, lines, pass, untilNext, last };
}

function statesOf(session: ScriptedSession) {
  return session.bodies('/up/state').map((body) => stateMessage.parse(JSON.parse(body)));
}

describe('uplink', () => {
  it('is born retained, before its batches, with a will of the same birth', async () => {
    const { uplink, outbox, last, pass } = bench();
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
    const { uplink, broker, pass } = bench();
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
    const { uplink, outbox, last, pass, broker } = bench();
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
    const { uplink, last, pass } = bench();
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
    const { uplink, outbox, last } = bench();
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

  it('hands on what comes for its settings, retained or not, and survives who takes it', async () => {
    const taken: string[] = [];
    const { uplink, last, lines } = bench({}, undefined, (payload) => {
      taken.push(Buffer.from(payload).toString());
      throw new Error('no such key');
    });
    uplink.start();
    await settle();
    expect(last().request).toMatchObject({ subscriptions: [ACK], optional: [CONFIG] });
    last().events?.ready();
    await settle();
    last().events?.message(CONFIG, Buffer.from('one'), true);
    last().events?.message(CONFIG, Buffer.from('two'), false);
    last().events?.message(CONFIG, Buffer.of(), false);
    last().events?.message('ff/v1/acme/gw-2/down/config', Buffer.from('three'), false);
    last().events?.message(CONFIG, Buffer.alloc(64 * 1024, 'x'), false);
    expect(uplink.state().lastError).toBeNull();
    last().events?.message(CONFIG, Buffer.alloc(64 * 1024 + 1, 'x'), true);
    expect(taken.map((each) => each.length)).toEqual([3, 3, 65_536]);
    expect(uplink.state()).toMatchObject({
      phase: 'connected',
      lastError: `the settings on ${CONFIG} have 65537 bytes, more than 65536: ignored`,
      lastErrorKind: 'partial',
    });
    expect(lines.filter((line) => line.includes('no such key'))).toHaveLength(3);
  });

  it('subscribes to no settings where nobody takes them', async () => {
    const { uplink, last } = bench();
    uplink.start();
    await settle();
    expect(last().request?.optional).toEqual([]);
  });

  it('names settings that are denied as long as the session stands, whatever is acknowledged', async () => {
    const { uplink, outbox, last, pass } = bench({}, undefined, () => {});
    outbox.seal(1);
    uplink.start();
    await settle();
    last().prompt = true;
    last().events?.ready();
    last().events?.denied({ reason: 'refused the settings', kind: 'partial' });
    await settle();
    last().events?.message(ACK, Buffer.from(JSON.stringify({ epoch: EPOCH, ok: [1], rejected: [] })), false);
    await settle();
    expect(uplink.state()).toMatchObject({ acknowledged: 1, phase: 'connected', lastErrorKind: 'partial' });
    last().abort({ reason: 'lost', verdict: 'other' });
    expect(uplink.state().lastError).toBe('lost');
    await pass(1_000);
    last().events?.ready();
    expect(uplink.state()).toMatchObject({ phase: 'connected', lastError: null, lastErrorKind: null });
  });

  it('leaves the settings out for one session after two that ended over them', async () => {
    const { uplink, last, untilNext, broker } = bench({}, undefined, () => {});
    uplink.start();
    await settle();
    for (const asking of [true, true, false, true]) {
      last().events?.ready();
      last().asking = asking;
      const { lastErrorKind } = uplink.state();
      expect(lastErrorKind).toBe(broker.sessions.length === 3 ? 'partial' : null);
      last().abort({ reason: 'lost', verdict: 'other' });
      await untilNext();
    }
    const asked = broker.sessions.map(({ request }) => request?.optional.length);
    expect(asked).toEqual([1, 1, 0, 1, 1]);
  });

  it('tells a changed state again, at most once in 5 s, and only in a session that stands', async () => {
    const { uplink, last, pass } = bench();
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
    const { uplink, outbox, last, pass, clock } = bench();
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
    const { uplink, outbox, last, clock, pass } = bench({ staggerSeconds: 900 });
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
      const { uplink, last, pass, broker } = bench();
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
    const { uplink, last, untilNext, broker } = bench();
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
    const { uplink, last, untilNext } = bench();
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
    const { uplink, last, untilNext, pass, broker } = bench();
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
    const { uplink, last, pass, broker } = bench();
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
    const { uplink, broker } = bench({ url: 'mqtts://broker.example', caFile: '/nonexistent/ca.pem' });
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
    const { uplink, outbox, last } = bench({}, (message) => seen.push(message));
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
    const { uplink, outbox, last, pass, untilNext } = bench({ url: 'mqtts://broker.example' });
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
    const { uplink, outbox, last, lines } = bench();
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
    expect(() => bench({ certFile: '/x.pem' })).toThrow(expect.objectContaining({ code: 'key_file' }));
    expect(() => bench({ keyFile: '/x.key' })).toThrow(/found a key without a certificate$/);
  });

  it.each(['http://x', 'mqtt://', 'mqtt://user:pass@x', 'mqtt://x/path', 'broker'])(
    'refuses the URL %s without quoting a secret',
    (url) => {
      expect(() => bench({ url })).toThrow(
        expect.objectContaining({ code: 'broker_url', message: expect.not.stringContaining('pass@') }),
      );
    },
  );
});
