/** Colour by meaning, from the terminal's own 16 colours, so that it fits light and dark themes. */
export type Tone = 'plain' | 'strong' | 'dim' | 'good' | 'warn' | 'bad';

const CODES: Record<Tone, string> = { plain: '', strong: '1', dim: '2', good: '32', warn: '33', bad: '31' };
const ESCAPE = '\u001b';

export type Paint = (tone: Tone, text: string) => string;

/** A painter; without colour it leaves the text as it is. */
export function painter(colour: boolean): Paint {
  return (tone, text) => {
    const code = CODES[tone];
    return !colour || code === '' || text === '' ? text : `${ESCAPE}[${code}m${text}${ESCAPE}[0m`;
  };
}

/** What the terminal can show. Without a terminal, and on one that does not know its width: 80 columns, plain (https://no-color.org). */
export function terminalOf(
  stream: { isTTY?: boolean; columns?: number },
  environment: Readonly<Record<string, string | undefined>>,
): { width: number; colour: boolean } {
  const colour = stream.isTTY === true && !environment.NO_COLOR && environment.TERM !== 'dumb';
  return { width: Math.min(Math.max(stream.columns || 80, 72), 120), colour };
}
