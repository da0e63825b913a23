import fc from 'fast-check';
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { SealedWindow, WindowRecord } from '../analytics/records.ts';
import { AgentError } from '../errors.ts';
import { type BatchOrigin, batchMessage, encodeWindow, SOFT_LIMIT_BYTES, type WindowToSeal } from './batch.ts';
import { ackMessage, stateMessage } from './messages.ts';
import { encodeProbe, probeMessage } from './probe.ts';
import { HARD_LIMIT_BYTES, readMessage } from './read.ts';
import type { WireRecord } from './records.ts';
import { parseTopic, topicsOf } from './topics.ts';

const origin: BatchOrigin = {
  tenant: 'acme',
  gateway: 'gw-1',
  epoch: '0123456789abcdef',
  store: 'berlin',
  timeZone: 'Europe/Berlin',
  version: '0.1.0',
  clock: 'synchronised',
  sealedAtMs: 1_760_000_000_000,
};

const base = {
  place: 'store',
  store: 'berlin',
  rev: 1,
  window: 7,
  start_ms: 1_759_999_100_000,
  end_ms: 1_760_000_000_000,
  parameters: 'p1',
};
const one: WindowRecord = {
  ...base,
  kind: 'door',
  entries: 3,
  exits: 1,
  catch_up_entries: 0,
  catch_up_exits: 0,
  catch_up_from_ms: null,
  set_aside: 0,
  resets: 0,
};
const dwell: WindowRecord = {
  ...base,
  kind: 'dwell',
  visits: 2,
  dwell_ms: 900_000,
  censored: 0,
  heard_once: 0,
  bounced: 0,
  engaged: 1,
  histogram: [[310, 2]],
};

function windowOf(records: readonly WireRecord[]): WindowToSeal {
  return {
    ordinal: 7,
    startMs: base.start_ms,
    endMs: base.end_ms,
    skipped: 0,
    warmUp: false,
    correctedMs: null,
    records,
  };
}

function readBatch(body: Uint8Array) {
  const reading = readMessage(batchMessage, body);
  if (!reading.ok) throw new Error(reading.where);
  return reading.value;
}

/** Parses a good batch, changes it, and returns what the reader says of it. */
function readChanged(change: (message: ReturnType<typeof batchMessage.parse>) => unknown): string {
  const [batch] = encodeWindow(windowOf([one, dwell]), origin, 12);
  const message = JSON.parse(new TextDecoder().decode(batch.body));
  change(message);
  const reading = readMessage(batchMessage, Buffer.from(JSON.stringify(message)));
  return reading.ok ? 'ok' : reading.where;
}

