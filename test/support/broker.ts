/** A real mosquitto on a loopback port, with the settings our broker example recommends. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accepts } from '../../agent/uplink/brokers.ts';
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
    await until('mosquitto to listen', () => accepts(this.port));
  }

  async kill(): Promise<void> {
    await this.child?.end('SIGKILL');
  }
}
