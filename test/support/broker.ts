/** A real mosquitto on a loopback port, with the settings our broker example recommends. */
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Child, findProgram, until } from './processes.ts';

export const MOSQUITTO = findProgram('mosquitto');

export class Broker {
  readonly port: number;
  readonly #config: string;
  child: Child | null = null;

  constructor(directory: string, port: number) {
    this.port = port;
    this.#config = join(directory, `mosquitto-${port}.conf`);
    writeFileSync(
      this.#config,
      `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\nlog_type error\n`,
    );
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    if (MOSQUITTO === null) throw new Error('mosquitto is not installed');
    this.child = new Child('mosquitto', MOSQUITTO, ['-c', this.#config]);
    await until('mosquitto to listen', () => listens(this.port));
  }

  async kill(): Promise<void> {
    await this.child?.end('SIGKILL');
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
