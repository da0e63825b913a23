/** How a run ends, in words that can be kept: of an error, nothing that nobody vouches for. */
import { AgentError } from '../errors.ts';
import type { ToldEnd } from './run-record.ts';

const MAX_PLACES = 5;
/** A frame of a V8 stack trace: the file behind the function's name, with line and column. */
const FRAME = /^ {4}at (?:.* \()?(?:file:\/\/)?([^\s()]+\.[cm]?[jt]s|node:[\w/]+):(\d+):(\d+)\)?$/;
/** Where this program's own folders begin in a path. */
const OWN = /^.*?\/(?=(?:agent|drivers|node_modules|scripts|test)\/)/;

/**
 * The end by an error: `failed` while starting, `crashed` later. An AgentError is told in its own words, which hold no
 * address and no secret by its contract. Of any other error only its name, its system code and the places of its stack
 * are kept: its message might hold anything that came in.
 */
export function endOfFailure(error: unknown, atMs: number, how: 'failed' | 'crashed'): ToldEnd {
  const at_ms = Math.floor(atMs);
  if (error instanceof AgentError) return { how, at_ms, message: error.message, hint: error.hint };
  return {
    how,
    at_ms,
    message: `A fault of the program: ${described(error)}.`,
    hint: 'Please report it with a support bundle: footfall support-bundle',
  };
}

/** The end that somebody asked for. */
export function endOfSignal(signal: NodeJS.Signals, atMs: number): ToldEnd {
  return { how: 'stopped', at_ms: Math.floor(atMs), message: `Stopped by ${signal}.`, hint: '' };
}

function described(error: unknown): string {
  if (!(error instanceof Error)) return `thrown ${typeof error}`;
  const name = /^[A-Z][A-Za-z]{0,40}$/.test(error.name) ? error.name : 'Error';
  const code = 'code' in error && /^[A-Z][A-Z0-9_]{1,40}$/.test(String(error.code)) ? ` ${error.code}` : '';
  const places = placesOf(error);
  return `${name}${code}${places.length === 0 ? '' : ` at ${places.join(', ')}`}`;
}

function placesOf({ stack = '', message }: Error): string[] {
  // The message comes first in a stack, and a line of it could look like a frame.
  const at = stack.indexOf(message);
  const lines = at === -1 ? [] : stack.slice(at + message.length).split('\n');
  return lines
    .flatMap((line) => {
      const frame = FRAME.exec(line);
      return frame === null ? [] : [`${frame[1].replace(OWN, '')}:${frame[2]}:${frame[3]}`];
    })
    .slice(0, MAX_PLACES);
}
