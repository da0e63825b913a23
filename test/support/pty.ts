/** A pseudo-terminal by socat: what is written here arrives at `path` as on a serial line. */
import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { Child, findProgram, until } from './processes.ts';

export const SOCAT = findProgram('socat');

export class Pty {
  readonly path: string;
  readonly #child: Child;
  readonly #socket: Socket;
  readonly #held: number;
  /** Bytes written since the last `restartCount`. */
  written = 0;

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
    await until('the pty', () => existsSync(path) && existsSync(control));
    const socket = await new Promise<Socket>((resolve, reject) => {
      const opened = connect(control, () => resolve(opened));
      opened.once('error', reject);
    });
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

  async close(): Promise<void> {
    this.#socket.destroy();
    await this.#child.end('SIGKILL');
    closeSync(this.#held);
  }
}
