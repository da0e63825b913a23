/** What the simulated modules send, through the decoders: everything arrives, as it was sent. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_RSSI, NO_SEQUENCE } from '../../agent/raw.ts';
import type { Driver } from '../driver.ts';
import { AirFrame } from '../simulator/air-frame.ts';
import { JsonFormat } from '../simulator/formats/wifi-json.ts';
import { LinesFormat } from '../simulator/formats/wifi-lines.ts';
import { MonitorFormat } from '../simulator/formats/wifi-monitor.ts';
import { PcapFormat } from '../simulator/formats/wifi-pcap.ts';
import type { AirFormat, AirModule } from '../simulator/formats.ts';
import { Random } from '../simulator/random.ts';
import { wifiJson } from './json.ts';
import { wifiLines } from './lines.ts';
import { wifiMonitor } from './monitor.ts';
import { wifiPcap } from './pcap.ts';
import { cut, recordingSink, rejections, type Seen } from './testing.ts';

const START = 1_700_000_000_000;
const SAMPLES = new URL('../../../shared/data/serial-format-samples/', import.meta.url);
const VECTORS = new URL('../../../shared/data/radiotap-vectors/', import.meta.url);

interface Case {
  name: string;
  driver: Driver;
  format: new (module: AirModule) => AirFormat;
  variant?: string;
  rssi: boolean;
  elements: boolean;
}

const CASES: Case[] = [
  { name: 'wifi-lines', driver: wifiLines, format: LinesFormat, rssi: true, elements: false },
  { name: 'wifi-json', driver: wifiJson, format: JsonFormat, rssi: true, elements: false },
  { name: 'wifi-pcap', driver: wifiPcap, format: PcapFormat, rssi: true, elements: true },
  { name: 'wifi-pcap dlt105', driver: wifiPcap, format: PcapFormat, variant: 'dlt105', rssi: false, elements: true },
  {
    name: 'wifi-pcap marauder',
    driver: wifiPcap,
    format: PcapFormat,
    variant: 'marauder',
    rssi: false,
    elements: true,
  },
  { name: 'wifi-pcap ppi', driver: wifiPcap, format: PcapFormat, variant: 'marauder-ppi', rssi: true, elements: true },
  { name: 'wifi-monitor', driver: wifiMonitor, format: MonitorFormat, rssi: true, elements: true },
];

const nobody = { address: () => undefined, ssid: () => undefined };

interface Sent {
  ms: number;
  bytes: Uint8Array;
  address: string;
  rssi: number;
  sequence: number;
}

/** A module's boot and `count` frames. */
function sent(
  { format, driver, variant }: Case,
  count: number,
  seed = 1,
): { boot: Uint8Array; frames: Sent[]; module: AirFormat } {
  const sensor = { id: 'sensor', driver: driver.name, channel: 11, ...(variant === undefined ? {} : { variant }) };
  const module = new format({ sensor, random: new Random(seed), secrets: nobody });
  const random = new Random(seed + 1);
  const boot = module.boot(START);
  const frames = Array.from({ length: count }, (_, i): Sent => {
    const address = Uint8Array.from({ length: 6 }, () => random.integer(0, 255));
    address[0] = (address[0] & 0xfc) | 2;
    const ssid = random.choice(['', 'CMCC', '咖啡馆 5G', 'a"b\\c}', '","rssi":0', '[BUF/CLOSE]', '<<START>>']);
    const variation = random.next();
    const request = { address, sequence: (i * 37) & 0xfff, model: i % 12, ssid, dsChannel: 6, variation };
    const ms = START + 1_000 + i * 150;
    const rssi = random.integer(-94, -1);
    const text = [...address].map((octet) => octet.toString(16).padStart(2, '0')).join(':');
    return {
      ms,
      bytes: module.frame(ms, new AirFrame(request), rssi),
      address: text,
      rssi,
      sequence: request.sequence,
    };
  });
  return { boot, frames, module };
}

const all = (stream: { boot: Uint8Array; frames: Sent[] }) =>
  Buffer.concat([stream.boot, ...stream.frames.map(({ bytes }) => bytes)]);

