/** A broker that says what a test wants it to, byte by byte: what no real one would, or only on a bad day. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { lengthBytes } from '../mqtt/packet-filter.ts';

const CONNECT = 1;
export const PUBLISH = 3;
const SUBSCRIBE = 8;
const PINGREQ = 12;
export const DISCONNECT = 14;

export interface Packet {
  type: number;
  body: Buffer;
}

/** Handles a packet; false leaves it to `serve`. */
export type Script = (packet: Packet, peer: Peer) => boolean | undefined;

export class Peer {
  readonly socket: Socket;
  /** As its CONNECT says. */
  protocol: 4 | 5 = 5;
  #seen: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.socket = socket;
  }

  /** The packets that a chunk completes. */
  *read(chunk: Buffer): Generator<Packet> {
    this.#seen = Buffer.concat([this.#seen, chunk]);
    for (;;) {
      let length = 0;
      let at = 1;
      for (let scale = 1; at < this.#seen.length; scale *= 128) {
        length += (this.#seen[at] & 0x7f) * scale;
        if (this.#seen[at++] < 0x80) break;
      }
      if (at < 2 || this.#seen[at - 1] >= 0x80 || this.#seen.length < at + length) return;
      const packet = { type: this.#seen[0] >> 4, body: this.#seen.subarray(at, at + length) };
      this.#seen = this.#seen.subarray(at + length);
      yield packet;
    }
  }

  send(first: number, ...body: (number | Uint8Array)[]): void {
    this.socket.write(packetOf(first, ...body));
  }

  connack(code: number, properties: number[] = []): void {
    if (this.protocol === 5) this.send(0x20, 0, code, properties.length, Buffer.from(properties));
    else this.send(0x20, 0, code);
  }

  suback({ body }: Packet, code: number): void {
    const properties = this.protocol === 5 ? [0] : [];
    this.send(0x90, body[0], body[1], ...properties, code);
  }

  puback(packet: Packet): void {
    this.send(0x40, ...idOf(packet));
  }

  /** A message of QoS 0. */
  publish(topic: string, payload: Uint8Array | string, retain = false): void {
    this.socket.write(messageOf(this.protocol, topic, payload, retain));
  }
}

export function packetOf(first: number, ...body: (number | Uint8Array)[]): Buffer {
  const bytes = Buffer.concat(body.map((part) => (typeof part === 'number' ? Buffer.of(part) : part)));
  return Buffer.concat([Buffer.from([first, ...lengthBytes(bytes.length)]), bytes]);
}

export function messageOf(protocol: 4 | 5, topic: string, payload: Uint8Array | string, retain = false): Buffer {
  const name = Buffer.from(topic);
  const properties = protocol === 5 ? [0] : [];
  return packetOf(retain ? 0x31 : 0x30, name.length >> 8, name.length & 255, name, ...properties, Buffer.from(payload));
}

/** Of a PUBLISH. */
export function topicOf({ body }: Packet): string {
  return body.subarray(2, 2 + body.readUInt16BE(0)).toString();
}

/** Of a SUBSCRIBE with one filter. */
export function filterOf({ body }: Packet, protocol: 4 | 5): string {
  const at = protocol === 5 ? 3 : 2;
  return body.subarray(at + 2, at + 2 + body.readUInt16BE(at)).toString();
}

function idOf(packet: Packet): [number, number] {
  const at = 2 + packet.body.readUInt16BE(0);
  return [packet.body[at], packet.body[at + 1]];
}

/** What a broker in good health answers. */
export function serve(packet: Packet, peer: Peer): void {
  if (packet.type === CONNECT) peer.connack(0);
  else if (packet.type === SUBSCRIBE) peer.suback(packet, 1);
  else if (packet.type === PUBLISH) peer.puback(packet);
  else if (packet.type === PINGREQ) peer.send(0xd0);
  else if (packet.type === DISCONNECT) peer.socket.end();
}

export const isConnect = ({ type }: Packet): boolean => type === CONNECT;
export const isSubscribe = ({ type }: Packet): boolean => type === SUBSCRIBE;
export const isBatch = (packet: Packet): boolean => packet.type === PUBLISH && topicOf(packet).endsWith('/batch');

export class RawBroker {
  /** May be exchanged while it runs. */
  script: Script;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** One entry each, at monotonic milliseconds. */
  readonly connectedAt: number[] = [];
  /** All packets of all connections. */
  readonly packets: Packet[] = [];

  static async start(script: Script): Promise<RawBroker> {
    const broker = new RawBroker(script);
    broker.#server.listen(0, '127.0.0.1');
    await once(broker.#server, 'listening');
    return broker;
  }

  private constructor(script: Script) {
    this.script = script;
    this.#server = createServer((socket) => {
      this.connectedAt.push(performance.now());
      this.#sockets.add(socket);
      const peer = new Peer(socket);
      socket.on('data', (chunk) => {
        for (const packet of peer.read(chunk)) {
          if (isConnect(packet)) peer.protocol = packet.body[6] === 5 ? 5 : 4;
          this.packets.push(packet);
          if (this.script(packet, peer) !== true) serve(packet, peer);
        }
      });
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  get url(): string {
    return `mqtt://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get batches(): Packet[] {
    return this.packets.filter(isBatch);
  }

  /** Ends every connection without a word. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async end(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
