/** A gateway before a scripted broker. */
import { EPOCH, MemoryOutbox } from './fixtures.ts';
import { hastyClock, until } from './mosquitto.testing.ts';
import type { UplinkOptions } from './port.ts';
import { isBatch, type Packet, RawBroker, type Script } from './raw-broker.testing.ts';
import { createUplink, type Uplink } from './uplink.ts';

export const ACK = 'ff/v1/acme/gw-1/down/ack';
export const CONFIG = 'ff/v1/acme/gw-1/down/config';
const uplinks: Uplink[] = [];
const brokers: RawBroker[] = [];

/** After each test. */
export async function endAll(): Promise<void> {
  await Promise.all(uplinks.splice(0).map((uplink) => uplink.stop()));
  await Promise.all(brokers.splice(0).map((broker) => broker.end()));
}

export interface Bench {
  uplink: Uplink;
  outbox: MemoryOutbox;
  broker: RawBroker;
  lines: string[];
  configs: Uint8Array[];
}

/** A gateway with some sealed batches, started. `haste`: its seconds in one. */
export async function bench(
  script: Script,
  haste: number,
  more: { sealed?: number } & Partial<UplinkOptions> = {},
): Promise<Bench> {
  const { sealed = 1, ...options } = more;
  const broker = await RawBroker.start(script);
  brokers.push(broker);
  const outbox = new MemoryOutbox();
  for (let sequence = 1; sequence <= sealed; sequence++) outbox.seal(sequence);
  const lines: string[] = [];
  const configs: Uint8Array[] = [];
  const names = { tenant: 'acme', gateway: 'gw-1', epoch: EPOCH };
  const uplink = createUplink(
    { url: broker.url, ...names, ack: 'collector', window: 4, staggerSeconds: 0, ...options },
    {
      outbox,
      clock: hastyClock(haste),
      random: Math.random,
      log: (...line) => lines.push(JSON.stringify(line)),
      configure: (payload) => configs.push(payload),
      facts: async () => ({
        firstSequence: 1,
        sealedThrough: sealed,
        oldestHeld: 1,
        previous: null,
        config: null,
        parameters: 'p1',
        version: '0.1.0',
        sensors: [],
      }),
    },
  );
  uplinks.push(uplink);
  uplink.start();
  return { uplink, outbox, broker, lines, configs };
}

/** Acknowledges each batch that arrives, as a collector behind a good broker. */
export const collect: Script = (packet, peer) => {
  if (!isBatch(packet)) return false;
  peer.puback(packet);
  peer.publish(ACK, acknowledging(sequenceOf(packet)));
  return true;
};

export function acknowledging(...ok: number[]): string {
  return JSON.stringify({ epoch: EPOCH, ok, rejected: [] });
}

export function sequenceOf(packet: Packet): number {
  return Number(/batch (\d+)$/.exec(packet.body.toString('latin1'))?.[1]);
}

export const delivered = ({ uplink, outbox }: Bench) =>
  until('delivery', () => outbox.held.size === 0 && uplink.state().inFlight === 0);
