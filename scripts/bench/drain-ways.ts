/** The two ways of delivery: our outbox and uplink, and a broker on the box that stores and bridges. */
import { join } from 'node:path';
import { freePort } from '../../agent/uplink/brokers.ts';
import { CommittingCollector, type Cost, costOf, gatewayStep, Mosquitto, outcomeOf } from './drain-parts.ts';

export interface DrainOptions {
  batches: number;
  /** Batches under way at once, of ours. */
  window: number;
  /** Kills the side of the gateway once so many are stored; null: it lives. */
  killAt: number | null;
}

export interface Drained {
  way: 'footfall' | 'bridge';
  stored: number;
  lost: number;
  /** A second, from the collector's first commit to its last. */
  rate: number;
  /** Of the gateway, the central broker and the collector. */
  costs: Record<string, Cost>;
  octets: number;
  /** Memory of our gateway before it began; null of a bridge. */
  idleRss: number | null;
}

/** Nothing came for so long: nothing will. */
const QUIET_MS = 8_000;
/** No queue of the central broker is too short: what it would drop is not what is measured. */
const CENTRAL = ['persistence false', 'max_queued_messages 0', 'max_queued_bytes 0'];

interface Filled {
  epoch: string;
  octets: number;
}

export async function drainOurs(directory: string, options: DrainOptions): Promise<Drained> {
  const path = join(directory, 'footfall.db');
  const { octets } = await outcomeOf<Filled>(gatewayStep(directory, 'fill', path, String(options.batches)));
  const central = new Mosquitto(directory, 'central', await freePort(), CENTRAL);
  await central.start();
  const collector = new CommittingCollector(directory, central.url);
  const drain = () => gatewayStep(directory, 'drain', path, central.url, String(options.window));
  let gateway = null;
  try {
    await collector.subscribed();
    const before = { broker: costOf(central.pid), collector: costOf(collector.pid) };
    gateway = drain();
    if (options.killAt !== null) {
      await collector.reached(options.killAt);
      await gateway.end('SIGKILL');
      gateway = drain();
    }
    const told = await outcomeOf<{ cpuUs: number; rss: number; idleRss: number }>(gateway);
    await collector.settled(options.batches, QUIET_MS);
    const costs = {
      gateway: { cpuUs: told.cpuUs, rss: told.rss },
      broker: since(before.broker, costOf(central.pid)),
      collector: since(before.collector, costOf(collector.pid)),
    };
    return { ...drained(options, collector, costs), way: 'footfall', octets, idleRss: told.idleRss };
  } finally {
    await gateway?.end('SIGKILL');
    await collector.end();
    await central.kill();
  }
}

/** @param autosaveSeconds how often the broker on the box saves; null: its default. */
export async function drainBridge(
  directory: string,
  options: DrainOptions,
  epoch: string,
  autosaveSeconds: number | null,
): Promise<Drained> {
  const central = new Mosquitto(directory, 'central', await freePort(), CENTRAL);
  const edge = new Mosquitto(directory, 'edge', await freePort(), [
    ...['persistence true', `persistence_location ${directory}/`, 'max_queued_messages 0', 'max_queued_bytes 0'],
    'max_inflight_messages 100',
    ...(autosaveSeconds === null ? [] : [`autosave_interval ${autosaveSeconds}`]),
    ...['connection central', `address 127.0.0.1:${central.port}`, 'topic ff/# out 1', 'cleansession false'],
    ...['remote_clientid edge', 'local_clientid edge-local', 'restart_timeout 1'],
  ]);
  await edge.start();
  let collector: CommittingCollector | null = null;
  try {
    await outcomeOf(gatewayStep(directory, 'publish', edge.url, String(options.batches), epoch));
    const edgeBefore = costOf(edge.pid);
    // What it bridges before anybody subscribes would be nobody's.
    edge.pause();
    await central.start();
    collector = new CommittingCollector(directory, central.url);
    await collector.subscribed();
    edge.goOn();
    const before = { broker: costOf(central.pid), collector: costOf(collector.pid) };
    if (options.killAt !== null) {
      await collector.reached(options.killAt);
      await edge.kill();
      await edge.start();
    }
    await collector.settled(options.batches, QUIET_MS);
    const costs = {
      gateway: since(edgeBefore, costOf(edge.pid)),
      broker: since(before.broker, costOf(central.pid)),
      collector: since(before.collector, costOf(collector.pid)),
    };
    return { ...drained(options, collector, costs), way: 'bridge', octets: 0, idleRss: null };
  } finally {
    await collector?.end();
    await edge.kill();
    await central.kill();
  }
}

function drained(
  { batches }: DrainOptions,
  collector: CommittingCollector,
  costs: Drained['costs'],
): Pick<Drained, 'stored' | 'lost' | 'rate' | 'costs'> {
  const stored = collector.count();
  const seconds = (collector.lastMs - collector.firstMs) / 1_000;
  return { stored, lost: batches - stored, rate: stored / seconds, costs };
}

function since(before: Cost, now: Cost): Cost {
  return { cpuUs: Math.max(0, now.cpuUs - before.cpuUs), rss: now.rss };
}
