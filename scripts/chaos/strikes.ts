/** What a round of the plan does to the processes and the lines between them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { reasonOf } from '../../agent/errors.ts';
import type { BrokerSystem } from '../../test/support/brokers-node.ts';
import type { Child } from '../../test/support/processes.ts';
import type { ChaosCollector } from './collector.ts';
import type { ChaosGateway } from './gateway.ts';
import type { ChaosLedger } from './ledger.ts';
import type { Round } from './plan.ts';
import type { FaultyProxy } from './proxy.ts';

/** A server that takes seconds to start would otherwise be killed before anything has gone through it. */
const PROGRESS_MS = 20_000;
/** About what a collector takes to start. */
const COLLECTOR_STARTS_MS = 500;

export interface Targets {
  broker: BrokerSystem;
  collector: ChaosCollector;
  gateways: readonly ChaosGateway[];
  /** Between the gateways and the broker, and between the collector and the broker. */
  lines: Record<'gateway' | 'collector', FaultyProxy>;
}

/** Strikes, and counts it in the ledger. */
export class Strikes {
  readonly #targets: Targets;
  readonly #ledger: ChaosLedger;
  /** The broker's last kill, until it is whole again. */
  #healing: Promise<void> = Promise.resolve();
  #storedAtBrokerKill = 0;

  constructor(targets: Targets, ledger: ChaosLedger) {
    this.#targets = targets;
    this.#ledger = ledger;
  }

  /** Resolves when the broker has got over its last kill, or could not: that is in the ledger. */
  healed(): Promise<void> {
    return this.#healing.catch(() => undefined);
  }

  /** Whose daemon dies in this step, if any: that is done in place of its step. */
  dying(round: Round, step: number): ChaosGateway | null {
    const { gateways } = this.#targets;
    return round.victim === 'daemon' && round.step === step ? gateways[round.index % gateways.length] : null;
  }

  /**
   * What else happens while a step goes on, and after.
   * @param stepTakes milliseconds.
   */
  async beside(round: Round, step: number, stepTakes: number): Promise<void> {
    const { network, freeze } = round;
    const killed = step === round.step;
    await Promise.all([
      network?.step === step ? this.#disturb(network) : undefined,
      freeze?.step === step ? this.#freeze(this.#toFreeze(freeze), freeze.ms) : undefined,
      killed && round.victim === 'broker' ? this.#killBroker(round, stepTakes) : undefined,
      killed && round.victim === 'collector' ? this.#killCollector(round, stepTakes) : undefined,
    ]);
  }

  /** Cuts off a step by killing its daemon, and starts that again. */
  async killDaemon(gateway: ChaosGateway, round: Round, stepping: Promise<void>, stepTakes: number): Promise<void> {
    // Its failure is what a kill is there for.
    stepping.catch(() => undefined);
    await sleep(round.moment * stepTakes);
    if (round.frozenMs > 0) await this.#freezeToDeath(gateway.child, round.frozenMs);
    const vanished = await gateway.kill(stepping);
    if (vanished !== null) this.#ledger.incidents.push(`${gateway.id}, round ${this.#ledger.next}: ${vanished}`);
    this.#ledger.kills.daemon++;
    if (round.again !== null) {
      gateway.launch();
      await sleep(round.again * gateway.startTakes);
      await gateway.killStarting();
      this.#ledger.kills.daemon++;
      this.#ledger.kills.starting++;
    }
    await gateway.start();
  }

  #toFreeze({ victim, index }: NonNullable<Round['freeze']>): Child | null {
    if (victim === 'collector') return this.#targets.collector.child;
    const among = victim === 'daemon' ? this.#targets.gateways : this.#targets.broker.nodes;
    return among[index % among.length].child;
  }

  async #freeze(child: Child | null, ms: number): Promise<void> {
    if (child === null || !child.running) return;
    this.#ledger.frozen++;
    child.process.kill('SIGSTOP');
    await sleep(ms);
    child.process.kill('SIGCONT');
  }

  async #disturb({ side, kind, ms }: NonNullable<Round['network']>): Promise<void> {
    const line = this.#targets.lines[side];
    this.#ledger.network[kind] = (this.#ledger.network[kind] ?? 0) + 1;
    if (kind === 'cut') line.cut();
    else if (kind === 'half_open') line.halfOpen();
    else if (kind === 'swallow') {
      line.halfOpen();
      await sleep(ms);
      line.cut();
    } else {
      line.delay(Math.ceil(ms / 10));
      await sleep(ms);
      line.delay(0);
    }
  }

  async #killBroker(round: Round, stepTakes: number): Promise<void> {
    const { nodes } = this.#targets.broker;
    const node = nodes[round.index % nodes.length];
    await this.#healing;
    await this.#progress();
    this.#storedAtBrokerKill = this.#targets.collector.stored;
    await sleep(round.moment * stepTakes);
    this.#expectAlive(node.child, node.name);
    if (round.frozenMs > 0) await this.#freezeToDeath(node.child, round.frozenMs);
    await node.kill();
    this.#ledger.kills.broker++;
    const heal = async (): Promise<void> => {
      await sleep(round.downMs);
      await node.start();
      await this.#targets.broker.whole();
    };
    this.#healing = heal();
    this.#healing.catch((error: unknown) => this.#ledger.incidents.push(reasonOf(error)));
  }

  async #killCollector(round: Round, stepTakes: number): Promise<void> {
    await sleep(round.moment * stepTakes);
    this.#expectAlive(this.#targets.collector.child, 'footfall collect');
    if (round.frozenMs > 0) await this.#freezeToDeath(this.#targets.collector.child, round.frozenMs);
    await this.#targets.collector.kill();
    this.#ledger.kills.collector++;
    await sleep(round.downMs);
    this.#targets.collector.start();
    if (round.again === null) return;
    await sleep(round.again * COLLECTOR_STARTS_MS);
    await this.#targets.collector.kill();
    this.#ledger.kills.collector++;
    this.#ledger.kills.starting++;
    this.#targets.collector.start();
  }

  async #freezeToDeath(child: Child | null, ms: number): Promise<void> {
    this.#ledger.frozen++;
    child?.process.kill('SIGSTOP');
    await sleep(ms);
  }

  #expectAlive(child: Child | null, name: string): void {
    if (child?.running) return;
    const end = `${name} had ended before it was killed:\n${child?.output.slice(-2_000)}`;
    this.#ledger.incidents.push(`round ${this.#ledger.next}: ${end}`);
  }

  /** Something went through since the broker was killed last, or has had the time to. */
  async #progress(): Promise<void> {
    const deadline = performance.now() + PROGRESS_MS;
    while (this.#targets.collector.stored <= this.#storedAtBrokerKill && performance.now() < deadline) await sleep(20);
  }
}
