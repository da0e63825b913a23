/**
 * Sightings written out beforehand, one template each, so that the round that is measured only copies bytes. They pass
 * from the parent to each round's process as one file.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { wifiLine } from '../../drivers/simulator/encode/wifi-line.ts';
import type { Probe } from './probes.ts';

/** `pcap`: records as a SerialPcap sniffer sends them; `lines`: TZ001 lines; `json`: lines of an ESP32 sketch. */
export type Format = 'pcap' | 'lines' | 'json';

const NO_ADDRESS = 0xffff;
const HEAD = 6;
const ADDRESS = 6;

const ENCODERS: Record<Format, (probe: Probe) => { bytes: Uint8Array; addressAt: number }> = {
  pcap: ({ record, addressAt }) => ({ bytes: record, addressAt }),
  lines: (probe) => ({
    bytes: wifiLine({ fields: 6, source: addressOf(probe), channel: Math.max(1, probe.channel), rssi: probe.rssi }),
    addressAt: NO_ADDRESS,
  }),
  json: (probe) => ({ bytes: Buffer.from(`${JSON.stringify(asJson(probe))}\n`), addressAt: NO_ADDRESS }),
};

export function writeTemplates(path: string, format: Format, probes: readonly Probe[]): void {
  const parts: Uint8Array[] = [];
  for (const probe of probes) {
    const { bytes, addressAt } = ENCODERS[format](probe);
    const head = Buffer.alloc(HEAD);
    head.writeUInt32LE(bytes.length, 0);
    head.writeUInt16LE(addressAt, 4);
    parts.push(head, bytes);
  }
  writeFileSync(path, Buffer.concat(parts));
}

export class Templates {
  readonly #bytes: Buffer;
  readonly #starts: number[] = [];
  #next = 0;

  constructor(path: string) {
    this.#bytes = readFileSync(path);
    for (let at = 0; at < this.#bytes.length; at += HEAD + this.#bytes.readUInt32LE(at)) this.#starts.push(at);
  }

  /** Memory held, in octets. */
  get size(): number {
    return this.#bytes.length;
  }

  /** Copies the next sighting, round and round; returns where it ends, or -1 where there is no room for it. */
  copyNext(target: Buffer, at: number): number {
    const start = this.#starts[this.#next % this.#starts.length];
    const length = this.#bytes.readUInt32LE(start);
    if (at + length > target.length) return -1;
    this.#next++;
    this.#bytes.copy(target, at, start + HEAD, start + HEAD + length);
    return at + length;
  }

  /** Where the address stands in the sighting that `copyNext` copied last; only for the format `pcap`. */
  get addressAt(): number {
    return this.#bytes.readUInt16LE(this.#starts[(this.#next - 1) % this.#starts.length] + 4);
  }
}

function addressOf({ record, addressAt }: Probe): Uint8Array {
  return record.subarray(addressAt, addressAt + ADDRESS);
}

/** As the usual sketches print it. */
function asJson(probe: Probe): object {
  const mac = [...addressOf(probe)].map((octet) => octet.toString(16).padStart(2, '0')).join(':');
  return { mac, rssi: probe.rssi, ch: probe.channel, seq: probe.sequence, ssid: '' };
}
