/** The byte stream under MQTT: TCP or TLS, with a filter between the broker and the parser. */
import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { ClientIdentity } from './certificates.ts';
import type { PacketFilter } from './packet-filter.ts';
import type { Target } from './target.ts';

/** Opens a connection; its errors and its end come as events. TLS 1.2 or later, and the host name or address is checked. */
export function openSocket(
  { tls, host, port }: Target,
  ca: Uint8Array | null,
  identity: ClientIdentity | null,
): Socket | TLSSocket {
  const socket = tls
    ? connectTls({
        host,
        port,
        minVersion: 'TLSv1.2',
        rejectUnauthorized: true,
        // Not for an address (RFC 6066, 3); that one is checked against those in the certificate.
        ...(isIP(host) === 0 && { servername: host }),
        ...(ca !== null && { ca: Buffer.from(ca) }),
        ...(identity !== null && { cert: Buffer.from(identity.certificate), key: Buffer.from(identity.key) }),
      })
    : connectPlain({ host, port });
  // Nagle's algorithm against the broker's delayed acknowledgement costs up to 40 ms a batch.
  socket.setNoDelay(true);
  return socket;
}

/** A socket as MQTT.js sees it: what comes in has passed the filter, and what the filter refuses ends it. */
export class FilteredStream extends Duplex {
  readonly #socket: Socket;
  #gathering = false;
  #held = false;

  constructor(socket: Socket, filter: PacketFilter) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      try {
        const passed = filter.push(chunk);
        if (passed.length > 0 && !this.push(passed)) socket.pause();
      } catch (error) {
        this.destroy(error instanceof Error ? error : new Error(String(error)));
      }
    });
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  /** While held nothing is read, and the broker is kept waiting; what was read before still comes. */
  hold(held: boolean): void {
    if (held === this.#held) return;
    this.#held = held;
    if (held) this.#socket.pause();
    else this.#socket.resume();
  }

  override _read(): void {
    if (!this.#held) this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#gather();
    if (this.#socket.write(chunk)) done();
    // Of a socket that ends first, the stream ends too.
    else this.#socket.once('drain', done);
  }

  /** What is written in one turn of the event loop, such as a PUBACK for each message that came, goes out at once. */
  #gather(): void {
    if (this.#gathering) return;
    this.#gathering = true;
    this.#socket.cork();
    // No timer: the end of this turn.
    setImmediate(() => {
      this.#gathering = false;
      this.#socket.uncork();
    });
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
