/** What the tests over real brokers need of the machine: ports, processes and certificates. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, connect as connectSocket, createServer } from 'node:net';
import { join } from 'node:path';

/** A loopback port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Resolves when the process is dead. */
export async function killed(child: ChildProcess | null): Promise<void> {
  if (child === null || child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Whether somebody listens on the port. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectSocket(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** A throw-away CA, a certificate of it for 127.0.0.1 only, and a second CA that signed nothing. */
export function makeCertificates(folder: string) {
  const authority = (name: string): string => {
    const file = join(folder, `${name}.pem`);
    openssl('req', '-x509', ...NEW_KEY, '-days', '2', '-subj', `/CN=${name}`, '-keyout', keyOf(file), '-out', file);
    return file;
  };
  const ca = authority('ca');
  const otherCa = authority('other');
  const certificate = signCertificate(folder, 'broker', { ca, for: 'IP:127.0.0.1', days: 2 });
  return { ca, otherCa, key: keyOf(certificate), certificate };
}

/**
 * A certificate for a host, as in `IP:127.0.0.1`, with its key beside it; one of -1 days has expired.
 * @returns its file.
 */
export function signCertificate(
  folder: string,
  name: string,
  { ca, for: host, days }: { ca: string; for: string; days: number },
): string {
  const file = join(folder, `${name}.pem`);
  const names = join(folder, `${name}.san`);
  writeFileSync(names, `subjectAltName=${host}\n`);
  openssl('req', ...NEW_KEY, '-subj', `/CN=${name}`, '-keyout', keyOf(file), '-out', `${file}.csr`);
  const signing = ['-CA', ca, '-CAkey', keyOf(ca), '-CAcreateserial', '-days', String(days), '-extfile', names];
  openssl('x509', '-req', '-in', `${file}.csr`, ...signing, '-out', file);
  return file;
}

/** The file of the key that belongs to a certificate made here. */
export function keyOf(certificate: string): string {
  return certificate.replace(/\.pem$/, '.key');
}

function openssl(...words: string[]): void {
  execFileSync('openssl', words, { stdio: 'ignore' });
}
