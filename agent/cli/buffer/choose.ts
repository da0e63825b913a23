/** Which dead letters a command is about. Pure. */
import { AgentError } from '../../errors.ts';
import type { DeadLetter } from '../../local/dead-letters.ts';
import { endingWith, WRONG_USE } from '../exit-codes.ts';

/** Why a dead letter with this code cannot be sent again, by code. */
const FINAL: ReadonlyMap<string, string> = new Map([
  ['conflict', 'the collector holds other bytes under this sequence'],
  ['damaged', 'its bytes are not those that were sealed'],
]);
const NAMED = 10;

export interface Choice {
  chosen: DeadLetter[];
  /** Asked for by "all", and not able to. */
  left: DeadLetter[];
}

export interface Wanted {
  sequences: ReadonlySet<number>;
  all: boolean;
}

/** Throws `wrong_use` unless either sequences are named or all are meant. */
export function wantedOf(sequences: readonly number[], { all = false }: { all?: boolean }): Wanted {
  if (all !== sequences.length > 0) return { sequences: new Set(sequences), all };
  const hint = 'See what there is: footfall buffer list';
  const message = `expected sequences or --all, found ${all ? 'both' : 'neither'}`;
  throw endingWith(new AgentError('wrong_use', message, hint), WRONG_USE);
}

/**
 * Throws `dead_letter_unknown` for a sequence that is none, and `dead_letter_final` for one that is named and that `able`
 * refuses.
 */
export function choose(
  letters: readonly DeadLetter[],
  wanted: Wanted,
  able: (letter: DeadLetter) => boolean = () => true,
): Choice {
  const asked = letters.filter(({ sequence }) => wanted.all || wanted.sequences.has(sequence));
  const known = new Set(asked.map(({ sequence }) => sequence));
  const unknown = [...wanted.sequences].filter((sequence) => !known.has(sequence));
  if (unknown.length > 0) {
    throw new AgentError(
      'dead_letter_unknown',
      `expected sequences of dead letters, found none of ${namesOf(unknown)}`,
      'Nothing was done. See what there is: footfall buffer list',
    );
  }
  const left = asked.filter((letter) => !able(letter));
  if (left.length > 0 && !wanted.all) {
    throw new AgentError(
      'dead_letter_final',
      `expected dead letters that are whole and not in conflict, found ${left.slice(0, NAMED).map(whyFinal).join('; ')}`,
      'Nothing was done. Leave them out; footfall buffer drop gives them up.',
    );
  }
  return { chosen: asked.filter(able), left };
}

/** Whether it can be sent again as it was sealed. */
export function isResendable({ code }: DeadLetter): boolean {
  return !FINAL.has(code);
}

export function isWhole({ code }: DeadLetter): boolean {
  return code !== 'damaged';
}

/** `1042 (conflict: ...)`. */
export function whyFinal({ sequence, code }: DeadLetter): string {
  return `${sequence} (${code}: ${FINAL.get(code) ?? 'it cannot be sent again'})`;
}

/** The first of them, and how many more there are. */
export function namesOf(sequences: readonly number[]): string {
  const more = sequences.length - NAMED;
  return sequences.slice(0, NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

export function lettersText(count: number): string {
  return `${count} dead ${count === 1 ? 'letter' : 'letters'}`;
}
