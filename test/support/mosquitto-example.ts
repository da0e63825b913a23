/** The example configuration of config/mosquitto in a real mosquitto on loopback: only its paths, ports and user are others. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, keyOf, makeCertificates } from '../../agent/uplink/brokers.ts';
import { MOSQUITTO } from './broker.ts';
import { ServerNode } from './brokers-node.ts';
import { findProgram } from './processes.ts';

const EXAMPLE = fileURLToPath(new URL('../../config/mosquitto/', import.meta.url));
const MOSQUITTO_PASSWD = findProgram('mosquitto_passwd');

/** Null where the example can be run, else why not. */
export function missingForExample(): string | null {
  if (MOSQUITTO === null || MOSQUITTO_PASSWD === null) return 'needs mosquitto';
  return findProgram('openssl') === null ? 'needs openssl' : null;
}

/** Every user's password. */
export const PASSWORD = 'correct horse';

export class ExampleBroker {
  readonly folder: string;
  readonly ports: { password: number; certificate: number };
  /** Files: the authority of the broker, one that signed nothing, and the authority of gateways. */
  readonly authorities: { broker: string; other: string; gateways: string };
  /** The certificate of acme/gw-1, made as the example says. */
  readonly gatewayCertificate: string;
  readonly #commands: string[];
  readonly #node: ServerNode;

  /** @param users who have a password. */
  static async make(folder: string, users: readonly string[]): Promise<ExampleBroker> {
    return new ExampleBroker(folder, users, { password: await freePort(), certificate: await freePort() });
  }

  private constructor(folder: string, users: readonly string[], ports: ExampleBroker['ports']) {
    this.folder = folder;
    this.ports = ports;
    const { ca, otherCa, certificate } = makeCertificates(folder);
    this.authorities = { broker: ca, other: otherCa, gateways: join(folder, 'gateways-ca.pem') };
    this.gatewayCertificate = join(folder, 'gw-1.pem');
    const text = readFileSync(join(EXAMPLE, 'footfall.conf'), 'utf8');
    this.#commands = commandsOf(text, 'openssl');
    for (const line of this.#commands) this.#shell(line);
    writeFileSync(join(folder, 'footfall.passwd'), '');
    for (const user of users) this.setPassword(user);
    copyFileSync(join(EXAMPLE, 'footfall.acl'), join(folder, 'footfall.acl'));
    const config = join(folder, 'footfall.conf');
    writeFileSync(config, this.#moved(text, certificate));
    const words = ['-c', config];
    this.#node = new ServerNode('mosquitto', ports.password, () => ({ program: MOSQUITTO ?? 'mosquitto', words }));
  }

  /** `mqtts://` for those with a password, and for those with a certificate. */
  get urls(): { password: string; certificate: string } {
    const { password, certificate } = this.ports;
    return { password: `mqtts://127.0.0.1:${password}`, certificate: `mqtts://127.0.0.1:${certificate}` };
  }

  get pid(): number {
    if (this.#node.child === null) throw new Error('the broker was not started');
    return this.#node.child.pid;
  }

  /** In force from the next start or reload on. */
  setPassword(user: string): void {
    const file = join(this.folder, 'footfall.passwd');
    execFileSync(MOSQUITTO_PASSWD ?? '', ['-b', file, user, PASSWORD], { stdio: 'ignore' });
  }

  /** Puts another certificate, and its key, in the place of the broker's. In force from the next reload on. */
  replaceCertificate(certificate: string): void {
    copyFileSync(certificate, join(this.folder, 'shown.pem'));
    copyFileSync(keyOf(certificate), join(this.folder, 'shown.key'));
  }

  /** As `systemctl reload`; whoever is connected stays. */
  reload(): void {
    process.kill(this.pid, 'SIGHUP');
  }

  /**
   * A certificate as the example has it made, with its key beside it, for another user.
   * @param file its name, without an extension.
   * @param days -1 for one that has expired.
   * @param authority which of the authorities signs it, by the name of its file.
   */
  signGateway(user: string, file: string, days = 1, authority = 'gateways-ca'): string {
    for (const line of this.#commands.slice(1)) {
      const words = line.replaceAll('gw-1.', `${file}.`).replace('acme\\/gw-1', user.replaceAll('/', '\\/'));
      this.#shell(words.replace('-days 730', `-days ${days}`).replaceAll('gateways-ca.', `${authority}.`));
    }
    return join(this.folder, `${file}.pem`);
  }

  start(): Promise<void> {
    return this.#node.start();
  }

  stop(): Promise<void> {
    return this.#node.kill();
  }

  #shell(line: string): void {
    execFileSync('sh', ['-ec', line], { cwd: this.folder, stdio: 'ignore' });
  }

  #moved(text: string, certificate: string): string {
    this.replaceCertificate(certificate);
    const { password, certificate: byCertificate } = this.ports;
    const places: [from: string, to: string, times: number][] = [
      ['\nuser mosquitto\n', `\nuser ${userInfo().username}\n`, 1],
      ['\nlistener 8883\n', `\nlistener ${password} 127.0.0.1\n`, 1],
      ['\nlistener 8884\n', `\nlistener ${byCertificate} 127.0.0.1\n`, 1],
      ['\nlog_dest syslog\n', '\nlog_dest stderr\n', 1],
      [' /etc/mosquitto/certs/broker.', ` ${this.folder}/shown.`, 4],
      ['\ncafile /etc/mosquitto/ca_certificates/', `\ncafile ${this.folder}/`, 1],
      ['\npassword_file /etc/mosquitto/', `\npassword_file ${this.folder}/`, 1],
      ['\nacl_file /etc/mosquitto/', `\nacl_file ${this.folder}/`, 2],
      ['\npersistence_location /var/lib/mosquitto/', `\npersistence_location ${this.folder}/`, 1],
    ];
    for (const [from, , times] of places) {
      const found = text.split(from).length - 1;
      if (found !== times)
        throw new Error(`expected ${times} x ${JSON.stringify(from)} in footfall.conf, found ${found}`);
    }
    return places.reduce((moved, [from, to]) => moved.replaceAll(from, to), text);
  }
}

/** The command lines of a program that the comments of the example tell. */
function commandsOf(text: string, program: string): string[] {
  const lines = text.split('\n').flatMap((line) => /^# {3}(?<command>\S.*)$/.exec(line)?.groups?.command ?? []);
  return lines.filter((line) => line.startsWith(`${program} `));
}
