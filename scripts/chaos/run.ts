/**
 * Gateways, a broker and a collector as processes of their own, killed again and again while simulated stores go on, and a
 * ledger of what became of every batch, person and probe request.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BrokerSystem } from '../../test/support/brokers-node.ts';
import { MAIN } from '../../test/support/gateway.ts';
import { audit } from './audit.ts';
import { type BrokerKind, makeBroker } from './brokers.ts';
import { ChaosCollector } from './collector.ts';
import { ChaosGateway } from './gateway.ts';
import { type ChaosLedger, failuresOf, type GatewayLedger, ledgerLines } from './ledger.ts';
import { planRound, type Round, STEPS } from './plan.ts';
import { FaultyProxy } from './proxy.ts';
import { Strikes, type Targets } from './strikes.ts';
import { StoreFront, type TruthState } from './truth.ts';

/** What a planted fault puts in the place of the product's parts. */
export interface ChaosParts {
  ack: 'collector' | 'puback';
  runEntry: string;
  collectEntry: string;
  repeatCrossings: boolean;
}

export interface ChaosOptions {
  kills: number;
  /** The first round; with a directory that a run was ended in, it goes on. */
  from: number;
  seed: number;
  broker: BrokerKind;
  gateways: number;
  /** Where databases and settings are. */
  directory: string;
  parts?: Partial<ChaosParts>;
  /** How long the last batches may take without help, and with it. Milliseconds. */
  patienceMs?: { alone: number; helped: number };
  tell: (line: string) => void;
  /** Aborted: no further round begins, and what was started is ended. */
  signal?: AbortSignal;
}

export interface Outcome {
  ledger: ChaosLedger;
  failures: string[];
  interrupted: boolean;
}

const TENANT = 'chaos';
const START_MS = Date.UTC(2026, 2, 2, 8);
const STEP_MS = 30_000;
/** After which every window with somebody in it is sealed. */
const TAIL_MS = 120_000;
const LEDGER_EVERY = 50;
/** Who does not get through within this is helped: connections are cut, programs ended in order and started again. */
const HELP_EVERY_MS = 5_000;
/** For what is on its way when the sensors fall silent. */
const AT_ONCE_MS = 1_000;

interface Kept {
  seed: number;
  next: number;
  gateways: { atMs: number; state: TruthState }[];
}

export async function runChaos(options: ChaosOptions): Promise<Outcome> {
  const run = await ChaosRun.open(options);
  try {
    return await run.go();
  } finally {
    await run.close();
  }
}

class ChaosRun {
  readonly #options: ChaosOptions;
  readonly #began = performance.now();
  readonly #runtime: string;
  readonly #broker: BrokerSystem;
  readonly #lines: Targets['lines'];
  readonly #collector: ChaosCollector;
  readonly #gateways: ChaosGateway[] = [];
  readonly #ledger: ChaosLedger;
  readonly #strikes: Strikes;
  /** Of the last whole step, milliseconds. */
  #stepTakes = 20;

  static async open(options: ChaosOptions): Promise<ChaosRun> {
    mkdirSync(options.directory, { recursive: true });
    const broker = await makeBroker(options.broker, options.directory);
    let turn = 0;
    const upstream = (): number | null => {
      const living = broker.nodes.filter((node) => node.child?.running);
      return living.length === 0 ? null : living[turn++ % living.length].port;
    };
    const lines = { gateway: await FaultyProxy.open(upstream), collector: await FaultyProxy.open(upstream) };
    return new ChaosRun(options, broker, lines);
  }

  private constructor(options: ChaosOptions, broker: BrokerSystem, lines: Targets['lines']) {
    this.#options = options;
    this.#broker = broker;
    this.#lines = lines;
    // Sockets need short paths, and the day's key a place that a power-off clears.
    this.#runtime = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : options.directory, 'footfall-chaos-'));
    const { collectEntry = MAIN } = options.parts ?? {};
    this.#collector = new ChaosCollector(collectEntry, lines.collector.url, join(options.directory, 'collector.db'));
    this.#ledger = {
      broker: options.broker,
      seed: options.seed,
      next: options.from,
      kills: { daemon: 0, broker: 0, collector: 0, starting: 0 },
      frozen: 0,
      network: {},
      resent: 0,
      duplicates: 0,
      seconds: 0,
      gateways: [],
      incidents: [],
    };
    const targets = { broker, lines, collector: this.#collector, gateways: this.#gateways };
    this.#strikes = new Strikes(targets, this.#ledger);
  }

