import { describe, expect, it } from 'vitest';
import { EPOCH, settle } from './fixtures.ts';
import { ACK, CONFIG, uplinkBench } from './uplink.fixture.ts';

describe('the settings that come over the uplink', () => {
  it('hands on what comes for its settings, retained or not, and survives who takes it', async () => {
    const taken: string[] = [];
    const { uplink, last, lines } = uplinkBench({}, undefined, (payload) => {
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
    const { uplink, last } = uplinkBench();
    uplink.start();
    await settle();
    expect(last().request?.optional).toEqual([]);
  });

  it('names settings that are denied as long as the session stands, whatever is acknowledged', async () => {
    const { uplink, outbox, last, pass } = uplinkBench({}, undefined, () => {});
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
    const { uplink, last, untilNext, broker } = uplinkBench({}, undefined, () => {});
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
});
