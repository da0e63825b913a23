/** Each driver against the module that plays its sniffer: what the module sends is what the driver reads. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_RSSI } from '../../agent/raw.ts';
import type { Decoder, Driver } from '../driver.ts';
import { hciAdvertisingReport } from '../simulator/encode/hci.ts';
import { encodeEspBootText } from '../simulator/encode/serial-pcap.ts';
import { BleHciFormat } from '../simulator/formats/ble-hci.ts';
import { BleJsonFormat } from '../simulator/formats/ble-json.ts';
import { BleNrfFormat } from '../simulator/formats/ble-nrf.ts';
import { BleSniffleFormat } from '../simulator/formats/ble-sniffle.ts';
import type { Advertisement, AdvertisingFormat, AirModule } from '../simulator/formats.ts';
import { Random } from '../simulator/random.ts';
import { ARRIVAL, converse, decode, hex, PHONE_DATA, recordingSink, rejections, type Seen } from './ble.testing.ts';
import { bleHci } from './hci.ts';
import { bleJson } from './json.ts';
import { bleNrf } from './nrf.ts';
import { bleSniffle } from './sniffle.ts';

interface Pair {
  name: string;
  driver: Driver;
  make: (module: AirModule) => AdvertisingFormat;
  variant?: string;
  /** Hears nothing until it is told to scan. */
  silent: boolean;
  /** The format names the channel. */
  channels: boolean;
  /** The decoder finds each damaged advertisement. */
  checked: boolean;
}

const nrf = { driver: bleNrf, make: (module: AirModule) => new BleNrfFormat(module), silent: true };
const json = {
  driver: bleJson,
  make: (module: AirModule) => new BleJsonFormat(module),
  channels: false,
  checked: false,
};
const PAIRS: Pair[] = [
  {
    name: 'ble-hci',
    driver: bleHci,
    make: (module) => new BleHciFormat(module),
    silent: true,
    channels: false,
    checked: false,
  },
  { name: 'ble-nrf v1', ...nrf, variant: 'v1', channels: true, checked: true },
  { name: 'ble-nrf v2', ...nrf, variant: 'v2', channels: true, checked: true },
  { name: 'ble-nrf v3', ...nrf, variant: 'v3', channels: true, checked: true },
  {
    name: 'ble-sniffle',
    driver: bleSniffle,
    make: (module) => new BleSniffleFormat(module),
    silent: false,
    channels: true,
    checked: false,
  },
  { name: 'ble-json contract', ...json, variant: 'contract', silent: false, channels: true },
  { name: 'ble-json bleuio', ...json, variant: 'bleuio', silent: true },
  { name: 'ble-json openmqttgateway', ...json, variant: 'openmqttgateway', silent: false },
];

function formatOf({ driver, make, variant }: Pair): AdvertisingFormat {
  const sensor = { id: 'sensor', driver: driver.name, ...(variant !== undefined && { variant }) };
  return make({ sensor, random: new Random(7), secrets: { address: () => {}, ssid: () => {} } });
}

/** A module that is scanning, a decoder that made it do so, and what was counted on the way. */
function scanning(pair: Pair): { decoder: Decoder; format: AdvertisingFormat; ms: number; accepted: number } {
  const decoder = pair.driver.createDecoder();
  const format = formatOf(pair);
  const seen: Seen[] = [];
  decoder.push(format.boot(0), ARRIVAL, recordingSink(seen));
  converse(decoder, format, seen, 30);
  expect(seen).toEqual([]);
  return { decoder, format, ms: 30_000, accepted: decoder.counts.accepted };
}

const spelled = (address: Uint8Array) => Buffer.from(address).toString('hex');

const phoneAddress = fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes) => {
  const address = Uint8Array.from(bytes);
  address[0] = (address[0] & 0x3f) | 0x40;
  return address;
});
const advertisements = fc.array(
  fc.record({
    address: phoneAddress,
    type: fc.constantFrom(0 as const, 2 as const, 6 as const),
    tail: fc.uint8Array({ maxLength: 12 }),
    rssi: fc.integer({ min: -120, max: -1 }),
  }),
  { minLength: 1, maxLength: 20 },
);

