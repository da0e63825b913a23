/**
 * The probe requests a benchmark runs on: those of real captures, or where these are absent a simulated store's. Each is
 * kept as the record a sniffer sends (a pcap record header, radiotap, the frame), with what text formats tell of it.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SimulatedStore } from '../../drivers/simulator/store.ts';
import { FrameReader, LinkType } from '../../drivers/wifi/frame.ts';
import {
  GLOBAL_HEADER,
  isGlobalHeader,
  LONGEST_RECORD,
  RECORD_HEADER,
  type RecordHeader,
  readGlobalHeader,
  readRecordHeader,
} from '../../drivers/wifi/pcap-header.ts';

const CAPTURES = new URL('../../../shared/data/wifi-room-occupancy/', import.meta.url);
/** Octets of an 802.11 header in front of the transmitter's address (IEEE 802.11-2020, 9.3.3.1). */
const TRANSMITTER = 10;
const SIMULATED_MS = 60 * 60_000;

export interface Probe {
  /** Little-endian pcap record header with microseconds, then the captured octets. */
  record: Uint8Array;
  /** Where the address of the sender stands in `record`. */
  addressAt: number;
  sequence: number;
  rssi: number;
  channel: number;
}

export interface Probes {
  /** Where they come from, for people. */
  source: string;
  /** Why they are not those of the captures, or null. */
  missing: string | null;
  probes: Probe[];
}

export function loadProbes(folder: URL = CAPTURES): Probes {
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.pcap')) : [];
  if (files.length === 0) {
    return {
      source: 'simulated store, seed 1',
      missing: `expected captures (*.pcap) in ${fileURLToPath(folder)}, found none: using the simulator instead`,
      probes: simulated(),
    };
  }
  const probes = files.sort().flatMap((name) => readProbes(readFileSync(new URL(name, folder))));
  return { source: `${files.length} captures of ${fileURLToPath(folder)}`, missing: null, probes };
}

/** A busy hour of a store. */
function simulated(): Probe[] {
  const startMs = Date.UTC(2026, 2, 2, 9);
  const endMs = startMs + SIMULATED_MS;
  const store = new SimulatedStore({
    seed: 1,
    startMs,
    days: [{ openMs: startMs, closeMs: endMs }],
    sensors: [{ id: 'wifi', driver: 'wifi-pcap' }],
    passersPerHour: 1500,
  });
  const parts: Uint8Array[] = [];
  store.advance(endMs, (_sensor, _time, bytes) => parts.push(bytes));
  return readProbes(Buffer.concat(parts));
}

/** The probe requests of a capture file, or of a stream that has text in front of its global header. */
function readProbes(bytes: Buffer): Probe[] {
  let at = 0;
  while (at + GLOBAL_HEADER <= bytes.length && !isGlobalHeader(bytes, at)) at++;
  const format = readGlobalHeader(bytes, at);
  if (format.linkType !== LinkType.radiotap || !format.littleEndian || format.fractions !== 1e6) {
    throw new Error('expected a little-endian radiotap capture with microseconds');
  }
  const frames = new FrameReader();
  const header: RecordHeader = { seconds: 0, fraction: 0, captured: 0, original: 0 };
  const probes: Probe[] = [];
  at += GLOBAL_HEADER;
  while (at + RECORD_HEADER <= bytes.length && readRecordHeader(bytes, at, format, LONGEST_RECORD, header)) {
    const body = at + RECORD_HEADER;
    const end = body + header.captured;
    if (end > bytes.length) break;
    const cut = Math.max(0, header.original - header.captured);
    if (frames.read(bytes, body, end, LinkType.radiotap, cut) === 'probe') {
      const { sequence, rssi, channel } = frames.reading;
      const addressAt = RECORD_HEADER + bytes.readUInt16LE(body + 2) + TRANSMITTER;
      probes.push({ record: bytes.subarray(at, end), addressAt, sequence, rssi, channel });
    }
    at = end;
  }
  return probes;
}