  async go(): Promise<Outcome> {
    const { kills, tell, signal } = this.#options;
    await this.#broker.start();
    this.#collector.start();
    await this.#openGateways();
    let told = 0;
    while (this.#kills < kills && !signal?.aborted) {
      await this.#round(planRound(this.#options.seed, this.#ledger.next));
      this.#ledger.next++;
      if (this.#kills - told >= LEDGER_EVERY && this.#kills < kills) {
        told = this.#kills;
        await this.#drain(AT_ONCE_MS, HELP_EVERY_MS * 4);
        await this.#audit();
        tell(ledgerLines(this.#ledger).join('\n'));
      }
    }
    const interrupted = signal?.aborted ?? false;
    const { alone, helped } = this.#options.patienceMs ?? { alone: 60_000, helped: 120_000 };
    await this.#drain(interrupted ? AT_ONCE_MS : alone, interrupted ? 15_000 : helped);
    for (const gateway of this.#gateways) await gateway.status();
    await this.#audit();
    for (const gateway of this.#gateways) await gateway.stop();
    await this.#collector.stop();
    this.#keep();
    return { ledger: this.#ledger, failures: failuresOf(this.#ledger), interrupted };
  }

  async close(): Promise<void> {
    for (const gateway of this.#gateways) await gateway.close();
    await this.#collector.kill();
    await this.#strikes.healed();
    await this.#broker.stop();
    for (const line of Object.values(this.#lines)) await line.close();
    rmSync(this.#runtime, { recursive: true, force: true });
  }

  get #kills(): number {
    const { daemon, broker, collector } = this.#ledger.kills;
    return daemon + broker + collector;
  }

  async #openGateways(): Promise<void> {
    const { directory, gateways, parts, seed, from } = this.#options;
    const kept = this.#kept();
    for (let index = 0; index < gateways; index++) {
      const id = `gw-${index + 1}`;
      const state = kept?.gateways[index]?.state;
      const front = new StoreFront({
        startMs: START_MS,
        seed: seed + index,
        round: from,
        repeat: parts?.repeatCrossings ?? false,
        ...(state === undefined ? {} : { state }),
      });
      const gateway = await ChaosGateway.open({
        id,
        directory: join(directory, id),
        runtimeDirectory: join(this.#runtime, id),
        brokerUrl: this.#lines.gateway.url,
        ack: parts?.ack ?? 'collector',
        entry: parts?.runEntry ?? MAIN,
        front,
        atMs: kept?.gateways[index]?.atMs ?? START_MS,
      });
      this.#gateways.push(gateway);
      await gateway.start();
      await gateway.report();
      await gateway.pass(STEP_MS);
    }
  }

  async #round(round: Round): Promise<void> {
    const strikes = this.#strikes;
    const beside: Promise<void>[] = [];
    for (let step = 0; step < STEPS; step++) {
      const stepTakes = this.#stepTakes;
      beside.push(strikes.beside(round, step, stepTakes));
      const dying = strikes.dying(round, step);
      const began = performance.now();
      const steps = this.#gateways.map((gateway) => {
        const stepping = gateway.step(STEP_MS);
        return gateway === dying ? strikes.killDaemon(gateway, round, stepping, stepTakes) : stepping;
      });
      await Promise.all(steps);
      if (dying === null) this.#stepTakes += (performance.now() - began - stepTakes) / 8;
    }
    await Promise.all(beside);
    // What was sent again in a session is only told while that lasts.
    for (const gateway of this.#gateways) await gateway.status();
  }

  /**
   * Until every batch is acknowledged, for so long without help and so long with it. Gives up without a word: what is
   * still held then is in the ledger.
   */
  async #drain(aloneMs: number, helpedMs: number): Promise<void> {
    await this.#strikes.healed();
    for (const gateway of this.#gateways) {
      await gateway.report();
      await gateway.pass(TAIL_MS);
    }
    const began = performance.now();
    let helpedAt = began + aloneMs - HELP_EVERY_MS;
    while (performance.now() - began < aloneMs + helpedMs) {
      const held = await Promise.all(this.#gateways.map(async (gateway) => (await gateway.status()).buffer.held));
      if (held.every((count) => count === 0)) return;
      if (performance.now() - helpedAt >= HELP_EVERY_MS) {
        await this.#help();
        helpedAt = performance.now();
      }
      await sleep(50);
    }
  }

  /** Back-offs of minutes and resends of minutes are right, and nothing to wait for here. */
  async #help(): Promise<void> {
    await this.#collector.stop();
    this.#collector.start();
    for (const gateway of this.#gateways) {
      if ((await gateway.status()).buffer.held === 0) continue;
      await gateway.stop();
      await gateway.start();
    }
  }

  async #audit(): Promise<void> {
    const ledger = this.#ledger;
    ledger.gateways = await Promise.all(this.#gateways.map((gateway) => this.#auditOne(gateway)));
    ledger.resent = this.#gateways.reduce((sum, gateway) => sum + gateway.resent, 0);
    ledger.duplicates = this.#collector.duplicates;
    ledger.seconds = (performance.now() - this.#began) / 1_000;
  }

  async #auditOne(gateway: ChaosGateway): Promise<GatewayLedger> {
    const { buffer } = await gateway.status();
    const found = audit(this.#collector.database, TENANT, gateway.id, buffer.sealed_through);
    const { truth, lostSteps } = gateway.front.state;
    return {
      id: gateway.id,
      sealed: buffer.sealed_through,
      acknowledged: buffer.sealed_through - buffer.held - buffer.dead_letters,
      held: buffer.held,
      deadLetters: buffer.dead_letters,
      ...found,
      truth: structuredClone(truth),
      lostSteps,
    };
  }

  get #keptPath(): string {
    return join(this.#options.directory, 'chaos.json');
  }

  /** What an earlier run in this directory left, where this one goes on from its end. */
  #kept(): Kept | null {
    if (!existsSync(this.#keptPath)) return null;
    const kept = JSON.parse(readFileSync(this.#keptPath, 'utf8')) as Kept;
    const { seed, from } = this.#options;
    if (kept.seed === seed && kept.next === from) return kept;
    throw new Error(
      `expected --seed ${kept.seed} --from ${kept.next} in a directory that holds such a run, found --seed ${seed} --from ${from}`,
    );
  }

  #keep(): void {
    const gateways = this.#gateways.map(({ atMs, front }) => ({ atMs, state: front.state }));
    const kept: Kept = { seed: this.#options.seed, next: this.#ledger.next, gateways };
    writeFileSync(this.#keptPath, JSON.stringify(kept));
  }
}
