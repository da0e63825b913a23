import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../platform/clock.ts';
import { MemoryOutbox, ScriptedSession, settle } from './fixtures.ts';
import { Sender } from './sender.ts';

const EPOCH = '0123456789abcdef';
const START = 1_760_000_000_000;

function bench(options: { window?: number; ack?: 'collector' | 'puback'; random?: number; sealed?: number } = {}) {
  const outbox = new MemoryOutbox();
  for (let sequence = 1; sequence <= (options.sealed ?? 0); sequence++) outbox.seal(sequence);
  const clock = new VirtualClock(START);
  const refusals: string[] = [];
  const sender = new Sender(
    'batch',
    { window: options.window ?? 4, ack: options.ack ?? 'collector' },
    { outbox, clock, random: () => options.random ?? 0.999_999, log: () => {} },
    { refused: ({ reason }) => refusals.push(reason), settled: () => {} },
  );
  const session = new ScriptedSession();
  const sent = () => session.bodies('batch').map((body) => Number(body.replace('batch ', '')));
  const ack = async (...ok: number[]) => {
    sender.acknowledge({ epoch: EPOCH, ok, rejected: [] });
    await settle();
  };
  const pass = async (ms: number) => {
    await clock.advanceTo(clock.monotonic() + ms);
    await settle();
  };
  return { outbox, clock, sender, session, sent, ack, pass, refusals };
}

