/** A pseudo-terminal by socat: what is written here arrives at `path` as on a serial line. */
import { closeSync, constants, existsSync, openSync, readSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { Child, findProgram, until } from './processes.ts';

export const SOCAT = findProgram('socat');

export class Pty {
  readonly path: string;
  readonly #child: Child;
  readonly #socket: Socket;
  readonly #held: number;
  /** Bytes written since the last `drop`. */
  written = 0;
  #drops = 0;

  private constructor(path: string, child: Child, socket: Socket, held: number) {
    this.path = path;
    this.#child = child;
    this.#socket = socket;
    this.#held = held;
  }

  static async open(path: string): Promise<Pty> {
    if (SOCAT === null) throw new Error('socat is not installed');
    const control = `${path}.sock`;
    const child = new Child('socat', SOCAT, [
      '-b65536',
      `pty,raw,echo=0,link=${path}`,
      `unix-listen:${control},unlink-close=1`,
    ]);
    // The socket's file is there a moment before anybody listens on it.
    const socket = await until('the pty', () => (existsSync(path) ? connected(control) : null));
    socket.on('error', () => undefined);
    // Held open, so that a reader that is killed does not end the line, as on a real port.
    const held = openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
    return new Pty(path, child, socket, held);
  }

  /** Resolves when the bytes are handed to the operating system. */
  write(bytes: Uint8Array): Promise<void> {
    this.written += bytes.length;
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Without a reader: loses what is on its way, to the last byte, as a line does that nobody reads. */
  async drop(): Promise<void> {
    const marker = Buffer.from(`<<nobody reads ${++this.#drops}>>`);
    await this.write(marker);
    let seen = Buffer.alloc(0);
    await until('the line to be empty', () => {
      seen = Buffer.concat([seen, readAll(this.#held)]);
      return seen.includes(marker);
    });
    this.written = 0;
  }

  async close(): Promise<void> {
    // First: the terminal's number goes to whoever asks next, and a reader must not find another's line at this path.
    rmSync(this.path, { force: true });
    this.#socket.destroy();
    await this.#child.end('SIGKILL');
    closeSync(this.#held);
  }
}

/** Null where nobody listens. */
function connected(path: string): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(path, () => resolve(socket));
    socket.once('error', () => resolve(null));
  });
}

/** What a descriptor has now. */
function readAll(descriptor: number): Buffer {
  const parts: Buffer[] = [];
  for (;;) {
    const part = Buffer.alloc(65_536);
    try {
      const length = readSync(descriptor, part);
      if (length === 0) return Buffer.concat(parts);
      parts.push(part.subarray(0, length));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return Buffer.concat(parts);
      throw error;
    }
  }
}
