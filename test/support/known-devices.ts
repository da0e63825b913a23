/** Devices and network names that a test knows, and the sensor bytes that carry them: valid, foreign and damaged. */
import { doorLine } from '../../drivers/simulator/encode/door-line.ts';
import {
  encodeEspBootText,
  encodeFrameRecord,
  encodeProbeRecord,
  encodeSerialPcapHeader,
} from '../../drivers/simulator/encode/serial-pcap.ts';
import { wifiLine } from '../../drivers/simulator/encode/wifi-line.ts';

/** One go of every sensor. */
export interface Feed {
  pcap: Buffer[];
  lines: Buffer[];
  door: Buffer[];
  /** Frames and lines that must be accepted, by sensor; damaged ones besides must each be rejected. */
  accepted: { pcap: number; lines: number; door: number };
}

export class KnownDevices {
  readonly addresses: Uint8Array[] = [];
  readonly ssids: string[] = [];
  readonly #random: () => number;

  /** @param random numbers from 0 to below 1. */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Makes new devices and the bytes that carry them. */
  feed(round: number): Feed {
    const pcap = this.#pcap();
    const lines = this.#lines();
    const door = this.#door(round);
    return {
      pcap: [Buffer.concat([encodeEspBootText(), encodeSerialPcapHeader()]), ...pcap.valid, ...pcap.damaged],
      lines: [...lines.valid, ...lines.damaged],
      door: [...door.damaged, ...door.valid],
      accepted: { pcap: pcap.valid.length, lines: lines.valid.length, door: door.valid.length },
    };
  }

