/** A gateway delivers over a line that is disturbed in one way after the other, and a ledger of what became of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../drivers/simulator/random.ts';
import { type Audit, audit } from '../../scripts/chaos/audit.ts';
import { GATEWAY, NetnsParts, TENANT } from './netns-parts.ts';
import { type Phase, type PhaseName, phaseOf } from './netns-phases.ts';
import { until } from './processes.ts';

export interface NetworkOptions {
  /** Faults in their order, and for how many seconds. */
  phases: readonly (readonly [name: PhaseName, seconds: number])[];
  lossPercent: number;
  /** Of when a fault begins, and of the people. */
  seed: number;
  /** `puback` is the planted fault: a sender that deletes on the word of the broker. */
  ack?: 'collector' | 'puback';
  directory: string;
  /** How long the uplink may take to come back. Milliseconds. */
  patienceMs: number;
  tell(line: string): void;
  /** Aborted: the phase under way is cut short, and none begins. */
  signal?: AbortSignal;
}

export interface PhaseLedger {
  phase: Phase;
  /** Seconds; fewer than planned where the run was interrupted. */
  lastedS: number;
  /** Packets. */
  dropped: number;
  sealed: number;
  /** Before the fault ended. */
  acknowledged: number;
  /** Batches, when the fault ended. */
  held: number;
  /** What `footfall status --json` said of the uplink: reason code, kind of failure, seconds since the begin. */
  named: { code: string; kind: string | null; afterS: number }[];
  /** Seconds after the begin at which the collector held the gateway for gone; null where it never did. */
  goneS: number | null;
  /** Whether another connection was needed. */
  reconnected: boolean;
  /** Seconds from the end of the fault to the first acknowledgement, and to an empty buffer; null where they never came. */
  backS: number | null;
  drainedS: number | null;
}

export interface NetworkLedger {
  seed: number;
  phases: PhaseLedger[];
  sealed: number;
  held: number;
  deadLetters: number;
  audit: Audit;
  entered: number;
}

export interface NetworkOutcome {
  ledger: NetworkLedger;
  failures: string[];
  interrupted: boolean;
}

const STEP_EVERY_MS = 150;
const LOOK_EVERY_MS = 250;
const MOST_PEOPLE = 3;
/** After which every window with somebody in it is sealed. */
const TAIL_WINDOWS = 3;
/** A line goes on being used while it drains: a batch or two are always under way. */
const NEXT_TO_NOTHING = 3;
/** Keepalive of the uplink, half of it more, and time to be asked: what lasts longer must be named. */
const NAMED_WITHIN_S = 55;

export async function runNetwork(options: NetworkOptions): Promise<NetworkOutcome> {
  const parts = await NetnsParts.open(options.directory, options.ack ?? 'collector');
  const random = new Random(options.seed);
  const rest = new AbortController();
  const passing = passBy(parts, random.fork('people'), rest.signal);
  try {
    // An error of it is told below; without this it would be nobody's meanwhile.
    passing.catch(() => undefined);
    const pauses = random.fork('pauses');
    const phases: PhaseLedger[] = [];
    for (const [name, seconds] of options.phases) {
      if (options.signal?.aborted) break;
      await sleep(pauses.integer(200, 1_500));
      const ledger = await live(parts, phaseOf(name, seconds, options.lossPercent), options);
      phases.push(ledger);
      options.tell(lineOf(ledger));
    }
    rest.abort();
    await passing;
    await parts.step(TAIL_WINDOWS, 0);
    await until('the last batch', async () => (await parts.status()).buffer.held === 0, options.patienceMs, 50).catch(
      () => undefined,
    );
    const { buffer } = await parts.status();
    const ledger: NetworkLedger = {
      ...{
        seed: options.seed,
        phases,
        sealed: buffer.sealed_through,
        held: buffer.held,
        deadLetters: buffer.dead_letters,
      },
      audit: audit(parts.collectorDatabase, TENANT, GATEWAY, buffer.sealed_through),
      entered: parts.entered,
    };
    return { ledger, failures: failuresOf(ledger), interrupted: options.signal?.aborted ?? false };
  } finally {
    rest.abort();
    await passing.catch(() => undefined);
    await parts.close();
  }
}

/** Windows pass, with people in them, until it is told to stop. */
async function passBy(parts: NetnsParts, random: Random, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await parts.step(1, random.integer(0, MOST_PEOPLE));
    await sleep(STEP_EVERY_MS);
  }
}

