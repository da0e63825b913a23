/** Mosquitto: forgetful, with persistence, or with limits beyond which it drops in silence what it has acknowledged. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../agent/uplink/brokers.ts';
import { MOSQUITTO } from './broker.ts';
import { type BrokerSystem, ServerNode } from './brokers-node.ts';

/** What a broker is set to beside its listener. */
export const MOSQUITTO_KINDS = {
  mosquitto: ['persistence false', 'set_tcp_nodelay true'],
  'mosquitto-persists': ['persistence true', 'autosave_interval 1', 'set_tcp_nodelay true'],
  // A subscriber that is behind by more than seven messages, or 64 KiB, misses the rest. Nobody is told.
  'mosquitto-drops': [
    'persistence false',
    'set_tcp_nodelay true',
    'max_inflight_messages 2',
    'max_queued_messages 5',
    'max_inflight_bytes 16384',
    'max_queued_bytes 65536',
  ],
} as const;
export type MosquittoKind = keyof typeof MOSQUITTO_KINDS;

export class MosquittoSystem implements BrokerSystem {
  readonly name: MosquittoKind;
  readonly nodes: readonly [ServerNode];

  static async make(directory: string, kind: MosquittoKind): Promise<MosquittoSystem> {
    return new MosquittoSystem(join(directory, kind), kind, await freePort());
  }

  private constructor(directory: string, kind: MosquittoKind, port: number) {
    this.name = kind;
    mkdirSync(directory, { recursive: true });
    const config = join(directory, 'mosquitto.conf');
    const lines = [
      `listener ${port} 127.0.0.1`,
      'allow_anonymous true',
      `persistence_location ${directory}/`,
      'log_type error',
      // Started by root, it would go on as a user who may not write here.
      ...(process.getuid?.() === 0 ? ['user root'] : []),
      ...MOSQUITTO_KINDS[kind],
    ];
    writeFileSync(config, `${lines.join('\n')}\n`);
    this.nodes = [new ServerNode(kind, port, () => ({ program: MOSQUITTO ?? 'mosquitto', words: ['-c', config] }))];
  }

  start(): Promise<void> {
    return this.nodes[0].start();
  }

  async whole(): Promise<void> {}

  stop(): Promise<void> {
    return this.nodes[0].kill();
  }
}
