/** Gap records, states and settings as receivers of several releases meet them, and the example that the README tells. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchMessage, encodeWindow } from './batch.ts';
import { encodeGap, GAP_REASONS, type GapMessage, gapMessage } from './gap.ts';
import { ackMessage, configMessage, encodeMessage, type StateMessage, stateMessage } from './messages.ts';
import { readMessage } from './read.ts';

const EPOCH = '0123456789abcdef';
const OLDER = 'fedcba9876543210';
const ORIGIN = { tenant: 'acme', gateway: 'gw-1', epoch: EPOCH, sealedAtMs: 1_760_000_000_000 };
const example = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`examples/${name}.json`, import.meta.url), 'utf8')) as T;

describe('a gap record', () => {
  const sequence = fc.integer({ min: 1, max: 1e9 });
  const range = fc
    .tuple(
      fc.constantFrom(EPOCH, OLDER),
      sequence,
      fc.nat(1e6),
      fc.constantFrom<string>(...GAP_REASONS, 'newer_reason'),
    )
    .map(([epoch, from_seq, more, reason]) => ({ epoch, from_seq, to_seq: from_seq + more, reason }));

  it('comes back as it was told, whatever the ranges', () => {
    fc.assert(
      fc.property(fc.array(range, { minLength: 1, maxLength: 64 }), sequence, (ranges, own) => {
        const reading = readMessage(gapMessage, encodeGap(ORIGIN, own, ranges));
        expect(reading).toMatchObject({
          ok: true,
          value: { source: `/ff/acme/gw-1/${EPOCH}`, id: String(own), data: { sequence: own, ranges } },
        });
      }),
    );
  });

  it.each<[string, (message: GapMessage) => unknown, RegExp]>([
    [
      'a range that ends before it begins',
      ({ data }) => Object.assign(data.ranges[0], { to_seq: 4 }),
      /^data\.ranges\[0\]/,
    ],
    ['no range', ({ data }) => Object.assign(data, { ranges: [] }), /^data\.ranges/],
    ['a range of no epoch', ({ data }) => Object.assign(data.ranges[0], { epoch: '' }), /^data\.ranges\[0\]\.epoch/],
    [
      'another sequence than its id',
      ({ data }) => Object.assign(data, { sequence: 8 }),
      /^id: .*agree with data\.sequence/,
    ],
    ["another gateway's source", ({ data }) => Object.assign(data, { gateway: 'gw-2' }), /^source: /],
    ['the type of a batch', (message) => Object.assign(message, { type: 'footfall.batch.v1' }), /^type: /],
  ])('is refused with %s', (_what, change, where) => {
    const range = { epoch: EPOCH, from_seq: 5, to_seq: 6, reason: 'damaged' };
    const message = JSON.parse(new TextDecoder().decode(encodeGap(ORIGIN, 7, [range])));
    change(message);
    const reading = readMessage(gapMessage, Buffer.from(JSON.stringify(message)));
    expect(reading).toMatchObject({ ok: false, where: expect.stringMatching(where) });
  });
});

describe('fields that older releases do not send', () => {
  const state = example<StateMessage>('state');

  it('are read as what they meant then', () => {
    const { first_sequence: _first, config: _config, ...older } = state;
    const previous = { epoch: OLDER, last_sequence: 9 };
    const reading = readMessage(stateMessage, Buffer.from(JSON.stringify({ ...older, previous })));
    expect(reading).toMatchObject({
      ok: true,
      value: { first_sequence: 1, config: null, previous: { ...previous, oldest_held: null, end: null } },
    });
  });

  it('are read so in batches too', () => {
    const batch = example<{ data: Record<string, unknown> }>('batch');
    delete batch.data.clock_corrected_ms;
    const reading = readMessage(batchMessage, Buffer.from(JSON.stringify(batch)));
    expect(reading).toMatchObject({ ok: true, value: { data: { clock_corrected_ms: null } } });
  });

  it('are told by this release: a correction of the clock, with its sign', () => {
    const window = { ordinal: 3, startMs: 0, endMs: 900_000, skipped: 0, warmUp: false, records: [] };
    const origin = { ...ORIGIN, store: 's', timeZone: 'UTC', version: '0.1.0', clock: 'rtc_only' as const };
    for (const correctedMs of [null, -3_600_000, 1, 0]) {
      const [{ body }] = encodeWindow({ ...window, correctedMs }, origin, 1);
      expect(readMessage(batchMessage, body)).toMatchObject({
        ok: true,
        value: { data: { clock_corrected_ms: correctedMs } },
      });
    }
  });
});

describe('small messages', () => {
  it.each([
    ['state', stateMessage],
    ['state-new-epoch', stateMessage],
    ['ack', ackMessage],
    ['ack-rejected', ackMessage],
    ['config', configMessage],
  ] as const)('%s comes back as it was encoded', (name, schema) => {
    const message = example<StateMessage>(name);
    expect(readMessage<unknown>(schema, encodeMessage(message))).toEqual({ ok: true, value: message });
  });

  it('are refused with the field that is wrong', () => {
    const bytes = (message: object) => Buffer.from(JSON.stringify(message));
    const config = { revision: 'r1', settings: {} };
    expect(readMessage(configMessage, bytes({ ...config, revision: '' }))).toMatchObject({ where: /^revision: / });
    expect(readMessage(configMessage, bytes({ ...config, settings: [] }))).toMatchObject({ where: /^settings: / });
    const ack = { epoch: EPOCH, ok: [1], rejected: [] };
    expect(readMessage(ackMessage, bytes({ ...ack, retry_after_s: -1 }))).toMatchObject({ where: /^retry_after_s: / });
    expect(readMessage(ackMessage, bytes({ ...ack, ok: [0] }))).toMatchObject({ where: /^ok\[0\]: / });
  });
});

describe('the example that the README tells', () => {
  const readme = readFileSync(new URL('README.md', import.meta.url), 'utf8');
  const state = example<StateMessage>('state');
  const renewed = example<StateMessage>('state-new-epoch');
  const gap = example<GapMessage>('gap');

  /** The rules of the README, for the epoch of a state. */
  function ledger(
    { epoch, first_sequence, sealed_through, oldest_held }: StateMessage,
    held: Set<number>,
    gaps: GapMessage[],
  ) {
    const last = Math.max(sealed_through, ...held);
    const found = { told: [] as number[], lost: [] as number[], awaited: [] as number[] };
    for (let sequence = first_sequence; sequence <= last; sequence++) {
      if (held.has(sequence)) continue;
      const told = gaps.some(({ data }) =>
        data.ranges.some((range) => range.epoch === epoch && range.from_seq <= sequence && sequence <= range.to_seq),
      );
      const gone = oldest_held === null || sequence < oldest_held;
      found[told ? 'told' : gone ? 'lost' : 'awaited'].push(sequence);
    }
    return found;
  }
  const upTo = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
  const paragraph = (text: string) => expect(readme.replace(/\s+/g, ' ')).toContain(text);

  it('comes out as it says, before and after the gap record', () => {
    const held = new Set([...upTo(1, 100), ...upTo(341, 500), 1240]);
    expect(ledger(state, held, [])).toEqual({ told: [], lost: upTo(101, 340), awaited: upTo(501, 1239) });
    paragraph('| 101-340 | lost |');
    paragraph('| 501-1239 | awaited |');
    const all = new Set([...held, ...upTo(501, 1239), gap.data.sequence]);
    expect(ledger(state, all, [gap])).toEqual({ told: upTo(101, 340), lost: [], awaited: [] });
    expect([all.size, gap.data.sequence, all.size + 240]).toEqual([1001, 1241, 1241]);
    paragraph('these 240 are **told**');
    paragraph('you hold 1,001 of 1,241');
  });

  it('goes on with a new epoch that numbers on', () => {
    const { previous } = renewed;
    expect(previous).toEqual({ epoch: state.epoch, last_sequence: 1299, oldest_held: 1292, end: 'damaged' });
    expect(renewed).toMatchObject({ first_sequence: 1300, sealed_through: 1299, oldest_held: null });
    const older = {
      ...state,
      sealed_through: previous?.last_sequence ?? 0,
      oldest_held: previous?.oldest_held ?? null,
    };
    const held = new Set([...upTo(1, 100), ...upTo(341, 1290)]);
    expect(ledger(older, held, [gap])).toEqual({ told: upTo(101, 340), lost: [1291], awaited: upTo(1292, 1299) });
    expect(ledger(renewed, new Set(), [])).toEqual({ told: [], lost: [], awaited: [] });
    paragraph('So 1291 is lost');
    paragraph('1292 to 1299 were salvaged');
  });
});
