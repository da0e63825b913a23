/** What a sensor is plugged in with: a pseudo-terminal behind a by-id name, a radio helper's socket, a contact's port. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { RadioServer } from '../../drivers/radio/server.ts';
import type { ModemLines } from '../../drivers/transport/contact.ts';
import { until } from './processes.ts';
import { SOCAT } from './pty.ts';

/** What is found at the name of a device that is not there. */
export const ABSENCES = ['nothing', 'a dangling link', 'another file'] as const;
export type Absence = (typeof ABSENCES)[number];

/** Bytes on their way to the line beyond which a device's are lost, as a real line's are. */
const MOST_UNDER_WAY = 65_536;

export interface Cable {
  plug(): Promise<void>;
  /** @param absence what is at its name from now on. */
  unplug(absence: Absence): Promise<void>;
  /** Bytes to the gateway; those that find no room are lost, unless they must not be, as those of a short answer. */
  write(bytes: Uint8Array, must?: boolean): void;
  /** Takes no bytes and passes none on, until it is unplugged. */
  freeze(): void;
  close(): Promise<void>;
}

interface Terminal {
  socat: ChildProcess;
  /** Its link, which leads to /dev/pts/N. */
  link: string;
}

/**
 * A pseudo-terminal of its own for each time it is plugged in, made before the one before it is gone: so it has another
 * number each time, behind the one name.
 */
export class PtyCable implements Cable {
  readonly #path: string;
  readonly #received: (bytes: Uint8Array) => void;
  #spare: Promise<Terminal>;
  #plugged: Terminal | null = null;
  #made = 0;

  constructor(path: string, received: (bytes: Uint8Array) => void = () => undefined) {
    this.#path = path;
    this.#received = received;
    this.#spare = this.#make();
  }

  async plug(): Promise<void> {
    const terminal = await this.#spare;
    terminal.socat.stdout?.on('data', (bytes: Buffer) => {
      if (this.#plugged === terminal) this.#received(bytes);
    });
    this.#plugged = terminal;
    this.#name((path) => symlinkSync(readlinkSync(terminal.link), path));
    this.#spare = this.#make();
    await this.#spare;
  }

  async unplug(absence: Absence): Promise<void> {
    const terminal = this.#plugged;
    if (terminal === null) return;
    this.#plugged = null;
    // The name goes first: the terminal's number is the next program's that asks for one.
    this.#leave(absence);
    await end(terminal);
  }

  write(bytes: Uint8Array, must = false): void {
    const stdin = this.#plugged?.socat.stdin;
    if (stdin && (must || stdin.writableLength < MOST_UNDER_WAY)) stdin.write(bytes);
  }

  freeze(): void {
    this.#plugged?.socat.kill('SIGSTOP');
  }

  async close(): Promise<void> {
    await this.unplug('nothing');
    await end(await this.#spare);
  }

  async #make(): Promise<Terminal> {
    if (SOCAT === null) throw new Error('socat is not installed');
    const link = `${this.#path}.${++this.#made}`;
    const socat = spawn(SOCAT, ['-b65536', '-', `pty,raw,echo=0,link=${link}`], { stdio: ['pipe', 'pipe', 'ignore'] });
    socat.stdin.on('error', () => undefined);
    await until('a pty', () => existsSync(link), 30_000, 2);
    return { socat, link };
  }

  #leave(absence: Absence): void {
    if (absence === 'nothing') rmSync(this.#path, { force: true });
    else if (absence === 'a dangling link') this.#name((path) => symlinkSync(`${this.#path}.unplugged`, path));
    else this.#name((path) => writeFileSync(path, 'not a serial line\n'));
  }

  /** What is at the name is another thing from one moment to the next. */
  #name(make: (path: string) => void): void {
    const next = `${this.#path}.next`;
    make(next);
    renameSync(next, this.#path);
  }
}

async function end({ socat, link }: Terminal): Promise<void> {
  if (socat.exitCode === null && socat.signalCode === null) {
    const ended = once(socat, 'exit');
    socat.kill('SIGKILL');
    await ended;
  }
  // Its pipes have ends here, too.
  socat.stdin?.destroy();
  socat.stdout?.destroy();
  rmSync(link, { force: true });
}

/** The socket of a radio helper that ends and is started again. */
export class RadioCable implements Cable {
  readonly #path: string;
  #server: RadioServer | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  async plug(): Promise<void> {
    rmSync(this.#path, { force: true });
    this.#server = await RadioServer.open(this.#path, { connected: () => undefined, dropped: () => undefined });
    this.#server.state('listening', 'listening');
  }

  async unplug(absence: Absence): Promise<void> {
    const server = this.#server;
    this.#server = null;
    await server?.close();
    if (absence === 'a dangling link') symlinkSync(`${this.#path}.unplugged`, this.#path);
    else if (absence === 'another file') writeFileSync(this.#path, 'not a socket\n');
  }

  write(bytes: Uint8Array): void {
    this.#server?.bytes(bytes);
  }

  freeze(): void {
    this.#server?.state('adapter_down', 'the adapter is down');
  }

  async close(): Promise<void> {
    await this.unplug('nothing');
    rmSync(this.#path, { force: true });
  }
}

/** For a read or an open of a port to be answered. */
const ANSWER_MS = 1;

/** The modem lines of a port; what the gateway makes of a state counts by the times it has read it. */
export class ContactCable implements Cable {
  #plugged: object | null = null;
  #absence: Absence = 'nothing';
  #frozen = false;
  #closed = false;
  /** Ports that are open. */
  open = 0;
  /** Times that the state of now was read. */
  reads = 0;

  plug(): Promise<void> {
    this.#plugged = {};
    this.#frozen = false;
    return Promise.resolve();
  }

  unplug(absence: Absence): Promise<void> {
    this.#plugged = null;
    this.#absence = absence;
    return Promise.resolve();
  }

  set(closed: boolean): void {
    this.#closed = closed;
    this.reads = 0;
  }

  write(): void {
    throw new Error('a contact sends no bytes');
  }

  freeze(): void {
    this.#frozen = true;
  }

  close(): Promise<void> {
    return this.unplug('nothing');
  }

  readonly opener = async (): Promise<ModemLines> => {
    await delay(ANSWER_MS);
    const port = this.#plugged;
    if (port === null) {
      const reason = this.#absence === 'another file' ? 'Inappropriate ioctl for device' : 'No such file or directory';
      throw new Error(`Error: ${reason}, cannot open`);
    }
    this.open++;
    return {
      read: async () => {
        do await delay(ANSWER_MS);
        while (this.#frozen && this.#plugged === port);
        if (this.#plugged !== port) throw new Error('Error: Input/output error, cannot get');
        this.reads++;
        return { cts: this.#closed, dsr: false, dcd: false };
      },
      close: () => {
        this.open--;
        return Promise.resolve();
      },
    };
  };
}
