/** A mosquitto as a platform runs it: users with passwords, a list of who may use which topic, and TLS on a second port. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { accepts, freePort, keyOf, signCertificate } from '../../agent/uplink/brokers.ts';
import { MOSQUITTO } from './broker.ts';
import { Child, findProgram, until } from './processes.ts';

export const MOSQUITTO_PASSWD = findProgram('mosquitto_passwd');
export const OPENSSL = findProgram('openssl');

/** What a user may do, each a topic or a filter. */
export interface Rights {
  read: string[];
  write: string[];
}

/** Long enough that nobody is warned of its end. */
const GOOD_DAYS = 365;

export class GuardedBroker {
  readonly #directory: string;
  readonly #port: number;
  readonly #tlsPort: number;
  readonly #config: string;
  readonly #rights: string;
  /** Authorities: the one that signed the broker's certificate, and another. */
  readonly ca: string;
  readonly otherCa: string;
  #child: Child | null = null;

  /** @param passwords by user name, as the rights are. */
  static async start(
    directory: string,
    passwords: Record<string, string>,
    rights: Record<string, Rights>,
  ): Promise<GuardedBroker> {
    const broker = new GuardedBroker(directory, await freePort(), await freePort(), passwords);
    // Not by `allow`: mosquitto listens a moment before it minds signals, and a SIGHUP would end it then.
    broker.#write(rights);
    await broker.#begin();
    return broker;
  }

  private constructor(directory: string, port: number, tlsPort: number, passwords: Record<string, string>) {
    this.#directory = directory;
    this.#port = port;
    this.#tlsPort = tlsPort;
    this.ca = makeAuthority(directory, 'authority');
    this.otherCa = makeAuthority(directory, 'other');
    const certificate = signCertificate(directory, 'broker', { ca: this.ca, for: 'IP:127.0.0.1', days: GOOD_DAYS });
    const users = join(directory, 'users');
    const lines = Object.entries(passwords).map(([name, password]) => `${name}:${password}\n`);
    writeFileSync(users, lines.join(''), { mode: 0o600 });
    if (MOSQUITTO_PASSWD === null) throw new Error('mosquitto_passwd is not installed');
    execFileSync(MOSQUITTO_PASSWD, ['-U', users], { stdio: 'ignore' });
    this.#rights = join(directory, 'rights');
    this.#config = join(directory, 'guarded.conf');
    writeFileSync(
      this.#config,
      `user ${userInfo().username}
allow_anonymous false
password_file ${users}
acl_file ${this.#rights}
persistence false
log_type error
listener ${port} 127.0.0.1
listener ${tlsPort} 127.0.0.1
certfile ${certificate}
keyfile ${keyOf(certificate)}
`,
    );
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.#port}`;
  }

  get tlsUrl(): string {
    return `mqtts://127.0.0.1:${this.#tlsPort}`;
  }

  /** Puts the list of rights in place of the former one, as whoever runs a broker does: edit, then SIGHUP. */
  allow(rights: Record<string, Rights>): void {
    this.#write(rights);
    this.#child?.process.kill('SIGHUP');
  }

  /** A file with a user's password, for its owner alone. */
  secret(name: string, password: string): string {
    const path = join(this.#directory, `${name}.password`);
    writeFileSync(path, `${password}\n`, { mode: 0o600 });
    return path;
  }

  async end(): Promise<void> {
    await this.#child?.end('SIGKILL');
  }

  async #begin(): Promise<void> {
    if (MOSQUITTO === null) throw new Error('mosquitto is not installed');
    this.#child = new Child('mosquitto', MOSQUITTO, ['-c', this.#config]);
    await until('mosquitto to listen', async () => (await accepts(this.#port)) && (await accepts(this.#tlsPort)));
  }

  #write(rights: Record<string, Rights>): void {
    const text = Object.entries(rights).flatMap(([name, { read, write }]) => [
      `user ${name}`,
      ...read.map((topic) => `topic read ${topic}`),
      ...write.map((topic) => `topic write ${topic}`),
    ]);
    writeFileSync(this.#rights, `${text.join('\n')}\n`, { mode: 0o600 });
  }
}

/** A throw-away authority, with its key beside it. */
function makeAuthority(directory: string, name: string): string {
  const file = join(directory, `${name}.pem`);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyOf(file)];
  const words = ['req', '-x509', ...key, '-days', String(GOOD_DAYS), '-subj', `/CN=${name}`, '-out', file];
  execFileSync('openssl', words, { stdio: 'ignore' });
  return file;
}