/** A phone's payload, with some more of its maker's. */
function advertisementOf({ address, type, tail }: { address: Uint8Array; type: 0 | 2 | 6; tail: Uint8Array }) {
  const more = tail.length === 0 ? [] : [1 + tail.length, 0x09, ...tail];
  return { address, random: true, type, data: Uint8Array.of(...PHONE_DATA, ...more) };
}

describe.each(PAIRS)('$name', (pair) => {
  it('reads what the module sends, all of it and nothing else', () => {
    const { decoder, format, ms, accepted } = scanning(pair);
    let sent = 0;
    let at = ms;
    fc.assert(
      fc.property(advertisements, (drawn) => {
        for (const one of drawn) {
          at += 20;
          const seen: Seen[] = [];
          const bytes = format.advertisement(at, advertisementOf(one), one.rssi, 37);
          decoder.push(bytes, ARRIVAL + at + 5, recordingSink(seen));
          sent++;
          expect(seen).toMatchObject([
            {
              address: spelled(one.address),
              random: true,
              advertiser: 'phone',
              rssi: one.rssi,
              channel: pair.channels ? 37 : 0,
            },
          ]);
          expect(seen[0].time).toBeLessThanOrEqual(ARRIVAL + at + 5);
          expect(seen[0].time).toBeGreaterThan(ARRIVAL + at - 30);
        }
      }),
    );
    const { missing, unanswered, noise, ...others } = decoder.counts.rejected;
    expect({ missing, unanswered }).toEqual({ missing: 0, unanswered: 0 });
    expect(Object.values(others)).toEqual(new Array(6).fill(0));
    // The log lines of a gateway are accepted as well; noise is boot text alone.
    const logs = pair.variant === 'openmqttgateway' ? decoder.counts.accepted - accepted - sent : 0;
    expect(decoder.counts.accepted - accepted).toBe(sent + logs);
    expect(noise).toBe(pair.driver === bleJson && !pair.silent ? 6 : 0);
  });

  it('is heard only when it is told to scan, where it must be', () => {
    const format = formatOf(pair);
    format.boot(0);
    const one: Advertisement = { address: hex('5bcdabbc1234'), random: true, type: 0, data: PHONE_DATA };
    expect(format.advertisement(10, one, -60, 37).length === 0).toBe(pair.silent);
    const told = scanning(pair).format;
    expect(told.advertisement(30_010, one, -60, 37).length).toBeGreaterThan(20);
    told.boot(40_000);
    expect(told.advertisement(40_010, one, -60, 37).length === 0).toBe(pair.silent);
  });

  /** Ten advertisements with a restart in the middle of one and noise in the middle of another. */
  function hostileStream(): Uint8Array {
    const { format, ms } = scanning(pair);
    const one = (device: number) =>
      format.advertisement(
        ms + 10 * device,
        { address: Uint8Array.of(0x5b, 0xcd, 0xab, 0xbc, 0xcd, device), random: true, type: 0, data: PHONE_DATA },
        -60,
        37,
      );
    const chunks = [Buffer.from('\xffbooting\r\n', 'latin1')];
    for (let device = 1; device <= 10; device++) chunks.push(Buffer.from(one(device)));
    chunks.splice(4, 0, Buffer.from(one(11).subarray(0, 20)), Buffer.from(encodeEspBootText()));
    chunks.splice(
      8,
      0,
      Buffer.from(Uint8Array.from({ length: 97 }, (_, at) => (at * 151 + 29) & 0xff)),
      Buffer.from('\r\n'),
    );
    return Buffer.concat(chunks);
  }

  function outcome(pushes: Iterable<Uint8Array>): string {
    const decoder = pair.driver.createDecoder();
    const seen = decode(decoder, pushes, ARRIVAL + 60_000);
    return JSON.stringify([seen, decoder.counts]);
  }

  it('gives the same however the stream is cut, and finds the good ones', () => {
    const stream = hostileStream();
    const whole = outcome([stream]);
    for (let at = 1; at < stream.length; at++) {
      expect(outcome([stream.subarray(0, at), stream.subarray(at)]), `split at ${at}`).toBe(whole);
    }
    expect(outcome(Array.from(stream, (_, at) => stream.subarray(at, at + 1)))).toBe(whole);
    const decoder = pair.driver.createDecoder();
    const seen = decode(decoder, [stream]);
    const devices = new Set(seen.map(({ address }) => address));
    for (let device = 1; device <= 10; device++) {
      expect(devices, `device ${device}`).toContain(spelled(Uint8Array.of(0x5b, 0xcd, 0xab, 0xbc, 0xcd, device)));
    }
    expect(devices.size).toBe(10);
    expect(Object.values(rejections(decoder)).length).toBeGreaterThan(0);
  });

  it('survives any damage, the same however it is cut', () => {
    const stream = hostileStream();
    const flips = fc.array(fc.tuple(fc.nat(stream.length - 1), fc.nat(255)), { maxLength: 30 });
    fc.assert(
      fc.property(flips, fc.integer({ min: 1, max: 70 }), (changes, size) => {
        const bytes = Uint8Array.from(stream);
        for (const [at, mask] of changes) bytes[at] ^= mask;
        const cuts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
          bytes.subarray(i * size, (i + 1) * size),
        );
        expect(outcome(cuts)).toBe(outcome([bytes]));
      }),
      { numRuns: 60 },
    );
  });

  it('takes the stream of no other driver for a person, and finds its own after it', () => {
    const others = PAIRS.filter(({ driver }) => driver !== pair.driver).map((other) => {
      const { format, ms } = scanning(other);
      const data = PHONE_DATA;
      return Array.from({ length: 50 }, (_, at) =>
        format.advertisement(
          ms + at,
          { address: Uint8Array.of(0x4b, 1, 2, 3, 4, at), random: true, type: 0, data },
          -60,
          37,
        ),
      );
    });
    for (const chunks of others) {
      const { decoder, format, ms } = scanning(pair);
      const seen = decode(decoder, [...chunks, Buffer.from('\n')], ARRIVAL + ms);
      expect(seen).toEqual([]);
      const one: Advertisement = { address: hex('5bcdabbc1234'), random: true, type: 0, data: PHONE_DATA };
      expect(decode(decoder, [format.advertisement(ms + 100, one, -60, 37)], ARRIVAL + ms + 100)).toHaveLength(1);
    }
  });

  it('stays whole after a megabyte of anything', () => {
    const { decoder, format, ms } = scanning(pair);
    const random = new Random(3);
    const block = new Uint8Array(4_096);
    let phantoms = 0;
    for (let blocks = 0; blocks < 256; blocks++) {
      for (let at = 0; at < block.length; at++) block[at] = random.next() & 0xff;
      phantoms += decode(decoder, [block], ARRIVAL + ms).length;
    }
    const one: Advertisement = { address: hex('5bcdabbc1234'), random: true, type: 0, data: PHONE_DATA };
    const good = Buffer.from(format.advertisement(ms + 100, one, -60, 37));
    const seen = decode(decoder, [Buffer.from('\r\n'), good, good], ARRIVAL + ms + 100);
    expect(phantoms).toBe(0);
    expect(seen.length).toBeGreaterThanOrEqual(1);
    expect(seen.every(({ rssi }) => rssi !== NO_RSSI)).toBe(true);
  });
});

