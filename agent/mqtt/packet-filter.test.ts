import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LARGEST_PACKET_BYTES, lengthBytes, PacketFilter } from './packet-filter.ts';
import type { Protocol } from './protocol.ts';

function packet(first: number, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([first, ...lengthBytes(body.length)]), body]);
}

function message(qos: 0 | 1, topic: string, payload: Uint8Array): Buffer {
  const name = Buffer.from(topic);
  const id = qos === 0 ? [] : [7, 9];
  return packet(0x30 | (qos << 1), Buffer.concat([Buffer.from([0, name.length]), name, Buffer.from(id), payload]));
}

/** What a filter lets through of these bytes, cut where `cuts` says. */
function through(filter: PacketFilter, bytes: Buffer, cuts: number[]): Buffer {
  const parts: Buffer[] = [];
  let from = 0;
  for (const cut of [...cuts.map((each) => each % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]) {
    parts.push(filter.push(bytes.subarray(from, cut)));
    from = cut;
  }
  return Buffer.concat(parts);
}

const cuts = fc.array(fc.nat(), { maxLength: 12 });
const protocols = fc.constantFrom<Protocol>(4, 5);

describe('packet filter', () => {
  it('lets every packet within the limit through as it is, however it is cut', () => {
    const small = fc
      .tuple(fc.constantFrom(0x20, 0x30, 0x32, 0x40, 0x90, 0xd0), fc.uint8Array({ maxLength: 300 }))
      .map(([first, body]) => packet(first, body));
    fc.assert(
      fc.property(protocols, fc.array(small, { maxLength: 8 }), cuts, (protocol, packets, at) => {
        const bytes = Buffer.concat(packets);
        expect(through(new PacketFilter(protocol, 310), bytes, at).equals(bytes)).toBe(true);
      }),
    );
  });

  it('cuts the payload of a message over the limit off over 3.1.1, and leaves what is around it', () => {
    const one = fc.record({ qos: fc.constantFrom<0 | 1>(0, 1), size: fc.integer({ min: 0, max: 900 }) });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 8 }), cuts, (messages, at) => {
        const filter = new PacketFilter(4, 200);
        const made = messages.map(({ qos, size }) => message(qos, 'a/topic', Buffer.alloc(size, 0xff)));
        const wanted = made.map((bytes, index) => {
          const { qos } = messages[index];
          return bytes.length <= 200 ? bytes : message(qos, 'a/topic', Buffer.of());
        });
        const bytes = through(filter, Buffer.concat(made), at);
        expect(bytes.toString('hex')).toBe(Buffer.concat(wanted).toString('hex'));
        expect(filter.cut).toBe(made.filter(({ length }) => length > 200).length);
      }),
    );
  });

  it.each([
    ['a packet over the limit that is no message', 4, packet(0x40, Buffer.alloc(LARGEST_PACKET_BYTES))],
    ['a message over the limit where the broker was told it', 5, message(0, 't', Buffer.alloc(LARGEST_PACKET_BYTES))],
    ['a length of five bytes', 4, Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80, 0x01])],
    ['a message of QoS 2', 5, Buffer.from([0x34, 5, 0, 1, 0x61, 0, 1])],
    ['a message of QoS 3', 4, Buffer.from([0x36, 5, 0, 1, 0x61, 0, 1])],
  ] as const)('refuses %s before it is held', (_name, protocol, bytes) => {
    const filter = new PacketFilter(protocol);
    expect(() => filter.push(bytes.subarray(0, Math.min(6, bytes.length)))).toThrow(
      expect.objectContaining({ code: 'mqtt_packet' }),
    );
  });

  it('survives any bytes', () => {
    fc.assert(
      fc.property(protocols, fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 10 }), (protocol, chunks) => {
        const filter = new PacketFilter(protocol, 64);
        try {
          for (const chunk of chunks) expect(filter.push(Buffer.from(chunk)).length).toBeLessThanOrEqual(70);
        } catch (error) {
          expect(error).toMatchObject({ code: 'mqtt_packet' });
        }
      }),
    );
  });
});