  #address(kind: 'global' | 'random' | 'group' = this.#random() < 0.5 ? 'global' : 'random'): Uint8Array {
    const address = Uint8Array.from({ length: 6 }, () => Math.floor(this.#random() * 256));
    address[0] = (address[0] & 0xfc) | 0x10 | (kind === 'random' ? 2 : kind === 'group' ? 1 : 0);
    this.addresses.push(address);
    return address;
  }

  /** At most 32 octets; with bars, quotes, Chinese, or plain. */
  #ssid(): string {
    const token = Math.floor(this.#random() * 2 ** 40).toString(36);
    const forms = [`Lobby-${token}`, `a|b|${token}|c`, `"${token}"'s \\`, `商店访客${token}`, `网络|"${token}"`];
    const ssid = forms[this.ssids.length % forms.length];
    this.ssids.push(ssid);
    return ssid;
  }

  #pcap(): { valid: Buffer[]; damaged: Buffer[] } {
    let uptimeUs = 1e6;
    const next = (): number => (uptimeUs += 20_000);
    const radio = { channel: 6, rssi: -55 };
    const record = (address: Uint8Array, ssid: string, rssi = radio.rssi): Buffer => {
      const request = { address, ssid, sequence: 1, model: 0, dsChannel: 6, variation: 0 };
      return Buffer.from(encodeProbeRecord({ ...request, ...radio, rssi, uptimeUs: next() }));
    };
    const many = <T>(count: number, make: (index: number) => T): T[] =>
      Array.from({ length: count }, (_, i) => make(i));
    const valid = [
      ...many(24, () => record(this.#address('global'), this.#ssid())),
      ...many(24, () => record(this.#address('random'), '')),
      // Beacons and data: valid frames of no probe request.
      ...many(6, (index) => {
        const frame = Buffer.concat([
          Buffer.from([index % 2 === 0 ? 0x80 : 0x08, 0, 0, 0]),
          ...many(3, () => this.#address()),
          Buffer.from([0x10, 0]),
          Buffer.from(`\0\0\0\0\0\0\0\0\x64\0\x01\0`, 'latin1'),
          element(0, this.#ssid()),
          Buffer.alloc(4),
        ]);
        return Buffer.from(encodeFrameRecord(frame, next(), radio.rssi, radio.channel));
      }),
    ];
    const short = encodeFrameRecord(
      Buffer.concat([Buffer.from([0x40, 0, 0, 0]), this.#address(), this.#address(), Buffer.alloc(4)]),
      next(),
      radio.rssi,
      radio.channel,
    );
    const damaged = [
      record(this.#address('group'), this.#ssid()),
      record(this.#address(), this.#ssid(), 20),
      Buffer.from(short),
      Buffer.from(`\r\nE (1234) wifi: station ${colons(this.#address())} left "${this.#ssid()}"\r\n`),
      // Cut off by a reboot.
      record(this.#address(), this.#ssid()).subarray(0, 70),
    ];
    return { valid, damaged };
  }

  #lines(): { valid: Buffer[]; damaged: Buffer[] } {
    const fields = { channel: 11, rssi: -60 };
    const line = (fieldCount: 6 | 9 | 10, type: number, subtype: number): Buffer =>
      Buffer.from(
        wifiLine({
          fields: fieldCount,
          source: this.#address(),
          destination: this.#address(),
          ...(fieldCount === 9 ? { ssid: this.#ssid() } : {}),
          ...(fieldCount === 10 ? { ownAddress: this.#address('global') } : {}),
          type,
          subtype,
          ...fields,
        }),
      );
    const repeat = (count: number, make: () => Buffer): Buffer[] => Array.from({ length: count }, make);
    const valid = [
      ...repeat(14, () => line(6, 0, 4)),
      ...repeat(14, () => line(9, 0, 4)),
      ...repeat(14, () => line(10, 0, 4)),
      ...repeat(4, () => line(6, 2, 0)),
    ];
    const text = (value: string): Buffer => Buffer.from(`${value}\r\n`);
    const pair = (): string => `${colons(this.#address())}|${colons(this.#address())}`;
    const damaged = [
      text(pair()),
      text(pair().slice(4)),
      text(`${pair()}|00|04|11|-6${pair()}|00|04|11|-60`),
      text(`${pair()}|00|04|11|20`),
      text(`${pair()}|00|zz|11|-60`),
      text(`${pair()}|00|04|11|-60|${this.#ssid()} and far too long for a name of a network|0|0`),
      text(`${pair()}|00|04|11|-60|${this.#ssid()}|0`),
      text(`wifi: sta ${colons(this.#address()).toLowerCase()} joined ${this.#ssid()}`),
      text(`${pair()}|00|04|11|-60|`.padEnd(700, `${colons(this.#address())}|${this.#ssid()}`)),
    ];
    return { valid, damaged };
  }

  /** A Wi-Fi module on the door's port, and a counter's lines. */
  #door(round: number): { valid: Buffer[]; damaged: Buffer[] } {
    const source = this.#address();
    const boot = Buffer.from(this.#address()).toString('hex');
    const damaged = [
      Buffer.from(
        wifiLine({ fields: 9, source, destination: this.#address(), channel: 1, rssi: -40, ssid: this.#ssid() }),
      ),
      Buffer.from(`{"v":1,"t":"cnt","boot":"${boot}","seq":1,"in":1,"out":0,"ms":5}\n`),
      Buffer.from(`{"v":1,"mac":"${colons(this.#address())}","ssid":${JSON.stringify(this.#ssid())}\n`),
      Buffer.from(`+1 ${colons(this.#address())}\n`),
    ];
    const valid = Array.from({ length: 3 }, (_, index) => {
      const seq = 3 * round + index + 1;
      return Buffer.from(doorLine({ boot: 0x0badcafe, seq, in: seq, out: 0, ms: seq * 1000 }));
    });
    return { valid, damaged };
  }
}

function colons(address: Uint8Array): string {
  return [...address].map((octet) => octet.toString(16).padStart(2, '0').toUpperCase()).join(':');
}

function element(id: number, text: string): Buffer {
  const body = Buffer.from(text, 'utf8');
  return Buffer.concat([Buffer.from([id, body.length]), body]);
}
