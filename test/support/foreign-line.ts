/** The far end of a serial line, held by a library that is not ours, for bytes that were not made by this project. */
import { existsSync } from 'node:fs';
import { SerialPort } from 'serialport';
import { Child, until } from './processes.ts';
import { SOCAT } from './pty.ts';

export class ForeignLine {
  /** The end of the gateway, and the other one for a library that opens it itself. */
  readonly near: string;
  readonly far: string;
  readonly #child: Child;
  #held: SerialPort | null = null;
  #heard: Buffer = Buffer.alloc(0);
  /** Bytes that were said, answers among them. */
  written = 0;

  private constructor(path: string, socat: string) {
    this.near = `${path}-near`;
    this.far = `${path}-far`;
    const ends = [this.near, this.far].map((link) => `pty,raw,echo=0,link=${link}`);
    this.#child = new Child('socat', socat, ends);
  }

  /** @param path of its ends, without what they end with. */
  static async open(path: string): Promise<ForeignLine> {
    if (SOCAT === null) throw new Error('socat is not installed');
    const line = new ForeignLine(path, SOCAT);
    await until('the ptys', () => existsSync(line.near) && existsSync(line.far));
    return line;
  }

  async hold(): Promise<void> {
    const far = new SerialPort({ path: this.far, baudRate: 115_200, autoOpen: false });
    await new Promise<void>((resolve, reject) => far.open((error) => (error ? reject(error) : resolve())));
    far.on('error', () => undefined);
    // What nobody reads would fill the line.
    far.resume();
    this.#held = far;
  }

  say(bytes: Uint8Array): void {
    this.written += bytes.length;
    this.#held?.write(bytes);
  }

  /** From now on this question, and no other, is answered. */
  answer(question: Uint8Array, reply: () => Uint8Array): void {
    this.#held?.on('data', (chunk: Buffer) => {
      this.#heard = Buffer.concat([this.#heard, chunk]);
      for (let at = this.#heard.indexOf(question); at >= 0; at = this.#heard.indexOf(question)) {
        this.#heard = this.#heard.subarray(at + question.length);
        this.say(reply());
      }
    });
  }

  async close(): Promise<void> {
    const far = this.#held;
    if (far?.isOpen) await new Promise<void>((resolve) => far.close(() => resolve()));
    await this.#child.end();
  }
}
