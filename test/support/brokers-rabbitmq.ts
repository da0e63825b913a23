/** RabbitMQ with its MQTT plug-in: a node of its own name, cookie, directories and loopback ports, with an epmd of its own. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accepts, freePort } from '../../agent/uplink/brokers.ts';
import { type BrokerSystem, ServerNode } from './brokers-node.ts';
import { findProgram } from './processes.ts';

/** Debian's /usr/sbin/rabbitmq-server changes to a user of its own; this is the program behind it. */
const SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server';
const EPMD = findProgram('epmd');
export const RABBITMQ = existsSync(SERVER) && EPMD !== null ? SERVER : null;

/** An Erlang system takes some seconds to start, and tens on a busy machine. */
const PATIENCE_MS = 120_000;

interface Ports {
  mqtt: number;
  distribution: number;
  epmd: number;
}

export class RabbitSystem implements BrokerSystem {
  readonly name = 'rabbitmq';
  readonly nodes: readonly [ServerNode];
  readonly #epmd: ServerNode;

  static async make(directory: string): Promise<RabbitSystem> {
    const ports = { mqtt: await freePort(), distribution: await freePort(), epmd: await freePort() };
    return new RabbitSystem(join(directory, 'rabbitmq'), ports);
  }

  private constructor(directory: string, { mqtt, distribution, epmd }: Ports) {
    mkdirSync(directory, { recursive: true });
    const config = join(directory, 'rabbitmq.conf');
    const plugins = join(directory, 'enabled_plugins');
    writeFileSync(plugins, '[rabbitmq_mqtt].\n');
    const lines = [
      'listeners.tcp = none',
      `mqtt.listeners.tcp.default = 127.0.0.1:${mqtt}`,
      'mqtt.allow_anonymous = true',
      'mqtt.tcp_listen_options.nodelay = true',
      'log.file.level = error',
    ];
    writeFileSync(config, `${lines.join('\n')}\n`);
    const env: NodeJS.ProcessEnv = {
      ...process.env,
      // The cookie is made there.
      HOME: directory,
      // The Erlang system takes the place of the shell, so that a kill hits it.
      RUNNING_UNDER_SYSTEMD: '1',
      ERL_EPMD_PORT: String(epmd),
      RABBITMQ_NODENAME: `chaos${mqtt}@localhost`,
      RABBITMQ_MNESIA_BASE: join(directory, 'mnesia'),
      RABBITMQ_LOG_BASE: join(directory, 'log'),
      RABBITMQ_CONFIG_FILE: config,
      RABBITMQ_ENABLED_PLUGINS_FILE: plugins,
      RABBITMQ_DIST_PORT: String(distribution),
      RABBITMQ_CONF_ENV_FILE: '/dev/null',
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    };
    this.nodes = [
      new ServerNode('rabbitmq', mqtt, () => ({ program: RABBITMQ ?? SERVER, words: [], env }), PATIENCE_MS),
    ];
    // In the foreground: left to Erlang, it would outlive the run.
    const words = ['-port', String(epmd), '-address', '127.0.0.1'];
    this.#epmd = new ServerNode('epmd', epmd, () => ({ program: EPMD ?? 'epmd', words }));
  }

  async start(): Promise<void> {
    if (!(await accepts(this.#epmd.port))) await this.#epmd.start();
    await this.nodes[0].start();
  }

  async whole(): Promise<void> {}

  async stop(): Promise<void> {
    await this.nodes[0].kill();
    await this.#epmd.kill();
  }
}