describe('contract v1', () => {
  it('has the same record types as analytics, both ways', () => {
    expectTypeOf<WindowRecord>().toExtend<WireRecord>();
    expectTypeOf<WireRecord>().toExtend<WindowRecord>();
    expectTypeOf<Extract<WireRecord, { kind: 'traffic' }>>().toEqualTypeOf<
      Pick<Extract<WindowRecord, { kind: 'traffic' }>, keyof Extract<WireRecord, { kind: 'traffic' }>>
    >();
    expectTypeOf<keyof Extract<WindowRecord, { kind: 'day' }>>().toEqualTypeOf<
      keyof Extract<WireRecord, { kind: 'day' }>
    >();
    expectTypeOf<SealedWindow>().toExtend<WindowToSeal>();
  });

  it('takes the records of gateways that know less: a door record without the start of a silence', () => {
    const { catch_up_from_ms: _from, ...older } = one;
    expect(readChanged((m) => Object.assign(m.data, { records: [older] }))).toBe('ok');
    const [record] = [{ ...one, catch_up_from_ms: 'noon' }];
    expect(readChanged((m) => Object.assign(m.data, { records: [record] }))).toMatch(/catch_up_from_ms/);
  });

  it('checks a record of Bluetooth in every field', () => {
    const told = { advertisements: 9, random_advertisements: 8, late_advertisements: 0, untracked_advertisements: 0 };
    const minutes = {
      phone_minutes: 4,
      fixture_minutes: 1,
      other_minutes: 0,
      phones_max: 2,
      minutes: 15,
      open_minutes: 15,
    };
    const ble: WindowRecord = { ...base, kind: 'ble', place: 'floor', ...told, ...minutes };
    const [batch] = encodeWindow(windowOf([ble]), origin, 3);
    expect(readBatch(batch.body).data.records).toEqual([ble]);
    for (const field of Object.keys({ ...told, ...minutes })) {
      const records = [{ ...ble, [field]: -1 }];
      expect(readChanged((m) => Object.assign(m.data, { records }))).toContain(`records[0].${field}`);
    }
  });

  it('checks a record of visitors in every field', () => {
    const day = { ...base, kind: 'visitors', date: '2025-10-09' } as const;
    const told = { sketch: '138c400c43', log2m: 12, regwidth: 5, estimate: 31, keys: 1, visits: 40, random_share: 0.5 };
    const visitors: WindowRecord = { ...day, ...told };
    const few: WindowRecord = { ...visitors, sketch: null, estimate: 0, visits: 0, random_share: null };
    const [batch] = encodeWindow(windowOf([visitors, few]), origin, 3);
    expect(readBatch(batch.body).data.records).toEqual([visitors, few]);
    for (const field of Object.keys(told)) {
      const records = [{ ...visitors, [field]: -1 }];
      expect(readChanged((m) => Object.assign(m.data, { records }))).toContain(`records[0].${field}`);
    }
    for (const sketch of ['', '138', '138C40', '\\x138c40']) {
      expect(readChanged((m) => Object.assign(m.data, { records: [{ ...visitors, sketch }] }))).toMatch(/sketch/);
    }
  });

  it('round-trips a window through its envelope', () => {
    const batches = encodeWindow(windowOf([one, dwell]), origin, 12);
    expect(batches).toHaveLength(1);
    const message = readBatch(batches[0].body);
    expect(message).toMatchObject({
      source: '/ff/acme/gw-1/0123456789abcdef',
      id: '12',
      time: '2025-10-09T08:53:20.000Z',
    });
    expect(message.data).toMatchObject({
      sequence: 12,
      part: 1,
      parts: 1,
      clock: 'synchronised',
      time_zone: 'Europe/Berlin',
    });
    expect(message.data.records).toEqual([one, dwell]);
  });

  it('seals a window without records as one batch', () => {
    const [batch, ...rest] = encodeWindow(windowOf([]), origin, 1);
    expect(rest).toEqual([]);
    expect(readBatch(batch.body).data.records).toEqual([]);
  });

  it('splits any window into parts within the limits that hold every record once, in order', () => {
    const histogram = fc.array(fc.tuple(fc.integer({ min: 0, max: 600 }), fc.nat()), { maxLength: 2_000 });
    fc.assert(
      fc.property(fc.array(histogram, { maxLength: 12 }), fc.integer({ min: 1, max: 1e9 }), (histograms, first) => {
        const records = histograms.map((each, index) => ({ ...dwell, place: `zone-${index}`, histogram: each }));
        const batches = encodeWindow(windowOf(records), origin, first);
        const parts = batches.map((batch) => readBatch(batch.body).data);
        expect(parts.flatMap((part) => part.records)).toEqual(records);
        for (const [index, part] of parts.entries()) {
          const { length } = batches[index].body;
          expect(part).toMatchObject({ sequence: first + index, part: index + 1, parts: parts.length });
          expect(length).toBeLessThanOrEqual(part.records.length > 1 ? SOFT_LIMIT_BYTES : HARD_LIMIT_BYTES);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('says so when one record alone is too large', () => {
    const histogram = Array.from({ length: 8_000 }, (_, index): [number, number] => [index, 1_000]);
    expect(() => encodeWindow(windowOf([{ ...dwell, histogram }]), origin, 1)).toThrow(
      /a dwell record of at most \d+ bytes/,
    );
  });

  it('rejects wrong types with the path in words', () => {
    expect(readChanged(() => {})).toBe('ok');
    expect(readChanged((m) => Object.assign(m.data.records[0], { entries: '3' }))).toMatch(
      /^data\.records\[0\]\.entries: .*expected (int|number), received string/,
    );
    expect(readChanged((m) => Object.assign(m.data.records[0], { entries: -1 }))).toMatch(
      /^data\.records\[0\]\.entries: /,
    );
    expect(readChanged((m) => Object.assign(m, { id: '13' }))).toBe('id: expected it to agree with data.sequence');
    expect(readChanged((m) => Object.assign(m, { source: '/ff/other/gw-1/0123456789abcdef' }))).toMatch(/^source: /);
    expect(readChanged((m) => Object.assign(m.data, { part: 3 }))).toMatch(/^data\.part: /);
    expect(readChanged((m) => Object.assign(m.data, { tenant: 'a/b' }))).toMatch(/^data\.tenant: /);
  });

  it('takes unknown fields and the kinds of a newer minor version, and keeps both', () => {
    const newer = { ...base, kind: 'footprint', centre: [1, 2] };
    expect(readChanged((m) => Object.assign(m, { traceparent: 'x' }))).toBe('ok');
    const [batch] = encodeWindow(windowOf([one]), origin, 1);
    const message = JSON.parse(new TextDecoder().decode(batch.body));
    message.data.records = [{ ...one, hue: 3 }, newer];
    const read = readBatch(Buffer.from(JSON.stringify(message)));
    expect(read.data.records).toEqual([{ ...one, hue: 3 }, newer]);
  });

  it('throws nothing on any bytes', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          for (const schema of [batchMessage, stateMessage, ackMessage]) {
            expect(readMessage<unknown>(schema, bytes).ok).toBe(false);
          }
        },
      ),
    );
    const deep = Buffer.from(`${'['.repeat(30_000)}${']'.repeat(30_000)}`);
    expect(readMessage(batchMessage, deep).ok).toBe(false);
    expect(readMessage(ackMessage, Buffer.from([0x22, 0xff, 0x22]))).toMatchObject({ ok: false, where: /UTF-8/ });
  });

  it('checks the size before it parses', () => {
    const ack = { epoch: origin.epoch, ok: [1], rejected: [], pad: 'x'.repeat(HARD_LIMIT_BYTES) };
    const reading = readMessage(ackMessage, Buffer.from(JSON.stringify(ack)));
    expect(reading).toMatchObject({ ok: false, raw: undefined });
    expect(!reading.ok && reading.where).toMatch(/^expected at most 65536 bytes, found \d+$/);
  });
});

describe('topics', () => {
  it('are parsed as they are built', () => {
    const topics = topicsOf('acme', 'gw-1');
    expect(topics.batch).toBe('ff/v1/acme/gw-1/up/batch');
    for (const [leaf, topic] of Object.entries(topics)) {
      expect(parseTopic(topic)).toEqual({ tenant: 'acme', gateway: 'gw-1', leaf });
    }
  });

  it.each([
    'ff/v2/acme/gw-1/up/batch',
    'ff/v1/acme/gw-1/up/batch/x',
    'ff/v1/a.b/gw-1/up/batch',
    'ff/v1/acme/gw-1/up/toString',
  ])('takes %s for none of this contract', (topic) => {
    expect(parseTopic(topic)).toBeNull();
  });

  it.each(['', 'a.b', 'Acme', 'a/b', '+', '#', '*', '>', 'x'.repeat(65)])('refuses the level %j', (level) => {
    expect(() => topicsOf(level, 'gw')).toThrow(AgentError);
    expect(() => topicsOf('acme', level)).toThrow(/the gateway to be 1 to 64 characters/);
  });
});

describe('probe', () => {
  const good = JSON.parse(new TextDecoder().decode(encodeProbe('acme', 'gw-1', origin.epoch, origin.sealedAtMs)));
  const read = (message: unknown) => readMessage(probeMessage, Buffer.from(JSON.stringify(message)));

  it('is read back, and names its epoch as a batch does', () => {
    expect(read(good)).toEqual({ ok: true, value: good });
    expect(good).toMatchObject({ source: `/ff/acme/gw-1/${origin.epoch}`, id: '1' });
  });

  it.each([
    ['a batch', { type: 'footfall.batch.v1' }],
    ['another sequence', { id: '2' }],
    ['a source of another gateway', { source: `/ff/acme/gw-2/${origin.epoch}` }],
    ['an epoch in capitals', { data: { ...good.data, epoch: origin.epoch.toUpperCase() } }],
    ['a gateway that is no level', { data: { ...good.data, gateway: 'gw/+' } }],
    ['no data', { data: undefined }],
  ])('is not %s', (_what, change) => {
    expect(read({ ...good, ...change }).ok).toBe(false);
  });

  it('survives any change of any byte', () => {
    const bytes = Buffer.from(JSON.stringify(good));
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, byte) => {
        const changed = Buffer.from(bytes);
        changed[at] = byte;
        const reading = readMessage(probeMessage, changed);
        if (reading.ok) expect(reading.value.source).toContain(reading.value.data.epoch);
      }),
    );
  });
});