/** One fault from its begin until the uplink is back and has delivered what waited. */
async function live(parts: NetnsParts, phase: Phase, options: NetworkOptions): Promise<PhaseLedger> {
  const before = await parts.status();
  const ledger: PhaseLedger = {
    ...{
      phase,
      lastedS: 0,
      dropped: 0,
      sealed: 0,
      acknowledged: 0,
      held: 0,
      named: [],
      goneS: null,
      reconnected: false,
    },
    ...{ backS: null, drainedS: null },
  };
  const began = performance.now();
  const sinceS = (from: number): number => (performance.now() - from) / 1_000;
  const look = async () => {
    const status = await parts.status();
    if (status.uplink.phase !== 'connected' && ledger.named.length === 0) await ask(parts, ledger, sinceS(began));
    if (ledger.goneS === null && (await parts.believedOnline()) === false) ledger.goneS = sinceS(began);
    // The daemon's time runs faster than that of networks: the age of a connection is what both share.
    const ageMs = status.at_ms - status.uplink.since;
    if (status.uplink.phase === 'connected' && ageMs < performance.now() - began) ledger.reconnected = true;
    return status;
  };
  await phase.begin(parts);
  while (sinceS(began) < phase.seconds && !options.signal?.aborted) {
    await look();
    await sleep(LOOK_EVERY_MS);
  }
  const dropped = parts.link.dropped();
  ledger.dropped = dropped.gateway + dropped.broker;
  const atEnd = await look();
  ledger.acknowledged = atEnd.uplink.acknowledged - before.uplink.acknowledged;
  ledger.held = atEnd.buffer.held;
  ledger.lastedS = sinceS(began);
  await phase.end(parts);
  const ended = performance.now();
  while (performance.now() - ended < options.patienceMs && ledger.drainedS === null) {
    const { uplink, buffer } = await look();
    ledger.sealed = buffer.sealed_through - before.buffer.sealed_through;
    const isBack = uplink.phase === 'connected' && uplink.acknowledged > atEnd.uplink.acknowledged;
    if (isBack) ledger.backS ??= sinceS(ended);
    if (isBack && buffer.held <= NEXT_TO_NOTHING) ledger.drainedS = sinceS(ended);
    else await sleep(LOOK_EVERY_MS);
  }
  return ledger;
}

async function ask(parts: NetnsParts, ledger: PhaseLedger, afterS: number): Promise<void> {
  const { verdict, uplink } = await parts.askAtTheBox();
  const codes = verdict.reasons.map(({ code }) => code).filter((code) => code.startsWith('uplink_'));
  ledger.named.push(...codes.map((code) => ({ code, kind: uplink.lastErrorKind, afterS })));
}

/** Empty where everything arrived once and the uplink always came back and said what was wrong. */
export function failuresOf({ phases, audit: found, ...ledger }: NetworkLedger): string[] {
  const failures: string[] = [];
  for (const { phase, ...of } of phases) {
    const expect = (holds: boolean, words: string): void => {
      if (!holds) failures.push(`${phase.name}: ${words}`);
    };
    expect(of.backS !== null, 'expected the uplink to come back, found no acknowledgement');
    expect(of.backS === null || of.drainedS !== null, 'expected the buffer to be emptied, found batches in it');
    const isWhole = of.lastedS >= phase.seconds;
    expect(!isWhole || !phase.drops || of.dropped > 0, 'expected packets to be dropped, found none');
    expect(!isWhole || !phase.through || of.acknowledged > 0, 'expected batches to get through meanwhile, found none');
    const mustTell = !phase.through && (of.lastedS >= NAMED_WITHIN_S || phase.name === 'moved');
    const isNamed = of.named.some(({ code, kind }) => code === 'uplink_down' && kind === 'network');
    expect(!mustTell || isNamed, 'expected status to name uplink_down and the network, found nothing of it');
    expect(!mustTell || of.reconnected, 'expected another connection, found the same');
    const mustBeGone = mustTell && (phase.name === 'cut' || phase.name === 'mute' || phase.name === 'unplugged');
    expect(!mustBeGone || of.goneS !== null, 'expected the broker to publish the last will, found the gateway online');
  }
  const expectNone = (what: string, count: number): void => {
    if (count !== 0) failures.push(`expected 0 ${what}, found ${count}`);
  };
  expectNone('missing', found.missing);
  expectNone('double', found.double);
  expectNone('conflicts', found.conflicts);
  expectNone('refused', found.refused);
  expectNone('told as gone', found.told);
  expectNone('dead letters', ledger.deadLetters);
  expectNone('still held', ledger.held);
  if (found.epochs !== 1) failures.push(`expected one epoch, found ${found.epochs}`);
  if (ledger.entered === 0) failures.push('expected people, found none');
  if (found.totals.events.entries !== ledger.entered) {
    failures.push(`expected ${ledger.entered} people, found ${found.totals.events.entries}`);
  }
  return failures;
}

function lineOf({ phase, ...of }: PhaseLedger): string {
  const seconds = (value: number | null): string => (value === null ? 'never' : `after ${value.toFixed(1)} s`);
  const named = of.named.map(({ code, kind, afterS }) => `${code} (${kind}) ${seconds(afterS)}`).join(', ');
  return [
    `${phase.name}: ${phase.what}, ${of.lastedS.toFixed(0)} s`,
    `  ${of.dropped} packets dropped, sealed ${of.sealed}, acknowledged meanwhile ${of.acknowledged}, held in the end ${of.held}`,
    `  status named ${named || 'nothing'}; believed gone ${seconds(of.goneS)}`,
    `  back ${seconds(of.backS)}${of.reconnected ? ', by another connection' : ''}; nothing waited any more ${seconds(of.drainedS)}`,
  ].join('\n');
}

export function totalLine({ audit: found, ...ledger }: NetworkLedger): string {
  return (
    `sealed ${ledger.sealed}, acknowledged ${ledger.sealed - ledger.held - ledger.deadLetters}, ` +
    `stored once ${found.stored - found.double}, double ${found.double}, missing ${found.missing}, held ${ledger.held}, ` +
    `people ${found.totals.events.entries} of ${ledger.entered}`
  );
}
