/** Questions at a terminal, by Inquirer. */
import { fold } from '../view/width.ts';
import { type Asker, type Check, interrupted } from './asker.ts';

const LIST_ROWS = 10;
/** How Inquirer says that the person, or our signal, ended a question. */
const ENDINGS = ['ExitPromptError', 'AbortPromptError', 'CancelPromptError'];

/** A validation message starts with `> `. */
const MARK_WIDTH = 2;

interface Streams {
  input: NodeJS.ReadableStream;
  output: NodeJS.WritableStream;
}

/** @param signal ends the question that is open, and every later one. */
export function terminalAsker(streams: Streams, width: number, signal: AbortSignal): Asker {
  const validator = (check: Check | undefined, clean: (text: string) => string) => (text: string) => {
    const refusal = check?.(clean(text));
    return refusal === undefined || fold(refusal, width - MARK_WIDTH).join('\n  ');
  };
  // Loaded by the first question: a set-up by flags alone has no use for it.
  const load = () => import('@inquirer/prompts');

  async function open<Answer>(ask: (context: Streams & { signal: AbortSignal }) => Promise<Answer>): Promise<Answer> {
    const ended = new AbortController();
    let settled = false;
    // At Ctrl-D, or when the terminal is gone, readline closes; Inquirer notices it only when the process exits for want
    // of anything to do.
    const onPause = () => setImmediate(() => settled || ended.abort());
    for (const event of ['pause', 'end', 'close']) streams.input.on(event, onPause);
    try {
      return await ask({ ...streams, signal: AbortSignal.any([signal, ended.signal]) });
    } catch (error) {
      throw error instanceof Error && ENDINGS.includes(error.name) ? interrupted() : error;
    } finally {
      settled = true;
      for (const event of ['pause', 'end', 'close']) streams.input.removeListener(event, onPause);
    }
  }

  return {
    note: (line) => void streams.output.write(`${foldNote(line, width).join('\n')}\n`),
    async text({ message, default: preset, check }) {
      const { input } = await load();
      const config = {
        message,
        ...(preset === undefined ? {} : { default: preset }),
        validate: validator(check, (words) => words.trim()),
      };
      return (await open((context) => input(config, context))).trim();
    },
    async secret({ message, check }) {
      const { password } = await load();
      return open((context) => password({ message, mask: '*', validate: validator(check, (words) => words) }, context));
    },
    async confirm(question) {
      const { confirm } = await load();
      return open((context) => confirm(question, context));
    },
    async choose({ message, choices, default: preset }) {
      const { select } = await load();
      const config = { message, choices, loop: false, pageSize: LIST_ROWS };
      return open((context) => select(preset === undefined ? config : { ...config, default: preset }, context));
    },
    async several({ message, choices }) {
      const { checkbox } = await load();
      return open((context) =>
        checkbox({ message, choices, required: true, loop: false, pageSize: LIST_ROWS }, context),
      );
    },
    async search({ message, default: preset, find }) {
      const { search } = await load();
      const config = { message, source: find, pageSize: LIST_ROWS };
      return open((context) => search(preset === undefined ? config : { ...config, default: preset }, context));
    },
  };
}

/** Later lines keep the first one's indent. */
function foldNote(line: string, width: number): string[] {
  const indent = /^ */.exec(line)?.[0] ?? '';
  return fold(line.slice(indent.length), width - indent.length).map((part) => indent + part);
}
