import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../platform/clock.ts';
import { EPOCH, MemoryOutbox, ScriptedSession, settle } from './fixtures.ts';
import { Ignored } from './ignored.ts';
import { Sender } from './sender.ts';

const OLD = 'fedcba9876543210';
const START = 1_760_000_000_000;

interface BenchOptions {
  window?: number;
  ack?: 'collector' | 'puback';
  random?: number;
  sealed?: number;
  staggerMs?: number;
}

function bench(options: BenchOptions = {}) {
  const outbox = new MemoryOutbox();
  for (let sequence = 1; sequence <= (options.sealed ?? 0); sequence++) outbox.seal(sequence);
  const clock = new VirtualClock(START);
  const refusals: string[] = [];
  const silences: string[] = [];
  const conflicts: number[] = [];
  const log = () => {};
  const ignored = new Ignored(clock, log);
  const { window = 4, ack: mode = 'collector', staggerMs = 0 } = options;
  const sender = new Sender(
    { topic: 'batch', window, ack: mode, epoch: EPOCH, staggerMs },
    { outbox, clock, random: () => options.random ?? 0.999_999, log, ignored },
    {
      refused: ({ reason }) => refusals.push(reason),
      settled: () => {},
      conflict: () => conflicts.push(clock.monotonic()),
      silent: (silence, lastingMs) => silences.push(`${silence} ${lastingMs}`),
    },
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
  return { outbox, clock, sender, session, sent, ack, pass, refusals, silences, conflicts, ignored };
}

function promptSession(): ScriptedSession {
  const session = new ScriptedSession();
  session.prompt = true;
  return session;
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
    session.prompt = true;
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
    const { sender, session, ack, outbox, ignored } = bench({ sealed: 3, window: 1 });
    sender.attach(session);
    await settle();
    await ack(1, 2, 999);
    expect(outbox.held.size).toBe(3);
    expect(ignored.counts).toMatchObject({ not_sent: 3, other_epoch: 0 });
    expect(sender.counts).toMatchObject({ acknowledged: 0, lastAcknowledgedAt: null });
    await ack(3);
    expect([...outbox.held.keys()]).toEqual([1, 2]);
  });

  it('tells a conflict in the epoch that seals now, and none in an older one or for a batch that was not sent', async () => {
    const { sender, outbox, conflicts, session, pass } = bench({ sealed: 3 });
    const OLDER = 'f'.repeat(16);
    outbox.seal(1, undefined, OLDER);
    sender.attach(session);
    await settle();
    const reject = (epoch: string, seq: number) =>
      sender.acknowledge({ epoch, ok: [], rejected: [{ seq, code: 'conflict', message: 'another one' }] });
    reject(OLDER, 1);
    reject(EPOCH, 99);
    expect(conflicts).toEqual([]);
    reject(EPOCH, 2);
    await pass(20);
    expect(conflicts).toHaveLength(1);
    expect(outbox.deadLetters.map(({ sequence }) => sequence)).toEqual([1, 2]);
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
      const { sender, session, outbox, refusals, pass } = bench({ sealed: 2, ack });
      sender.attach(session);
      await settle();
      session.publications[0].answer();
      session.publications[1].answer('quota exceeded');
      await pass(20);
      expect([...outbox.held.keys()]).toEqual(ack === 'puback' ? [1] : [1, 2]);
      expect(refusals).toEqual(['a batch was not taken: quota exceeded']);
    }
  });

  it('commits together what is acknowledged within 20 ms, and at once where nothing more is on its way', async () => {
    const { sender, session, outbox, ack, pass } = bench({ sealed: 5, window: 5 });
    sender.attach(session);
    await settle();
    await ack(5);
    await pass(19);
    await ack(1);
    expect(outbox.commits).toEqual([]);
    await pass(1);
    expect(outbox.commits).toEqual([[5, 1]]);
    await ack(2);
    await ack(3);
    await ack(4);
    expect(outbox.commits).toEqual([
      [5, 1],
      [2, 3, 4],
    ]);
    await pass(1_000);
    expect(outbox.commits).toHaveLength(2);
  });

  it.each([
    ['after 20 ms', 4, [2, 3]],
    ['at once where nothing more is on its way', 3, [2, 3]],
  ])('commits what was acknowledged during a commit %s', async (_when, sealed, late) => {
    const { sender, session, outbox, ack, pass } = bench({ sealed });
    const { acknowledge } = outbox;
    let finish = () => {};
    outbox.acknowledge = async (sequences) => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return acknowledge.call(outbox, sequences);
    };
    sender.attach(session);
    await settle();
    await ack(1);
    await pass(20);
    for (const sequence of late) await ack(sequence);
    finish();
    await settle();
    expect(outbox.commits).toEqual([[1]]);
    await pass(sealed > 3 ? 19 : 0);
    finish();
    await settle();
    expect(outbox.commits).toEqual(sealed > 3 ? [[1]] : [[1], late]);
    await pass(1);
    finish();
    await settle();
    expect(outbox.commits).toEqual([[1], late]);
  });

  it('commits at its end what was acknowledged', async () => {
    const { sender, session, outbox, ack } = bench({ sealed: 3 });
    sender.attach(session);
    await settle();
    await ack(1);
    sender.detach();
    await sender.idle();
    expect(outbox.commits).toEqual([[1]]);
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
        const { sender, outbox, clock, pass } = bench({ window, sealed: 5 });
        let session = promptSession();
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
            session = promptSession();
            sender.attach(session);
          }
        }
        do {
          while (await acknowledge(0));
          await pass(20);
        } while (await acknowledge(0));
        expect(outbox.held.size).toBe(0);
        expect(acknowledged.size).toBe(next - 1);
        expect(sender.counts.acknowledged).toBe(next - 1);
      }),
      { numRuns: 300 },
    );
  });

  it('takes an acknowledgement for the epoch of the batch only, old epochs included', async () => {
    const { sender, session, outbox, ignored, pass } = bench({ sealed: 1 });
    outbox.seal(2, Buffer.from('batch 2'), OLD);
    outbox.seal(3);
    sender.attach(session);
    await settle();
    const say = async (epoch: string, ok: number[], rejected: number[] = [], ...failures: Error[]) => {
      const refused = rejected.map((seq) => ({ seq, code: 'invalid', message: 'no' }));
      sender.acknowledge({ epoch, ok, rejected: refused });
      await settle();
      outbox.failures.push(...failures);
      await pass(20);
    };
    await say(EPOCH, [2], [2]);
    await say(OLD, [1], [3]);
    expect([...outbox.held.keys()]).toEqual([1, 2, 3]);
    expect(ignored.counts.other_epoch).toBe(4);
    // Storage that fails to delete it does not make it another epoch's.
    await say(OLD, [2], [], new Error('disk full'));
    expect(outbox.held.has(2)).toBe(true);
    await pass(60_000);
    await pass(1_000);
    await say(EPOCH, [2]);
    expect(outbox.held.has(2)).toBe(true);
    await say(OLD, [2]);
    expect([...outbox.held.keys()]).toEqual([1, 3]);
    await say(EPOCH, [], [1, 3]);
    expect(outbox.deadLetters.map(({ sequence }) => sequence)).toEqual([1, 3]);
  });

  it('lets a batch lie that is sealed while it is connected, but no backlog, and not the next session', async () => {
    const { sender, session, sent, pass, outbox } = bench({ sealed: 3, window: 8, staggerMs: 40_000 });
    session.prompt = true;
    sender.attach(session);
    await settle();
    expect(sent()).toEqual([3, 1, 2]);
    outbox.seal(4);
    sender.notify(4);
    await pass(20_000);
    outbox.seal(5);
    sender.notify(5);
    await pass(19_000);
    // Room for more wakes the sender, and does not send it.
    sender.acknowledge({ epoch: EPOCH, ok: [1, 2, 3], rejected: [] });
    await settle();
    expect(sent()).toEqual([3, 1, 2]);
    await pass(1_000);
    expect(sent()).toEqual([3, 1, 2, 4]);
    sender.detach();
    const next = promptSession();
    sender.attach(next);
    await settle();
    expect(next.bodies('batch')).toEqual(['batch 5', 'batch 4']);
    await pass(60_000);
    expect(sender.counts).toMatchObject({ published: 6 });
  });

  it('sends a batch that is put back behind what it has sent, once', async () => {
    const { sender, session, sent, ack, outbox } = bench({ sealed: 3 });
    session.prompt = true;
    sender.attach(session);
    await settle();
    await ack(1, 2, 3);
    outbox.seal(2);
    sender.notify(2);
    sender.notify(2);
    await settle();
    sender.notify(2);
    await settle();
    expect(sent()).toEqual([3, 1, 2, 2]);
    await ack(2);
    sender.notify(2);
    await settle();
    expect(sent()).toHaveLength(4);
  });

  it('waits an hour at most, resends included, in the next session too, and only for an epoch it knows', async () => {
    const { sender, session, sent, pass, clock } = bench({ sealed: 3, window: 2 });
    session.prompt = true;
    sender.attach(session);
    await settle();
    expect(sent()).toEqual([3, 1]);
    sender.acknowledge({ epoch: OLD, ok: [], rejected: [], retry_after_s: 60 });
    expect(sender.pausedUntil).toBeNull();
    sender.acknowledge({ epoch: EPOCH, ok: [3], rejected: [], retry_after_s: 1e308 });
    await settle();
    expect(sender.pausedUntil).toBe(clock.wall() + 3_600_000);
    await pass(1_800_000);
    expect(sent()).toEqual([3, 1]);
    sender.detach();
    const next = promptSession();
    sender.attach(next);
    await pass(1_799_000);
    expect(next.publications).toEqual([]);
    await pass(1_000);
    expect(sender.pausedUntil).toBeNull();
    expect(next.bodies('batch')).toEqual(['batch 2', 'batch 1']);
  });

  it('tells a broker that takes nothing, then gives it up, and keeps its copies few', async () => {
    const { sender, session, sent, pass, silences } = bench({ sealed: 9, window: 3, random: 0 });
    sender.attach(session);
    await settle();
    await pass(59_000);
    expect(silences).toEqual([]);
    expect(sent()).toHaveLength(6);
    await pass(540_000);
    expect(silences).toEqual(['untaken 60000']);
    await pass(1_000);
    expect(silences).toEqual(['untaken 60000', 'dead 600000']);
    expect(sent()).toHaveLength(6);
  });

  it('tells a collector that acknowledges nothing, once, and again when it falls silent again', async () => {
    const { sender, session, pass, ack, silences, outbox } = bench({ sealed: 3, window: 2 });
    session.prompt = true;
    sender.attach(session);
    await pass(119_000);
    expect(silences).toEqual([]);
    await pass(3_600_000);
    expect(silences).toEqual(['unacknowledged 120000']);
    await ack(3);
    await pass(3_600_000);
    expect(silences).toHaveLength(2);
    await ack(1, 2);
    expect(outbox.held.size).toBe(0);
    await pass(3_600_000);
    expect(silences).toHaveLength(2);
  });

  it('tells no silence of a collector that asked to wait, nor of batches the outbox dropped', async () => {
    const { sender, session, pass, silences, outbox } = bench({ sealed: 2, window: 2 });
    session.prompt = true;
    sender.attach(session);
    await settle();
    sender.acknowledge({ epoch: EPOCH, ok: [2], rejected: [], retry_after_s: 600 });
    await pass(599_000);
    expect(silences).toEqual([]);
    outbox.held.clear();
    await pass(1_000);
    await pass(3_600_000);
    expect(silences).toEqual([]);
    expect(sender.inFlight).toBe(0);
  });
});
