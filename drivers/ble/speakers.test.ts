import { describe, expect, it } from 'vitest';
import type { Decoder } from '../driver.ts';
import { contractLine } from '../simulator/encode/ble-json.ts';
import { hciCommandComplete } from '../simulator/encode/hci.ts';
import { nrfPacket } from '../simulator/encode/nrf.ts';
import type { AdvertisingFormat } from '../simulator/formats.ts';
import { converse, hex, phone, rejections, type Seen } from './ble.testing.ts';
import { BleHciDecoder } from './hci.ts';
import { BleJsonDecoder } from './json.ts';
import { BleNrfDecoder } from './nrf.ts';
import { BleSniffleDecoder } from './sniffle.ts';

const NOTHING = new Uint8Array();

/** A module that answers only what `answer` does. */
function module(answer: (frame: Uint8Array) => Uint8Array = () => NOTHING): AdvertisingFormat {
  return { boot: () => NOTHING, advertisement: () => NOTHING, receive: (_ms, frame) => answer(frame) };
}

function said(decoder: Decoder, format: AdvertisingFormat, seconds: number, air?: (ms: number) => Uint8Array) {
  const seen: Seen[] = [];
  const frames = converse(decoder, format, seen, seconds, air);
  return frames.map(({ ms, frame }) => ({ ms, text: Buffer.from(frame).toString('hex') }));
}

const completed = (frame: Uint8Array) => hciCommandComplete(frame[1] | (frame[2] << 8), 0);

describe('the speaker of ble-hci', () => {
  const INIT = [
    '01030c00',
    '01010c08fffffbff07f8bf3d',
    '010120081f00000000000000',
    '010b200700600060000000',
    '010c20020100',
  ];

  it('says the commands one at a time, each after the last is complete', () => {
    const decoder = new BleHciDecoder();
    const frames = said(decoder, module(completed), 30);
    expect(frames.map(({ text }) => text)).toEqual(INIT);
    expect(rejections(decoder)).toEqual({});
    expect(decoder.counts.accepted).toBe(5);
  });

  it('starts again when nothing is heard, and counts what was not answered', () => {
    const quiet = new BleHciDecoder();
    expect(said(quiet, module(completed), 70).map(({ text }) => text)).toEqual([...INIT, ...INIT]);
    const dead = new BleHciDecoder();
    // A reset each six seconds: one to wait, five to leave it alone.
    expect(said(dead, module(), 20).map(({ ms, text }) => `${ms} ${text}`)).toEqual(
      [0, 6_000, 12_000, 18_000].map((ms) => `${ms} ${INIT[0]}`),
    );
    expect(rejections(dead)).toEqual({ unanswered: 4 });
  });

  it('takes the answer to another command for none', () => {
    const decoder = new BleHciDecoder();
    said(
      decoder,
      module(() => hciCommandComplete(0x1001, 0)),
      3,
    );
    expect(rejections(decoder)).toEqual({ unanswered: 1 });
  });
});

describe('the speaker of ble-nrf', () => {
  it('says what Nordic’s own tools say, in their order', () => {
    const decoder = new BleNrfDecoder();
    const frames = said(
      decoder,
      module((frame) => (frame[6] === 0x0d ? nrfPacket(3, 0, 0x0e, hex('5c04')) : NOTHING)),
      30,
    );
    expect(frames.map(({ text }) => text)).toEqual([
      'ab06040100001703252627bc',
      'ab06000101001bbc',
      'ab06000102000dbc',
      'ab06000103001dbc',
      'ab06010104000700bc',
      `ab06100105000c${'00'.repeat(16)}bc`,
    ]);
    expect(rejections(decoder)).toEqual({});
  });

  it('tells an older firmware that answers no ping to scan all the same', () => {
    const decoder = new BleNrfDecoder();
    expect(said(decoder, module(), 30).map(({ text }) => text)).toContain('ab06010104000700bc');
    expect(rejections(decoder)).toEqual({ unanswered: 1 });
  });
});

describe('the speaker of ble-sniffle', () => {
  it('writes each command in one line that counts its groups, and waits for its marker', () => {
    const decoder = new BleSniffleDecoder({ advertisingChannel: 39 });
    const lines = said(decoder, module(), 3).map(({ text }) => Buffer.from(text, 'hex').toString('latin1'));
    const commands = lines.map((line) => {
      expect(line).toMatch(/^[A-Za-z0-9+/]+=*\r\n$/);
      const bytes = Buffer.from(line, 'base64');
      expect(bytes[0]).toBe(Math.ceil(bytes.length / 3));
      return bytes.subarray(1).toString('hex');
    });
    expect(commands).toEqual([
      '1840',
      '1027d6be898e0055555500',
      '1280',
      '1100',
      '1500',
      '1600',
      '13',
      '2601',
      '1846460100',
    ]);
    expect(rejections(decoder)).toEqual({ unanswered: 1 });
  });
});

describe('the speaker of ble-json', () => {
  it('says a bare AT to a silent line, and nothing more while nobody answers', () => {
    const decoder = new BleJsonDecoder();
    const frames = said(decoder, module(), 60);
    expect(frames.map(({ ms, text }) => `${ms} ${Buffer.from(text, 'hex')}`)).toEqual(['5000 AT\r', '37000 AT\r']);
    expect(rejections(decoder)).toEqual({});
  });

  it('says nothing to a line on which advertisements are heard', () => {
    const air = (ms: number) => (ms % 4_000 === 0 ? contractLine(phone(1), ms, -60, 37) : NOTHING);
    expect(said(new BleJsonDecoder(), module(), 120, air)).toEqual([]);
  });

  it('sets a dongle that answers to scanning, and again when it says that it has stopped', () => {
    const decoder = new BleJsonDecoder();
    const stops = (ms: number) => (ms === 20_000 ? Buffer.from('{"SE":6,"action":"scan completed"}\r\n') : NOTHING);
    const ok = module((frame) => (frame[0] === 0x41 ? Buffer.from('OK\r\n') : NOTHING));
    const frames = said(decoder, ok, 30, stops).map(({ ms, text }) => ({ ms, line: `${Buffer.from(text, 'hex')}` }));
    const script = ['AT\r', '\x03', 'ATV1\r', 'AT+CENTRAL\r', 'AT+SHOWRSSI1\r', 'AT+FINDSCANDATA=\r'];
    expect(frames.map(({ line }) => line)).toEqual([...script, ...script]);
    expect(frames[script.length].ms).toBe(20_000);
    expect(rejections(decoder)).toEqual({});
  });
});