describe.each(CASES)('a simulated $name sensor', (simulated) => {
  const { driver, rssi: hasRssi, elements } = simulated;

  it('has everything it sends decoded, as it was sent', () => {
    const stream = sent(simulated, 120);
    const decoder = driver.createDecoder();
    const seen: Seen[] = [];
    const sink = recordingSink(seen);
    decoder.push(stream.boot, START, sink);
    for (const { ms, bytes } of stream.frames) decoder.push(bytes, ms, sink);
    expect(seen.map(({ address, rssi, sequence }) => ({ address, rssi, sequence }))).toEqual(
      stream.frames.map(({ address, rssi, sequence }) => ({
        address,
        rssi: hasRssi ? rssi : NO_RSSI,
        sequence: elements ? sequence : NO_SEQUENCE,
      })),
    );
    expect(new Set(seen.map(({ channel }) => channel))).toEqual(new Set([hasRssi ? 11 : 0]));
    // Twelve models, whatever else varies in their frames.
    expect(new Set(seen.map(({ fingerprint }) => fingerprint)).size).toBe(elements ? 12 : 1);
    for (const [i, { time }] of seen.entries()) {
      expect(stream.frames[i].ms - time).toBeGreaterThanOrEqual(0);
      expect(stream.frames[i].ms - time).toBeLessThan(20);
    }
    const { noise = 0, ...rest } = rejections(decoder);
    expect(rest).toEqual({});
    expect(noise).toBeLessThanOrEqual(driver === wifiLines ? 10 : 1);
  });

  it('is decoded alike however its stream is cut', () => {
    const stream = sent(simulated, 8, 3);
    const bytes = Buffer.concat([
      all(stream),
      stream.frames[3].bytes.subarray(0, 70),
      stream.module.boot(START + 9_000),
    ]);
    const whole = Buffer.concat([bytes, ...stream.frames.slice(0, 5).map((frame) => frame.bytes)]);
    const run = (pushes: Iterable<Uint8Array>) => {
      const decoder = driver.createDecoder();
      const seen: Seen[] = [];
      for (const push of pushes) decoder.push(push, START + 20_000, recordingSink(seen));
      return { seen, counts: decoder.counts };
    };
    const expected = run([whole]);
    expect(expected.seen.length).toBeGreaterThanOrEqual(12);
    for (let at = 1; at < whole.length; at++) {
      expect(run([whole.subarray(0, at), whole.subarray(at)])).toEqual(expected);
    }
    expect(run(cut(whole, 1))).toEqual(expected);
  });

  it('survives any damage, and takes what comes after it', () => {
    const stream = sent(simulated, 10, 5);
    const bytes = all(stream);
    const after = sent(simulated, 80, 7);
    const damage = fc.record({
      flips: fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(7)), { maxLength: 20 }),
      from: fc.nat(bytes.length),
      lost: fc.nat(600),
      noise: fc.uint8Array({ maxLength: 300 }),
      size: fc.integer({ min: 1, max: 700 }),
    });
    fc.assert(
      fc.property(damage, ({ flips, from, lost, noise, size }) => {
        const damaged = Buffer.from(bytes);
        for (const [at, bit] of flips) damaged[at] ^= 1 << bit;
        const stack = [
          damaged.subarray(0, from),
          noise,
          damaged.subarray(from + lost),
          Buffer.from('\r\n'),
          all(after),
        ];
        const whole = Buffer.concat(stack);
        const [one, two] = [driver.createDecoder(), driver.createDecoder()];
        const [seen, again]: Seen[][] = [[], []];
        one.push(whole, START + 60_000, recordingSink(seen));
        for (const push of cut(whole, size)) two.push(push, START + 60_000, recordingSink(again));
        expect(again).toEqual(seen);
        expect(two.counts).toEqual(one.counts);
        const last = after.frames.slice(-20).map(({ address }) => address);
        expect(seen.slice(-20).map(({ address }) => address)).toEqual(last);
      }),
      { numRuns: 60 },
    );
  });

  it('takes nothing from the streams of the others', () => {
    const binary = (name: string) => !['wifi-lines', 'wifi-json'].includes(name);
    for (const other of CASES.filter(
      ({ name }) => !(binary(name) && binary(simulated.name)) && name !== simulated.name,
    )) {
      const decoder = driver.createDecoder();
      const seen: Seen[] = [];
      decoder.push(all(sent(other, 40)), START, recordingSink(seen));
      expect([other.name, seen]).toEqual([other.name, []]);
      expect(decoder.counts.accepted).toBe(0);
    }
  });

  it.skipIf(!existsSync(SAMPLES) || !existsSync(VECTORS))(
    'survives real splices and the vectors that broke other parsers (skipped where shared/data is absent)',
    () => {
      const after = sent(simulated, 40, 9);
      const names = [SAMPLES, VECTORS].flatMap((url) => readdirSync(url).map((name) => new URL(name, url)));
      for (const url of names.filter(
        ({ pathname }) => /\.(txt|pcap|bin)$/.test(pathname) && !pathname.endsWith('SOURCE.txt'),
      )) {
        const bytes = readFileSync(url);
        const counts: unknown[] = [];
        for (const size of [1, 13, bytes.length]) {
          const decoder = driver.createDecoder();
          const seen: Seen[] = [];
          const sink = recordingSink(seen);
          for (const push of cut(bytes, size)) decoder.push(push, START, sink);
          counts.push(structuredClone(decoder.counts), seen.length);
          decoder.push(Buffer.concat([Buffer.from('\r\n'), all(after)]), START, sink);
          expect(seen.at(-1)?.address).toBe(after.frames.at(-1)?.address);
        }
        expect(counts.slice(0, 2)).toEqual(counts.slice(2, 4));
        expect(counts.slice(0, 2)).toEqual(counts.slice(4, 6));
      }
    },
  );
});
