/** The ledger of a run, what must hold of it, and how it is printed. */
import type { Truth } from './truth.ts';

export interface GatewayLedger {
  id: string;
  sealed: number;
  /** Sealed, and no longer held, nor dead: a collector has acknowledged them. */
  acknowledged: number;
  held: number;
  deadLetters: number;
  stored: number;
  double: number;
  missing: number;
  told: number;
  conflicts: number;
  refused: number;
  epochs: number;
  setAside: number;
  truth: Truth;
  totals: Truth;
  /** People whose step was not yet durable when the daemon died, in steps. */
  lostSteps: number;
}

export interface ChaosLedger {
  broker: string;
  seed: number;
  /** The next round. */
  next: number;
  kills: { daemon: number; broker: number; collector: number; starting: number };
  /** Processes that were stopped for a while, and faults of the network. */
  frozen: number;
  network: Record<string, number>;
  resent: number;
  duplicates: number;
  seconds: number;
  gateways: GatewayLedger[];
  /** What went wrong on the way. */
  incidents: string[];
}

/** Every total of a truth, by name. */
export function totalsOf({ counter, events, sightings }: Truth): Record<string, number> {
  return {
    'counted entries': counter.entries,
    'counted exits': counter.exits,
    'entries one by one': events.entries,
    'exits one by one': events.exits,
    sightings,
  };
}

/** Empty where nothing was lost and nothing counted twice. */
export function failuresOf(ledger: ChaosLedger): string[] {
  const failures = [...ledger.incidents];
  for (const gateway of ledger.gateways) {
    const expectNone = (what: string, found: number): void => {
      if (found !== 0) failures.push(`${gateway.id}: expected 0 ${what}, found ${found}`);
    };
    expectNone('missing', gateway.missing);
    expectNone('double', gateway.double);
    expectNone('conflicts', gateway.conflicts);
    expectNone('refused', gateway.refused);
    expectNone('dead letters', gateway.deadLetters);
    expectNone('still held', gateway.held);
    expectNone('told as gone', gateway.told);
    expectNone('people set aside', gateway.setAside);
    if (gateway.epochs !== 1) failures.push(`${gateway.id}: expected one epoch, found ${gateway.epochs}`);
    if (gateway.sealed === 0) failures.push(`${gateway.id}: sealed nothing`);
    const stored = totalsOf(gateway.totals);
    for (const [name, count] of Object.entries(totalsOf(gateway.truth))) {
      if (stored[name] !== count) failures.push(`${gateway.id}: ${name}: expected ${count}, found ${stored[name]}`);
    }
  }
  return failures;
}

export function ledgerLines(ledger: ChaosLedger): string[] {
  const { kills, gateways, network } = ledger;
  const sum = (of: (gateway: GatewayLedger) => number): number =>
    gateways.reduce((total, gateway) => total + of(gateway), 0);
  const all = kills.daemon + kills.broker + kills.collector;
  const faults = Object.entries(network).map(([kind, count]) => `${kind} ${count}`);
  const truth = (name: string): number => sum((gateway) => totalsOf(gateway.truth)[name]);
  const totals = (name: string): number => sum((gateway) => totalsOf(gateway.totals)[name]);
  const names = gateways.length === 0 ? [] : Object.keys(totalsOf(gateways[0].truth));
  return [
    `${all} kills (daemon ${kills.daemon}, broker ${kills.broker}, collector ${kills.collector}; ${kills.starting} of them during a start), ` +
      `${ledger.frozen} frozen, network: ${faults.join(', ') || 'no fault'}; ${ledger.seconds.toFixed(0)} s`,
    `sealed ${sum((gateway) => gateway.sealed)}, acknowledged ${sum((gateway) => gateway.acknowledged)}, ` +
      `stored once ${sum((gateway) => gateway.stored - gateway.double)}, double ${sum((gateway) => gateway.double)}, ` +
      `missing ${sum((gateway) => gateway.missing)}, held ${sum((gateway) => gateway.held)}, ` +
      `conflicts ${sum((gateway) => gateway.conflicts)}, dead letters ${sum((gateway) => gateway.deadLetters)}, ` +
      `told as gone ${sum((gateway) => gateway.told)}, resent in a session ${ledger.resent}, came again ${ledger.duplicates}`,
    names.map((name) => `${name} ${totals(name)} of ${truth(name)}`).join(', ') +
      `; ${sum((gateway) => gateway.lostSteps)} steps died with their daemon before they were durable`,
  ];
}
