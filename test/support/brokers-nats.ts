/** Three NATS servers with JetStream and MQTT in a cluster: every stream on all three, so that one of them may die. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../agent/uplink/brokers.ts';
import { type BrokerSystem, ServerNode } from './brokers-node.ts';
import { findProgram, until } from './processes.ts';

export const NATS = findProgram('nats-server');

const NODES = 3;
const LED_WITHIN_MS = 60_000;
/** A leader is elected within some seconds. This release may call an idle stream "not current" for ever: no reason to wait. */
const IN_STEP_WITHIN_MS = 15_000;

interface Ports {
  client: number;
  route: number;
  mqtt: number;
  monitor: number;
}

export class NatsSystem implements BrokerSystem {
  readonly name = 'nats';
  readonly nodes: readonly ServerNode[];
  readonly #ports: readonly Ports[];

  static async make(directory: string): Promise<NatsSystem> {
    const ports: Ports[] = [];
    for (let node = 0; node < NODES; node++) {
      const [client, route, mqtt, monitor] = [await freePort(), await freePort(), await freePort(), await freePort()];
      ports.push({ client, route, mqtt, monitor });
    }
    return new NatsSystem(join(directory, 'nats'), ports);
  }

  private constructor(directory: string, ports: Ports[]) {
    this.#ports = ports;
    const routes = ports.map(({ route }) => `nats-route://127.0.0.1:${route}`).join(', ');
    this.nodes = ports.map(({ client, route, mqtt, monitor }, index) => {
      const name = `nats-${index + 1}`;
      const folder = join(directory, name);
      mkdirSync(folder, { recursive: true });
      const config = join(folder, 'nats.conf');
      const lines = [
        `server_name: ${name}`,
        `listen: 127.0.0.1:${client}`,
        `http: 127.0.0.1:${monitor}`,
        `jetstream: { store_dir: "${folder}", max_mem: 64MB, max_file: 1GB }`,
        `mqtt: { listen: "127.0.0.1:${mqtt}", stream_replicas: ${NODES}, ack_wait: "5s" }`,
        `cluster: { name: chaos, listen: "127.0.0.1:${route}", routes: [${routes}] }`,
      ];
      writeFileSync(config, `${lines.join('\n')}\n`);
      return new ServerNode(name, mqtt, () => ({ program: NATS ?? 'nats-server', words: ['-c', config] }));
    });
  }

  async start(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.start()));
    await until('every NATS node to be in step', () => this.#inStep(), LED_WITHIN_MS, 100);
  }

  async whole(): Promise<void> {
    const deadline = performance.now() + IN_STEP_WITHIN_MS;
    await until(
      'every NATS node to be in step',
      async () => performance.now() > deadline || this.#inStep(),
      LED_WITHIN_MS,
      100,
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
  }

  /** Every node says of itself that it has a leader, and that its streams are current. */
  async #inStep(): Promise<boolean> {
    const healthy = async ({ monitor }: Ports): Promise<boolean> => {
      const answer = await fetch(`http://127.0.0.1:${monitor}/healthz`).catch(() => null);
      return answer?.ok ?? false;
    };
    return (await Promise.all(this.#ports.map(healthy))).every(Boolean);
  }
}