describe('ble-hci', () => {
  const LOG = new URL('../../../shared/data/virtual-radio/vhci-hci-commands.log', import.meta.url);

  it('answers every command of a recorded start of noble', (context) => {
    let log: string;
    try {
      log = readFileSync(LOG, 'utf8');
    } catch {
      context.skip('shared/data is absent');
      return;
    }
    const format = formatOf(PAIRS[0]);
    const decoder = bleHci.createDecoder();
    const commands = [...log.matchAll(/^vhci cmd ([0-9a-f]{4}) ([0-9a-f]*)$/gm)];
    expect(commands.length).toBeGreaterThan(30);
    for (const [, opcode, parameters] of commands) {
      const command = hex(`01 ${opcode.slice(2)}${opcode.slice(0, 2)} 00 ${parameters}`);
      command[3] = parameters.length / 2;
      const answer = format.receive?.(0, command) ?? new Uint8Array();
      expect(answer[6], `status of ${opcode}`).toBe(0);
      decode(decoder, [answer]);
    }
    expect(decoder.counts.accepted).toBe(commands.length);
    expect(rejections(decoder)).toEqual({});
    const one: Advertisement = { address: hex('5bcdabbc1234'), random: true, type: 0, data: PHONE_DATA };
    expect(format.advertisement(0, one, -60, 37)).toEqual(hciAdvertisingReport({ advertisement: one, rssi: -60 }));
  });
});
