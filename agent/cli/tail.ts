/** `footfall tail`: what the daemon hears, seals and sends, as it happens. */
import { type Command, InvalidArgumentError } from 'commander';
import { AgentError, reasonOf } from '../errors.ts';
import type { StatusDocument } from '../local/document.ts';
import { TAIL_KINDS, type TailEvent, type TailKind } from '../local/tail.ts';
import { endingWith, WRONG_USE } from './exit-codes.ts';
import { decimal } from './options.ts';
import { DEFAULT_SOCKET, socketOf } from './socket.ts';

const NO_DAEMON = 3;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface Options {
  settings?: string;
  socket?: string;
  kind?: TailKind[];
  json?: boolean;
  for?: number;
  limit?: number;
}

export function register(program: Command): void {
  program
    .command('tail')
    .description('what the daemon hears, seals and sends, as it happens')
    .argument('[sensor...]', 'only what these sensors say; windows and messages then only where --kind names them')
    .option('-k, --kind <KINDS>', `only these, with commas between: ${TAIL_KINDS.join(', ')}`, kinds)
    .option('--json', 'print JSON lines, times in milliseconds UTC')
    .option('--for <SECONDS>', 'end after this long', decimal)
    .option('-n, --limit <COUNT>', 'end after this many events', atLeastOne)
    .option('-s, --settings <FILE>', 'find the socket by this settings file')
    .option('--socket <PATH>', `the daemon's socket (default: ${DEFAULT_SOCKET})`)
    .addHelpText(
      'after',
      `
Devices are shown by half of today's keyed hash: the same device keeps its digits for the day, and no address can be
worked out from them. A sighting ends with the fingerprint of what the device says it can do, where its format has that.
Times are the store's own. Ends on Ctrl-C.

Exit codes: 0 ended as asked, 1 the output could not be written, 3 no daemon answers, or it refused or ended,
64 wrong use.

Examples:
  footfall tail
  footfall tail front-wifi --limit 20
  footfall tail --kind door,window
  footfall tail --json --for 60 --kind sighting | jq -r .device | sort -u | wc -l`,
    )
    .action(tail);
}

async function tail(sensors: string[], options: Options): Promise<void> {
  const { requestLocal, streamLocal } = await import('../local/client.ts');
  const path = await socketOf(options).catch(noDaemon);
  const status = (await requestLocal(path, 'GET', '/status').catch(noDaemon)) as StatusDocument;
  checkNames(sensors, status);
  const show = options.json ? null : await viewOf(status);
  const end = new AbortController();
  const stop = (): void => end.abort();
  const timer = options.for === undefined ? null : setTimeout(stop, Math.min(options.for * 1_000, LONGEST_TIMER_MS));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  let failure: NodeJS.ErrnoException | null = null;
  process.stdout.on('error', (error) => {
    failure ??= error;
    stop();
  });
  let left = options.limit ?? Number.POSITIVE_INFINITY;
  const onLine = (line: string): Promise<void> | void => {
    const written = write(`${show === null ? line : show(JSON.parse(line) as TailEvent)}\n`, end.signal);
    if (--left <= 0) stop();
    return written;
  };
  try {
    await streamLocal(path, routeOf(sensors, options.kind ?? []), onLine, end.signal).catch(noDaemon);
  } finally {
    if (timer !== null) clearTimeout(timer);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeListener(signal, stop);
  }
  checkOutput(failure);
  if (!end.signal.aborted) {
    const error = new AgentError('daemon_ended', `the daemon on ${path} ended`, 'See how it is: footfall status');
    throw endingWith(error, NO_DAEMON);
  }
}

/** A reader that has seen enough, as `head` has, is no failure. */
function checkOutput(failure: NodeJS.ErrnoException | null): void {
  if (failure === null || failure.code === 'EPIPE') return;
  throw new AgentError('output_failed', `cannot write the output: ${reasonOf(failure)}`, 'Is the disk full?', {
    cause: failure,
  });
}

/** Each line whole. Resolves when the reader has room again, so that one who is slow slows the stream, not the memory. */
function write(text: string, end: AbortSignal): Promise<void> | void {
  if (process.stdout.write(text) || end.aborted) return;
  return new Promise((resolve) => {
    const go = (): void => {
      process.stdout.off('drain', go);
      end.removeEventListener('abort', go);
      resolve();
    };
    process.stdout.once('drain', go);
    end.addEventListener('abort', go);
  });
}

async function viewOf(status: StatusDocument): Promise<(event: TailEvent) => string> {
  const [{ TailView }, { painter, terminalOf }] = await Promise.all([
    import('./view/tail.ts'),
    import('./view/style.ts'),
  ]);
  const paint = painter(terminalOf(process.stdout, process.env).colour);
  const view = new TailView({ timeZone: status.time_zone, sensors: status.sensors.map(({ id }) => id), paint });
  return (event) => view.line(event);
}

function checkNames(sensors: readonly string[], status: StatusDocument): void {
  const known = status.sensors.map(({ id }) => id);
  const unknown = sensors.filter((sensor) => !known.includes(sensor));
  if (unknown.length === 0) return;
  const error = new AgentError(
    'sensor_unknown',
    `expected the name of a sensor, received ${unknown.map((name) => `"${name}"`).join(', ')}`,
    known.length === 0 ? 'This daemon has no sensors.' : `There are: ${known.join(', ')}`,
  );
  throw endingWith(error, WRONG_USE);
}

function noDaemon(error: unknown): never {
  // The command's main reads the exit code off the error.
  throw endingWith(error, NO_DAEMON);
}

function routeOf(sensors: readonly string[], kinds: readonly TailKind[]): string {
  const query = new URLSearchParams();
  for (const sensor of sensors) query.append('sensor', sensor);
  for (const kind of kinds) query.append('kind', kind);
  return `/tail?${query}`;
}

function kinds(text: string, before: TailKind[] = []): TailKind[] {
  const named = text.split(',').map((word) => word.trim());
  const unknown = named.filter((word) => !isKind(word));
  if (unknown.length > 0) {
    throw new InvalidArgumentError(`expected ${TAIL_KINDS.join(', ')}, received "${unknown.join(',')}"`);
  }
  return [...before, ...named.filter(isKind)];
}

function isKind(word: string): word is TailKind {
  return (TAIL_KINDS as readonly string[]).includes(word);
}

function atLeastOne(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new InvalidArgumentError(`expected a whole number of at least 1, received "${text}"`);
  }
  return count;
}