describe('sender', () => {
  it('sends the newest batch first, then the backlog oldest first, within its window', async () => {
    const { sender, session, sent, ack, outbox } = bench({ sealed: 8 });
    sender.attach(session);
    await settle();
    expect(sent()).toEqual([8, 1, 2, 3]);
    expect(sender.inFlight).toBe(4);
    await ack(1, 8);
    expect(sent()).toEqual([8, 1, 2, 3, 4, 5]);
    await ack(2, 3, 4, 5);
    await ack(6, 7);
    expect(sent()).toEqual([8, 1, 2, 3, 4, 5, 6, 7]);
    expect(outbox.held.size).toBe(0);
    expect(sender.counts).toMatchObject({ published: 8, acknowledged: 8, resent: 0 });
  });

  it('sends a batch sealed meanwhile before the rest of the backlog, and only once', async () => {
    const { sender, session, sent, ack, outbox } = bench({ sealed: 6, window: 2 });
    sender.attach(session);
    await settle();
    outbox.seal(7);
    sender.notify(7);
    await ack(1);
    expect(sent()).toEqual([6, 1, 7]);
    for (const sequence of [6, 7, 2, 3, 4, 5]) await ack(sequence);
    expect(sent()).toEqual([6, 1, 7, 2, 3, 4, 5]);
  });

  it('sends again after 60 s, doubling to 15 min, the same bytes, until it is acknowledged', async () => {
    const { sender, session, sent, ack, pass } = bench({ sealed: 1 });
    sender.attach(session);
    await settle();
    const waits = [60, 120, 240, 480, 900, 900];
    for (const [index, seconds] of waits.entries()) {
      await pass(seconds * 1000 - 1_000);
      expect(sent()).toHaveLength(index + 1);
      await pass(1_000);
      expect(sent()).toHaveLength(index + 2);
    }
    expect(new Set(sent())).toEqual(new Set([1]));
    expect(sender.counts).toMatchObject({ published: 1, resent: 6 });
    await ack(1);
    await pass(3_600_000);
    expect(sent()).toHaveLength(7);
  });

  it('jitters the resend, but never sends again at once', async () => {
    const { sender, session, sent, pass } = bench({ sealed: 1, random: 0 });
    sender.attach(session);
    await settle();
    await pass(9_999);
    expect(sent()).toHaveLength(1);
    await pass(1);
    expect(sent()).toHaveLength(2);
  });

  it('forgets what is in flight when the session ends, and sends it in the next', async () => {
    const { sender, session, sent, ack, outbox } = bench({ sealed: 2 });
    sender.attach(session);
    await settle();
    sender.detach();
    expect(sender.inFlight).toBe(0);
    await ack(1);
    expect(outbox.held.size).toBe(2);
    const next = new ScriptedSession();
    sender.attach(next);
    await settle();
    expect(sent()).toEqual([2, 1]);
    expect(next.bodies('batch')).toEqual(['batch 2', 'batch 1']);
  });

  it('ignores acknowledgements of sequences that are not in flight', async () => {
    const { sender, session, ack, outbox } = bench({ sealed: 3, window: 1 });
    sender.attach(session);
    await settle();
    await ack(1, 2, 999);
    expect(outbox.held.size).toBe(3);
    expect(sender.counts).toMatchObject({ strayAcks: 3, acknowledged: 0, lastAcknowledgedAt: null });
    await ack(3);
    expect([...outbox.held.keys()]).toEqual([1, 2]);
  });

  it('moves rejected batches to the dead letters and goes on', async () => {
    const { sender, session, outbox, sent } = bench({ sealed: 3, window: 1 });
    sender.attach(session);
    await settle();
    sender.acknowledge({
      epoch: EPOCH,
      ok: [],
      rejected: [{ seq: 3, code: 'invalid', message: 'data.store: missing' }],
    });
    await settle();
    expect(outbox.deadLetters).toEqual([{ sequence: 3, code: 'invalid', message: 'data.store: missing' }]);
    expect(sent()).toEqual([3, 1]);
    expect(sender.counts.rejected).toBe(1);
  });

  it('publishes nothing while the collector asks to wait', async () => {
    const { sender, session, sent, pass } = bench({ sealed: 4, window: 1 });
    sender.attach(session);
    await settle();
    sender.acknowledge({ epoch: EPOCH, ok: [4], rejected: [], retry_after_s: 300 });
    await settle();
    await pass(299_000);
    expect(sent()).toEqual([4]);
    await pass(1_000);
    expect(sent()).toEqual([4, 1]);
  });

  it("keeps within the broker's receive maximum apart from the window", async () => {
    const { sender, session, sent } = bench({ sealed: 9, window: 6 });
    session.room = 2;
    sender.attach(session);
    await settle();
    expect(sent()).toEqual([9, 1]);
    session.publications[0].answer();
    sender.pump();
    await settle();
    expect(sent()).toEqual([9, 1, 2]);
    expect(sender.inFlight).toBe(3);
  });

  it('deletes on PUBACK only in the weaker mode, and tells a refusal', async () => {
    for (const ack of ['collector', 'puback'] as const) {
      const { sender, session, outbox, refusals } = bench({ sealed: 2, ack });
      sender.attach(session);
      await settle();
      session.publications[0].answer();
      session.publications[1].answer('quota exceeded');
      await settle();
      expect([...outbox.held.keys()]).toEqual(ack === 'puback' ? [1] : [1, 2]);
      expect(refusals).toEqual(['a batch was not taken: quota exceeded']);
    }
  });

  it('commits acknowledgements that arrive during a commit together', async () => {
    const { sender, session, outbox } = bench({ sealed: 4 });
    sender.attach(session);
    await settle();
    for (const sequence of [4, 1, 2, 3]) sender.acknowledge({ epoch: EPOCH, ok: [sequence], rejected: [] });
    await settle();
    expect(outbox.commits).toEqual([[4], [1, 2, 3]]);
  });

  it('survives an outbox that fails: reads again, and sends again what could not be deleted', async () => {
    const { sender, session, outbox, sent, ack, pass } = bench({ sealed: 1 });
    outbox.failures.push(new Error('disk I/O error'));
    sender.attach(session);
    await settle();
    expect(sent()).toEqual([]);
    await pass(5_000);
    expect(sent()).toEqual([1]);
    outbox.failures.push(new Error('disk full'));
    await ack(1);
    expect(outbox.held.size).toBe(1);
    await pass(60_000);
    await pass(1_000);
    expect(sent()).toEqual([1, 1]);
    await ack(1);
    expect(outbox.held.size).toBe(0);
  });

  it('loses nothing and passes its window in no order of acknowledgements, seals, breaks and time', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('ack' as const), pick: fc.nat() }),
      fc.record({ do: fc.constantFrom('seal' as const, 'break' as const, 'wait' as const), pick: fc.nat() }),
    );
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 40 }), async (window, steps) => {
        const { sender, outbox, clock } = bench({ window, sealed: 5 });
        let session = new ScriptedSession();
        const acknowledged = new Set<number>();
        let next = 6;
        sender.attach(session);
        const acknowledge = async (pick: number) => {
          await settle();
          expect(sender.inFlight).toBeLessThanOrEqual(window);
          const open = [...new Set(session.bodies('batch').map((body) => Number(body.slice(6))))].filter(
            (sequence) => !acknowledged.has(sequence),
          );
          if (open.length === 0) return false;
          const sequence = open[pick % open.length];
          acknowledged.add(sequence);
          sender.acknowledge({ epoch: EPOCH, ok: [sequence], rejected: [] });
          return true;
        };
        for (const { do: what, pick } of steps) {
          if (what === 'ack') await acknowledge(pick);
          else if (what === 'wait') await clock.advanceTo(clock.monotonic() + (pick % 1_000_000));
          else if (what === 'seal') {
            outbox.seal(next);
            sender.notify(next++);
          } else {
            sender.detach();
            session = new ScriptedSession();
            sender.attach(session);
          }
        }
        while (await acknowledge(0));
        await settle();
        expect(outbox.held.size).toBe(0);
        expect(acknowledged.size).toBe(next - 1);
        expect(sender.counts.acknowledged).toBe(next - 1);
      }),
      { numRuns: 50 },
    );
  });
});
