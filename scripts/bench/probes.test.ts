import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { FrameReader, LinkType } from '../../drivers/wifi/frame.ts';
import { loadProbes } from './probes.ts';
import { SIGHTINGS_A_READ, SightingStream } from './stream.ts';
import { Templates, writeTemplates } from './templates.ts';

const RECORD_HEADER = 16;

describe('loadProbes', () => {
  it('says that captures are missing and takes a simulated store instead', () => {
    const { missing, source, probes } = loadProbes(new URL('./no-such-folder/', import.meta.url));
    expect(missing).toContain('no-such-folder');
    expect(source).toContain('simulated');
    expect(probes.length).toBeGreaterThan(1_000);
    const frames = new FrameReader();
    for (const { record, addressAt, rssi } of probes) {
      expect(frames.read(record, RECORD_HEADER, record.length, LinkType.radiotap, 0)).toBe('probe');
      expect(frames.reading.rssi).toBe(rssi);
      const high = (record[addressAt] << 16) | (record[addressAt + 1] << 8) | record[addressAt + 2];
      expect(frames.reading.address.high).toBe(high);
    }
  });
});

describe('SightingStream', () => {
  it('makes half of the addresses new, with an uptime that goes on when the sightings repeat', () => {
    const folder = mkdtempSync(join(tmpdir(), 'footfall-bench-test-'));
    try {
      const { probes } = loadProbes(pathToFileURL(`${folder}/`));
      const path = join(folder, 'pcap.templates');
      const few = probes.slice(0, 10);
      writeTemplates(path, 'pcap', few);
      const stream = new SightingStream({ templates: new Templates(path), pcap: true, newEach: 2 });
      const [addresses, uptimes] = [new Set<number>(), [] as number[]];
      const frames = new FrameReader();
      for (let span = 0; span < 2; span++) {
        stream.fill();
        for (const bytes of stream.reads()) {
          const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
          for (let at = 0; at < view.length; ) {
            const end = at + RECORD_HEADER + view.readUInt32LE(at + 8);
            uptimes.push(view.readUInt32LE(at) * 1e6 + view.readUInt32LE(at + 4));
            expect(frames.read(view, at + RECORD_HEADER, end, LinkType.radiotap, 0)).toBe('probe');
            const { high, low } = frames.reading.address;
            addresses.add(high * 2 ** 24 + low);
            at = end;
          }
        }
      }
      expect(uptimes.length).toBe(stream.sightings);
      expect(uptimes.length % SIGHTINGS_A_READ).toBe(0);
      expect(uptimes.every((uptime, index) => index === 0 || uptime > uptimes[index - 1])).toBe(true);
      const old = new Set(few.filter((_, index) => index % 2 === 1).map((probe) => addressOf(probe)));
      expect(addresses.size).toBe(uptimes.length / 2 + old.size);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

function addressOf({ record, addressAt }: { record: Uint8Array; addressAt: number }): number {
  return Buffer.from(record).readUIntBE(addressAt, 6);
}
