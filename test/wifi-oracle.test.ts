/**
 * Every frame of the real captures against tshark: who sent it, how strong it was, its sequence number and its channel.
 * Files of one folder go to tshark as one capture, as starting it takes longer than reading most of them.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { NO_RSSI } from '../agent/raw.ts';
import { PcapDecoder } from '../drivers/wifi/pcap.ts';
import { decode, rejections } from '../drivers/wifi/testing.ts';

const DATA = new URL('../../shared/data/', import.meta.url);
const FOLDERS = ['wifi-labelled/', 'wifi-phones/', 'virtual-radio/'];
const FIELDS = ['wlan.fc.type_subtype', 'wlan.sa', 'radiotap.dbm_antsignal', 'wlan.seq', 'wlan_radio.channel'];
const PROBE_REQUEST = '0x0004';
const scratch = mkdtempSync(join(tmpdir(), 'wifi-oracle-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const haveTshark = spawnSync('tshark', ['--version']).status === 0;

/** The captures of a folder and below as one; they are all of link type 127. */
function joined(folder: string): { capture: Buffer; records: number } {
  const url = new URL(folder, DATA);
  const names = readdirSync(url, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.pcap'));
  const parts: Buffer[] = [];
  let records = 0;
  for (const name of names.sort()) {
    const file = readFileSync(new URL(name, url));
    if (file.length <= 24) continue; // A capture in which nobody spoke.
    expect([name, file.readUInt32LE(0), file.readUInt32LE(20)]).toEqual([name, 0xa1b2c3d4, 127]);
    for (let at = 24; at < file.length; at += 16 + file.readUInt32LE(at + 8)) records++;
    parts.push(parts.length === 0 ? file : file.subarray(24));
  }
  return { capture: Buffer.concat(parts), records };
}

interface Row {
  address: string;
  rssi: number;
  sequence: number;
  channel: number;
}

/** What tshark reads, a row a frame; of several antenna signals the first. */
function tshark(capture: Buffer): { probe: boolean; row: Row }[] {
  const path = join(scratch, 'capture.pcap');
  writeFileSync(path, capture);
  const options = ['-r', path, '-n', '-T', 'fields', '-E', 'occurrence=f', ...FIELDS.flatMap((field) => ['-e', field])];
  const { status, stdout, stderr } = spawnSync('tshark', options, { maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`tshark: ${stderr}`);
  const lines = stdout.toString('latin1').replace(/\n$/, '').split('\n');
  return lines.map((line) => {
    const [type, address, rssi, sequence, channel] = line.split('\t');
    const row = {
      address,
      rssi: rssi === '' ? NO_RSSI : Number(rssi),
      sequence: Number(sequence),
      channel: Number(channel),
    };
    return { probe: type === PROBE_REQUEST, row };
  });
}

/** A frame that no device sends: a group address as its source, or a signal above 0 dBm. */
function impossible({ address, rssi }: Row): boolean {
  return /^.[13579bdf]/.test(address) || rssi > 0;
}

describe.skipIf(!haveTshark)('wifi-pcap against tshark (skipped where it is not installed)', () => {
  it.skipIf(!existsSync(DATA)).each(FOLDERS)(
    'reads every frame of %s alike (skipped where shared/data is absent)',
    (folder) => {
      const { capture, records } = joined(folder);
      const decoder = new PcapDecoder();
      const seen = decode(decoder, [capture]);
      const frames = tshark(capture);
      expect(frames).toHaveLength(records);
      const expected = frames.filter(({ probe, row }) => probe && !impossible(row)).map(({ row }) => row);
      expect(seen.map(({ address, rssi, sequence, channel }) => ({ address, rssi, sequence, channel }))).toEqual(
        expected,
      );
      expect(expected.length).toBeGreaterThan(50);
      // The others are counted, each by its reason.
      const refused = frames.filter(({ probe, row }) => probe && impossible(row));
      expect(Object.values(rejections(decoder)).reduce((sum, count) => sum + count, 0)).toBe(refused.length);
      expect(decoder.counts.accepted).toBe(records - refused.length);
    },
  );
});
