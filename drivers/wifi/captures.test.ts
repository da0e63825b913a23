/** Real captures against tcpdump, and the fingerprint against a slow reference. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { channelOfFrequency } from './channel.ts';
import { PcapDecoder } from './pcap.ts';
import { cut, decode, type Seen } from './testing.ts';

const DATA = new URL('../../../shared/data/', import.meta.url);
const labelled = listed('wifi-labelled/');
const files = [...labelled, ...listed('wifi-phones/'), ...listed('wifi-room-occupancy/'), ...listed('virtual-radio/')];
const haveTcpdump = spawnSync('tcpdump', ['--version']).status === 0;

function listed(folder: string): string[] {
  const url = new URL(folder, DATA);
  if (!existsSync(url)) {
    return [];
  }
  const names = readdirSync(url, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.pcap')).map((name) => folder + name);
}

/** The captured frames of a little-endian file. */
function recordsOf(file: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 24; at + 16 <= file.length; ) {
    const length = file.readUInt32LE(at + 8);
    found.push(file.subarray(at + 16, at + 16 + length));
    at += 16 + length;
  }
  return found;
}

type Facts = Pick<Seen, 'address' | 'rssi' | 'channel' | 'sequence'>;

/** What tcpdump reads in a file of probe requests; the sequence number, which it does not print, from its hex dump. */
function tcpdump(name: string): Facts[] {
  const path = fileURLToPath(new URL(name, DATA));
  const text = execFileSync('tcpdump', ['-r', path, '-e', '-n', '-tt', '-xx'], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return text.split(/\n(?=\d)/).map((packet) => {
    const line = packet.slice(0, packet.indexOf('\n'));
    const dump = [...packet.matchAll(/^\s+0x[0-9a-f]+:\s+(.*)$/gm)].map((match) => match[1]).join('');
    const bytes = Buffer.from(dump.replace(/\s/g, ''), 'hex');
    return {
      address: /SA:([0-9a-f:]{17})/.exec(line)?.[1] ?? '',
      rssi: Number(/(-?\d+)dBm signal/.exec(line)?.[1]),
      channel: channelOfFrequency(Number(/(\d+) MHz/.exec(line)?.[1])),
      sequence: bytes.readUInt16LE(bytes.readUInt16LE(2) + 22) >> 4,
    };
  });
}

/** The normalised elements, spelled out; slow and plain on purpose. */
function normalised(frame: Buffer): string {
  const flags = frame.readUInt8(4) & 2;
  const at = (frame.readUInt8(4) & 1) === 1 ? 16 : 8;
  const fcs = flags !== 0 && (frame[at] & 0x10) !== 0 ? 4 : 0;
  let rest = frame.subarray(frame.readUInt16LE(2) + 24, frame.length - fcs);
  const parts: string[] = [];
  while (rest.length >= 2 && rest.length >= 2 + rest[1]) {
    const [tag, body] = [rest[0], rest.subarray(2, 2 + rest[1]).toString('hex')];
    rest = rest.subarray(2 + rest[1]);
    let kept = body;
    if (tag === 0 || tag === 3) {
      kept = '';
    } else if (tag === 255 && body.startsWith('02')) {
      kept = '02';
    } else if (tag === 221 && /^0050f20[48]/.test(body)) {
      kept = body.slice(0, 8);
    }
    parts.push(`${tag}:${kept}`);
  }
  return parts.join(' ');
}

describe.skipIf(files.length === 0)('real captures (skipped where shared/data is absent)', () => {
  it('accepts or rejects every frame, however the file is cut', () => {
    for (const name of files) {
      const file = readFileSync(new URL(name, DATA));
      const decoder = new PcapDecoder();
      const seen = decode(decoder, cut(file, 1_021));
      const { format, range } = decoder.counts.rejected;
      const rejected = Object.values(decoder.counts.rejected).reduce((sum, count) => sum + count, 0);
      const frames = recordsOf(file).length;
      if (frames > 0) {
        expect([name, decoder.counts.accepted + format + range, rejected - format - range]).toEqual([name, frames, 0]);
      }
      const whole = new PcapDecoder();
      expect(decode(whole, [file])).toEqual(seen);
      expect(whole.counts).toEqual(decoder.counts);
    }
  });

  it('gives two frames one fingerprint exactly where their normalised elements are the same', () => {
    const byText = new Map<string, string>();
    for (const name of [...labelled, ...listed('wifi-room-occupancy/')]) {
      const file = readFileSync(new URL(name, DATA));
      const seen = decode(new PcapDecoder(), [file]);
      const frames = recordsOf(file);
      if (seen.length !== frames.length) {
        continue; // A file with a rejected frame: the two do not pair up.
      }
      for (const [i, { fingerprint }] of seen.entries()) {
        const text = normalised(frames[i]);
        expect(byText.get(text) ?? fingerprint).toBe(fingerprint);
        byText.set(text, fingerprint);
      }
    }
    expect(byText.size).toBeGreaterThan(100);
    expect(new Set(byText.values()).size).toBe(byText.size);
  });

  const compared = [
    labelled.find((name) => name.includes('devR')),
    ...listed('wifi-phones/'),
    'wifi-room-occupancy/2024-04-04.pcap',
  ];
  it.skipIf(!haveTcpdump).each(compared.filter((name) => name !== undefined))('reads %s as tcpdump does', (name) => {
    const seen = decode(new PcapDecoder(), [readFileSync(new URL(name, DATA))]);
    const facts = seen.map(({ address, rssi, channel, sequence }) => ({ address, rssi, channel, sequence }));
    // The phones' addresses were replaced by random ones, half of which have the group bit; some signals are above 0 dBm.
    const valid = tcpdump(name).filter(({ address, rssi }) => !/^.[13579bdf]/.test(address) && rssi <= 0);
    expect(facts.length).toBeGreaterThan(10);
    expect(facts).toEqual(valid);
    expect(new Set(facts.map(({ address }) => address)).size).toBe(new Set(valid.map(({ address }) => address)).size);
  });
});
