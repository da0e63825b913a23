import { describe, expect, it } from 'vitest';
import { encodeProbe } from '../contract/probe.ts';
import { checkBatch, checkProbe, checkState } from './intake.ts';
import { batchBody, EPOCH, FROM, gapBody, NOW } from './store.testing.ts';

describe('intake', () => {
  it('refuses a batch or gap record whose source is not the gateway of the topic', () => {
    const other = { tenant: 'acme', gateway: 'gw-9' };
    const told = gapBody(1, [{ epoch: EPOCH, from_seq: 1, to_seq: 2, reason: 'operator' }]);
    for (const body of [batchBody(1), told]) {
      expect(checkBatch(FROM, body).ok).toBe(true);
      const refused = { gateway: 'gw-9', address: { sequence: 1 }, code: 'invalid' };
      expect(checkBatch(other, body)).toMatchObject({ ok: false, refused });
    }
  });

  it('addresses a refusal where the envelope says which message it was', () => {
    const message = JSON.parse(Buffer.from(batchBody(4)).toString());
    message.data.records[0].entries = 'many';
    const checked = checkBatch(FROM, Buffer.from(JSON.stringify(message)));
    expect(checked).toMatchObject({ ok: false, refused: { code: 'invalid', address: { epoch: EPOCH, sequence: 4 } } });
    expect(!checked.ok && checked.refused.message).toMatch(/^data\.records\[0\]\.entries: /);
    expect(checkBatch(FROM, Buffer.from('{'))).toMatchObject({ ok: false, refused: { address: null } });
    const backwards = gapBody(5, [{ epoch: EPOCH, from_seq: 3, to_seq: 2, reason: 'operator' }]);
    expect(checkBatch(FROM, backwards)).toMatchObject({
      ok: false,
      refused: { address: { sequence: 5 }, message: 'data.ranges[0]: expected from_seq to be at most to_seq' },
    });
  });

  it('refuses a record nested without end, and one with text that no database holds', () => {
    const text = Buffer.from(batchBody(5)).toString();
    const deep = text.replace('"resets":0', `"resets":0,"new":${'['.repeat(20_000)}${']'.repeat(20_000)}`);
    const nul = text.replace('"resets":0', '"resets":0,"new":"\\u0000"');
    for (const body of [deep, nul]) {
      const refused = { code: 'invalid', address: { epoch: EPOCH, sequence: 5 } };
      expect(checkBatch(FROM, Buffer.from(body))).toMatchObject({ ok: false, refused });
    }
    expect(checkState(FROM, Buffer.from('{}'))).toMatchObject({ ok: false, refused: { code: 'invalid_state' } });
  });
});

describe('a probe', () => {
  const probe = encodeProbe('acme', 'gw-1', EPOCH, NOW);

  it('is told from a batch, and belongs to the gateway of its topic', () => {
    expect(checkProbe(FROM, probe)).toEqual({ epoch: EPOCH, sequence: 1 });
    expect(checkProbe({ ...FROM, gateway: 'gw-2' }, probe)).toBeNull();
    expect(checkProbe(FROM, batchBody(1))).toBeNull();
  });

  it('is rejected by the check of a batch with its epoch and sequence, so that any collector answers it', () => {
    const checked = checkBatch(FROM, probe);
    expect(checked).toMatchObject({ ok: false, refused: { address: { epoch: EPOCH, sequence: 1 }, code: 'invalid' } });
  });
});
