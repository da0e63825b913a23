/** Clients of the broker example that are no agent of ours, so that they may do what ours would not; and what it shows. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { connect as connectTls } from 'node:tls';
import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { type ExampleBroker, PASSWORD } from './mosquitto-example.ts';
import { until } from './processes.ts';

export interface Peer {
  client: MqttClient;
  /** Topics and payloads that arrived. */
  got: string[];
  closed: Promise<'closed'>;
}

/** Resolves once it is connected; over MQTT 5 unless told. */
export async function connectPeer(broker: ExampleBroker, username: string, more: IClientOptions = {}): Promise<Peer> {
  const ca = readFileSync(broker.authorities.broker);
  const options: IClientOptions = { username, password: PASSWORD, protocolVersion: 5, reconnectPeriod: 0, ...more };
  const client = connect(broker.urls.password, { ca, ...options });
  const got: string[] = [];
  client.on('error', () => {});
  client.on('message', (topic, payload) => got.push(`${topic} ${payload}`));
  const closed = new Promise<'closed'>((resolve) => client.once('close', () => resolve('closed')));
  await until(`${username} to connect`, () => client.connected, 10_000);
  return { client, got, closed };
}

/** Hears what is published from now on, over MQTT 5. */
export async function listen({ client }: Peer, ...filters: string[]): Promise<void> {
  await client.subscribeAsync(filters, { qos: 1, rh: 2 });
}

/** What became of a publication: `taken`, `closed`, or the broker's words. */
export async function publish(
  { client, closed }: Peer,
  topic: string,
  payload: string,
  retain = false,
): Promise<string> {
  const sent = client.publishAsync(topic, payload, { qos: 1, retain }).then(
    () => 'taken',
    (error: Error) => error.message,
  );
  return Promise.race([sent, closed]);
}

/** Publishes something that is allowed, and waits until it is there: what the broker let through before is there then. */
export async function after(from: Peer, topic: string, at: Peer): Promise<void> {
  const marker = `marker ${randomBytes(4).toString('hex')}`;
  const outcome = await publish(from, topic, marker);
  if (outcome !== 'taken') throw new Error(`expected the marker on ${topic} to be taken, found: ${outcome}`);
  await until(`the marker on ${topic}`, () => at.got.includes(`${topic} ${marker}`));
}

/** What arrived beside such markers. */
export const unmarked = ({ got }: Peer): string[] => got.filter((each) => !each.includes(' marker '));

/** Takes the lines for a stolen gateway out of their comment. */
export function shutOut(acl: string): void {
  const text = readFileSync(acl, 'utf8');
  writeFileSync(acl, text.replace(/^#(user acme\/gw-9|topic deny .*)$/gm, '$1'));
}

/** The common name of the certificate that the broker shows now. */
export function shownSubject(broker: ExampleBroker): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: broker.ports.password, rejectUnauthorized: false };
    const socket = connectTls(options, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

/** TCP ports that a process listens on. */
export function listeningPorts(pid: number): number[] {
  const inodes = new Set<string>();
  for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${descriptor}`))?.[1];
    if (inode !== undefined) inodes.add(inode);
  }
  const ports: number[] = [];
  for (const table of ['tcp', 'tcp6']) {
    for (const line of readFileSync(`/proc/net/${table}`, 'utf8').split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      if (fields[3] === '0A' && inodes.has(fields[9])) ports.push(Number.parseInt(fields[1].split(':')[1], 16));
    }
  }
  return ports.sort();
}
