/** What the steps of the broker check share. */
import { isIP } from 'node:net';
import type { Clock } from '../clock.ts';
import type { Target } from '../mqtt/target.ts';
import type { Finding } from './finding.ts';

export interface BrokerTarget {
  /** mqtt:// or mqtts:// with host and optional port. */
  url: string;
  tenant: string;
  gateway: string;
  username?: string;
  password?: string;
  caFile?: string;
  /** Client certificate and its key, both or neither; with mqtts:// only. */
  certFile?: string;
  keyFile?: string;
  /** With `puback` no collector is expected to answer; `collector` unless told. */
  ack?: 'collector' | 'puback';
}

export interface BrokerDeps {
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  /** Ends the check: nothing more is yielded. */
  signal?: AbortSignal;
}

/** A finding of this chapter without what is the same in all of them. */
export type Step = Pick<Finding, 'check' | 'outcome' | 'tried' | 'found' | 'mend'>;

/** `promise`, or `late` once the time is up or the check was ended. */
export async function within<T, L>(
  { clock, signal }: Pick<BrokerDeps, 'clock' | 'signal'>,
  ms: number,
  promise: Promise<T>,
  late: L,
): Promise<T | L> {
  const end = Promise.withResolvers<L>();
  const give = () => end.resolve(late);
  const timer = clock.after(ms, give);
  signal?.addEventListener('abort', give);
  if (signal?.aborted) give();
  try {
    return await Promise.race([promise, end.promise]);
  } finally {
    timer.cancel();
    signal?.removeEventListener('abort', give);
  }
}

/** The same broker at one of its addresses. */
export function at(target: Target, address: string): Target {
  return { ...target, name: `${isIP(address) === 6 ? `[${address}]` : address}:${target.port}` };
}

/** What another machine said of itself, fit for a line on a terminal. */
export function printable(text: string): string {
  const clean = text.replace(/\p{C}+/gu, ' ').trim();
  return clean.length <= 200 ? clean : `${clean.slice(0, 199)}…`;
}

/** A duration in words. */
export function lasting(ms: number): string {
  return ms < 1_000 ? `${Math.max(1, Math.round(ms))} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
