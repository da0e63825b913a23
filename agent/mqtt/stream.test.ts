import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PacketFilter } from './packet-filter.ts';
import { FilteredStream } from './stream.ts';

/** A PUBACK of MQTT 3.1.1. */
const PUBACK = Buffer.of(0x40, 2, 0, 7);

describe('the stream under MQTT', () => {
  let server: Server;
  let socket: Socket;
  let stream: FilteredStream;
  /** The broker's end. */
  let far: Socket;

  beforeEach(async () => {
    server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    [[far]] = (await Promise.all([once(server, 'connection'), once(socket, 'connect')])) as [[Socket], unknown];
    stream = new FilteredStream(socket, new PacketFilter(4));
  });
  afterEach(() => {
    stream.destroy();
    far.destroy();
    server.close();
  });

  it('sends what is written in one turn of the event loop at once, and keeps its order', async () => {
    const handed: number[] = [];
    const writable = socket as unknown as { _writev: (chunks: unknown[], done: () => void) => void };
    const { _writev } = writable;
    writable._writev = (chunks, done) => {
      handed.push(chunks.length);
      _writev.call(socket, chunks, done);
    };
    const numbered = Array.from({ length: 50 }, (_, index) => Buffer.of(0x40, 2, 0, index));
    // As MQTT.js does: a packet after the other, each in a tick of its own.
    for (const packet of numbered) {
      stream.write(packet);
      await new Promise<void>((resolve) => process.nextTick(resolve));
    }
    await turn();
    expect(handed).toEqual([50]);
    const arrived: Buffer[] = [];
    far.on('data', (chunk) => arrived.push(chunk));
    while (Buffer.concat(arrived).length < 200) await sleep(1);
    expect(Buffer.concat(arrived)).toEqual(Buffer.concat(numbered));
  });

  it('keeps a writer waiting while the other end reads nothing', async () => {
    const octets = 16 * 2 ** 20;
    const chunk = Buffer.alloc(64 * 1024, PUBACK);
    let written = 0;
    const pump = async (): Promise<void> => {
      while (written < octets) {
        written += chunk.length;
        if (!stream.write(chunk)) await once(stream, 'drain');
      }
    };
    const pumping = pump();
    await sleep(100);
    expect(written).toBeLessThan(octets);
    expect(socket.writableLength).toBeLessThan(2 ** 20);
    let read = 0;
    far.on('data', (part) => {
      read += part.length;
    });
    await pumping;
    while (read < octets) await sleep(1);
  });

  it('sends what was written before its end', async () => {
    let read = 0;
    far.on('data', (part) => {
      read += part.length;
    });
    stream.write(PUBACK);
    stream.end();
    await once(far, 'end');
    expect(read).toBe(PUBACK.length);
  });

  it('reads nothing while it is held, and all of it afterwards', async () => {
    let read = 0;
    stream.on('data', (chunk: Buffer) => {
      read += chunk.length;
    });
    stream.hold(true);
    // Far more than the sockets' own buffers take.
    const octets = 4_000_000 * PUBACK.length;
    far.write(Buffer.alloc(octets, PUBACK));
    await sleep(100);
    const before = read;
    expect(before).toBeLessThanOrEqual(65_536);
    expect(far.writableLength).toBeGreaterThan(0);
    // A reader that asks for more does not undo it.
    stream.read(0);
    await sleep(20);
    expect(read).toBe(before);
    stream.hold(false);
    while (read < octets) await sleep(5);
    expect(read).toBe(octets);
  });
});
