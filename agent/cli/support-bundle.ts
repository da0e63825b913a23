/** `footfall support-bundle`: what support needs to know of a box, in one file that holds no secret and no address. */
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { AgentError } from '../errors.ts';
import { ENDED_BY, endingWith, WRONG_USE } from './exit-codes.ts';
import { DEFAULT_SETTINGS, DEFAULT_SOCKET } from './socket.ts';
import type { Bundle } from './support-bundle/collect.ts';

const ERASE_LINE = '\r\u001b[K';

interface Options {
  settings?: string;
  socket?: string;
  output?: string;
  yes?: boolean;
  list?: boolean;
}

export function register(program: Command): void {
  program
    .command('support-bundle')
    .description('pack what support needs to know of this box into one file')
    .option('-s, --settings <FILE>', `the settings file (default: ${DEFAULT_SETTINGS})`)
    .option('--socket <PATH>', `the daemon's socket (default: that of the settings, else ${DEFAULT_SOCKET})`)
    .option('-o, --output <FILE>', 'the file or directory to write to (default: footfall-GATEWAY-TIME.tar.gz here)')
    .option('-y, --yes', 'write it without asking')
    .option('--list', 'show what would be in it, and write nothing')
    .addHelpText(
      'after',
      `
Holds logs, settings, status, health history, sizes of the database, the doctor's findings, metrics and facts of the
system. Never the database, keys, hashes of devices or passwords; a last look masks every hardware address, and the
manifest tells how many it found. Works while the daemon is down. As root it sees more: sudo footfall support-bundle.

Changes nothing on the box but for what footfall doctor tries. A part that cannot be had is named in the manifest with
the reason.

Exit codes: 0 written or listed, 1 not written, 64 wrong use, 129, 130 or 143 interrupted.

Examples:
  sudo footfall support-bundle
  sudo footfall support-bundle --list
  sudo footfall support-bundle --yes --output /media/usb/`,
    )
    .action(supportBundle);
}

async function supportBundle(options: Options): Promise<void> {
  const asks = !options.yes && !options.list;
  if (asks && !(process.stdin.isTTY && process.stdout.isTTY)) {
    const error = new AgentError(
      'bundle_unasked',
      'expected a terminal to ask at, found none',
      'Look at what would be in it with --list, then write it with --yes.',
    );
    throw endingWith(error, WRONG_USE);
  }
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever reads the list has seen enough; the bundle is written all the same.
    if (error.code !== 'EPIPE') throw error;
  });
  const ended = new AbortController();
  const progress = new Progress(process.stderr);
  for (const [signal, code] of Object.entries(ENDED_BY)) {
    process.once(signal, () => {
      progress.clear();
      process.exitCode = code;
      ended.abort();
    });
  }
  try {
    await run(options, asks, progress, ended.signal);
  } catch (error) {
    if (!ended.signal.aborted && (error as { code?: string }).code !== 'setup_interrupted') throw error;
    process.exitCode ||= ENDED_BY.SIGINT;
    process.stderr.write('\nEnded: nothing was written.\n');
  }
  // A part that nobody waits for any more may still be under way.
  if (ended.signal.aborted) process.exit();
}

async function run(options: Options, asks: boolean, progress: Progress, signal: AbortSignal): Promise<void> {
  const [{ collect }, { renderList }, { terminalOf }] = await Promise.all([
    import('./support-bundle/collect.ts'),
    import('./support-bundle/present.ts'),
    import('./view/style.ts'),
  ]);
  const nowMs = Date.now();
  const { settings, socket } = options;
  const bundle = await orAborted(
    collect(
      { ...(settings !== undefined && { settings }), ...(socket !== undefined && { socket }) },
      { nowMs, environment: process.env, signal, onProgress: (awaited) => progress.show(awaited) },
    ),
    signal,
  );
  progress.clear();
  const terminal = terminalOf(process.stdout, process.env);
  process.stdout.write(renderList(bundle, terminal));
  if (bundle.unexpected > 0) {
    process.stderr.write(
      `warning: ${bundle.unexpected} texts that should not have been there were masked; the manifest tells in which ` +
        'files. Please tell support: it is a fault of the product.\n',
    );
  }
  if (options.list) return;
  const name = nameOf(bundle, nowMs);
  const path = pathOf(options.output, name);
  if (asks && !(await confirmed(path, terminal.width, signal))) {
    process.stdout.write('Nothing was written.\n');
    process.exitCode = 1;
    return;
  }
  const [{ writeArchive }, { formatBytes }] = await Promise.all([
    import('./support-bundle/archive.ts'),
    import('./view/format.ts'),
  ]);
  const bytes = await writeArchive(path, name, bundle.files, signal);
  process.stdout.write(`Written: ${path} (${formatBytes(bytes)})\n`);
}

async function confirmed(path: string, width: number, signal: AbortSignal): Promise<boolean> {
  const { terminalAsker } = await import('./setup/terminal.ts');
  const asker = terminalAsker({ input: process.stdin, output: process.stdout }, width, signal);
  return asker.confirm({ message: `Write this to ${path}?`, default: true });
}

/** Of the gateway and the time, UTC: bundles of several boxes lie side by side. */
function nameOf({ gateway }: Bundle, nowMs: number): string {
  return `footfall-${gateway}-${new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
}

function pathOf(output: string | undefined, name: string): string {
  const file = `${name}.tar.gz`;
  if (output === undefined) return resolve(file);
  const isDirectory = output.endsWith('/') || statSync(output, { throwIfNoEntry: false })?.isDirectory() === true;
  return isDirectory ? resolve(join(output, file)) : resolve(output);
}

function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_done, failed) => {
    signal.addEventListener('abort', () => failed(signal.reason), { once: true });
  });
  return Promise.race([work, aborted]);
}

/** What is still awaited: one line that changes on a terminal, a line at the start and at the end elsewhere. */
class Progress {
  readonly #stream: NodeJS.WriteStream;
  #total: number | null = null;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  show(awaited: readonly string[]): void {
    const first = this.#total === null;
    this.#total ??= awaited.length;
    if (this.#stream.isTTY) {
      const text = `  ${this.#total - awaited.length} of ${this.#total} gathered, waiting for ${awaited.join(', ')}`;
      this.#stream.write(ERASE_LINE + text.slice(0, (this.#stream.columns ?? 80) - 1));
    } else if (first) this.#stream.write(`gathering ${this.#total} parts ...\n`);
    else if (awaited.length === 0) this.#stream.write(`gathered ${this.#total} parts\n`);
  }

  clear(): void {
    if (this.#stream.isTTY) this.#stream.write(ERASE_LINE);
  }
}
