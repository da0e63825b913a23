/**
 * The settings that the centre asked for, as they are kept beside the database: the revision that was taken last, and what
 * was refused since. Keys that the file locks are left out, and told; anything else that does not fit is nothing of it.
 */
import { z } from 'zod';
import { lockOn, REMOTE_KEYS, whyNotAllowed } from './keys.ts';
import { idsOf, type Laid, lay, quoted } from './lay.ts';
import type { Override, RemoteOutcome } from './settings.ts';

export const REMOTE_FILE = 'remote-settings.json';
/** What the state message has room for, and what people read. */
const MOST_REASONS = 16;
const LONGEST_REASON = 240;
const MOST_KEYS = 100;

/** Names one message of the centre; a revision is echoed in logs, screens and the state message. */
export const REVISION = /^[\w.:+-]{1,64}$/;

const kept = z.object({
  revision: z.string().regex(REVISION).nullable(),
  values: z.record(z.string(), z.unknown()),
  rejected: z
    .object({ revision: z.string().max(64), reasons: z.array(z.string()) })
    .nullable()
    .default(null),
  zones: z.array(z.string()).default([]),
});

export interface KeptRemote {
  /** Of the message that was taken last; null before the first. */
  revision: string | null;
  /** All that it asked for, by key, locked ones included: a lock may go. */
  values: Record<string, unknown>;
  /** The message after it that was refused, and why; null where none was. */
  rejected: { revision: string; reasons: string[] } | null;
  /** Every zone that a remote revision has named so far: counting keeps a place for each. */
  zones: string[];
}

export const NOTHING_KEPT: KeptRemote = { revision: null, values: {}, rejected: null, zones: [] };

/** Null for what is no such file. */
export function readKept(file: unknown): KeptRemote | null {
  return kept.safeParse(file).data ?? null;
}

export interface RemoteLaid {
  laid: Laid;
  /** What is in force of it, by key. */
  values: Record<string, unknown>;
  locked: string[];
}

/** Lays a remote revision's values over the file; or every reason why not. */
export function layRemote(base: Laid, values: Readonly<Record<string, unknown>>): RemoteLaid | { reasons: string[] } {
  const all = Object.entries(values);
  const refused = all.flatMap(([key]) => {
    const why = whyNotAllowed(key, REMOTE_KEYS, idsOf(base));
    return why === null ? [] : [`${quoted(key)} ${why}`];
  });
  if (refused.length > 0) return { reasons: refused };
  // What is locked must be right too: the lock may go while nobody looks.
  const whole = lay(base, all);
  if ('reasons' in whole) return whole;
  const open = all.filter(([key]) => lockOn(key, base.settings.locked) === null);
  if (open.length === all.length) return { laid: whole, values: { ...values }, locked: [] };
  const laid = lay(base, open);
  if ('reasons' in laid) return laid;
  const inForce = Object.fromEntries(open);
  return { laid, values: inForce, locked: Object.keys(values).filter((key) => !Object.hasOwn(inForce, key)) };
}

/**
 * What became of the centre's last message; null before the first.
 * @param result what laying the kept revision over the file gave.
 * @param overrides those in force.
 */
export function remoteOutcome(
  { revision, rejected }: KeptRemote,
  result: RemoteLaid | { reasons: string[] },
  overrides: readonly Override[],
): RemoteOutcome | null {
  if (rejected !== null) return rejectedOutcome(rejected);
  if (revision === null) return null;
  if ('reasons' in result) return rejectedOutcome({ revision, reasons: result.reasons });
  const asked = Object.keys(result.values);
  const overridden = overrides.map(({ key }) => key).filter((key) => asked.some((one) => isPartOf(key, one)));
  return {
    revision,
    state: 'applied',
    reasons: [],
    overridden: atMost(overridden, MOST_KEYS),
    locked: atMost(result.locked, MOST_KEYS),
  };
}

export function rejectedOutcome({ revision, reasons }: { revision: string; reasons: string[] }): RemoteOutcome {
  return { revision, state: 'rejected', reasons: toldReasons(reasons), overridden: [], locked: [] };
}

/** Reasons as they are told: few, short, and without what may be a password before an "@". */
export function toldReasons(reasons: readonly string[]): string[] {
  const short = reasons.map((reason) => {
    const shown = reason.replace(/[^\s"]*@/g, '...@');
    return shown.length > LONGEST_REASON ? `${shown.slice(0, LONGEST_REASON)}...` : shown;
  });
  return atMost(short, MOST_REASONS);
}

/** True for a key and for all below it: an override of one day is a part of the hours. */
export function isPartOf(key: string, whole: string): boolean {
  return key === whole || key.startsWith(`${whole}.`);
}

function atMost(list: readonly string[], most: number): string[] {
  return list.length <= most ? [...list] : [...list.slice(0, most - 1), `and ${list.length - most + 1} more`];
}
