/** What a fleet's run says of itself, in lines. */
import { formatCount } from '../view/format.ts';
import type { FleetCounts } from './fleet.ts';

/** A second. */
export interface Rates {
  acknowledged: number;
  published: number;
  connects: number;
}

export interface FleetLedger extends Omit<FleetCounts, 'connected' | 'inFlight'> {
  seconds: number;
  /** Most that the process had in memory, in units of 2^20 bytes. */
  resident_mib: number;
  /** Why connections failed or ended, with how often. */
  failures: Record<string, number>;
}

export function progressLine(counts: FleetCounts, rates: Rates): string {
  const n = formatCount;
  const { rejected, dropped } = counts;
  return [
    `connected ${n(counts.connected)} of ${n(counts.gateways)}${rates.connects > 0 ? ` (${n(rates.connects)}/s)` : ''}`,
    `sealed ${n(counts.sealed)}`,
    `acknowledged ${n(counts.acknowledged)} (${n(rates.acknowledged)}/s)`,
    `held ${n(counts.held)}`,
    `in flight ${n(counts.inFlight)}`,
    `resent ${n(counts.resent)}`,
    ...(rejected + dropped > 0 ? [`rejected ${n(rejected)}, dropped ${n(dropped)}`] : []),
  ].join(', ');
}

export function ledgerLines(ledger: FleetLedger): string[] {
  const { failures, resident_mib: mib, ...counts } = ledger;
  const numbers = Object.entries({ ...counts, memory_mib: mib });
  return [
    ...numbers.map(([name, value]) => `${name.padEnd(14)}${formatCount(value).padStart(12)}`),
    ...Object.entries(failures).map(([reason, count]) => `${formatCount(count)} times: ${reason}`),
  ];
}
