/** The program's log: JSON lines to stdout with a level per module, and the last of them in memory for who asks. */
import { fstatSync } from 'node:fs';
import { type Logger, pino, symbols } from 'pino';
import { LOG_MODULES, type LogModule, type Settings } from './settings/settings.ts';

export type Log = (
  level: 'debug' | 'info' | 'warn' | 'error',
  fields: Record<string, unknown>,
  message: string,
) => void;

export interface LogOutput {
  /** Takes one line with its line end; must not throw. */
  write(line: string): void;
  flushSync?(): void;
}

export interface LoggingOptions {
  log: Settings['log'];
  /** Default: stdout. */
  output?: LogOutput;
  /** True where the output is the journal's, which takes each line's priority from its head. Default: asked of stdout. */
  journal?: boolean;
}

export interface Logging {
  /** A level that is filtered costs a call that does nothing. */
  logger(module: LogModule): Log;
  /** Takes effect at once, for loggers handed out before as well. */
  setLevels(log: Settings['log']): void;
  /** The last lines, oldest first, without line ends. */
  recent(): string[];
  flush(): void;
}

const STDOUT = 1;

export function createLogging({ log, output = stdout(), journal = isJournal(process.env) }: LoggingOptions): Logging {
  const ring = new LineRing();
  const stream = {
    // Has pino tell the level of each line.
    [symbols.needsMetadataGsym]: true as const,
    lastLevel: 0,
    write(line: string): void {
      ring.add(line.trimEnd());
      output.write(journal ? `<${priorityOf(stream.lastLevel)}>${line}` : line);
    },
  };
  const root = pino({ level: 'trace', base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream);
  const loggers = Object.fromEntries(LOG_MODULES.map((module) => [module, root.child({ module })])) as Record<
    LogModule,
    Logger
  >;
  const setLevels = ({ level, modules }: Settings['log']): void => {
    for (const module of LOG_MODULES) loggers[module].level = modules[module] ?? level;
  };
  setLevels(log);
  return {
    logger(module) {
      const logger = loggers[module];
      return (level, fields, message) => logger[level](fields, message);
    },
    setLevels,
    recent: () => ring.lines(),
    flush: () => output.flushSync?.(),
  };
}

/** Whether a descriptor is the journal's: JOURNAL_STREAM holds its device and inode (systemd.exec(5)). */
export function isJournal(environment: Readonly<Record<string, string | undefined>>, descriptor = STDOUT): boolean {
  if (environment.JOURNAL_STREAM === undefined) return false;
  try {
    const { dev, ino } = fstatSync(descriptor, { bigint: true });
    return environment.JOURNAL_STREAM === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

/** Syslog priority (sd-daemon(3)) of a pino level. */
function priorityOf(level: number): number {
  if (level >= 50) return 3;
  if (level >= 40) return 4;
  return level >= 30 ? 6 : 7;
}

function stdout(): LogOutput {
  // A worker that writes for us would lose its last lines at the end; journald does the rest.
  const destination = pino.destination({ fd: STDOUT, sync: true });
  // Counting goes on where nobody reads the log any more.
  destination.on('error', () => undefined);
  return destination;
}

/** The last lines, bounded in number and in bytes. */
export class LineRing {
  readonly #mostLines: number;
  readonly #mostBytes: number;
  readonly #lines: string[] = [];
  #bytes = 0;

  constructor(mostLines = 1_000, mostBytes = 256 * 1_024) {
    this.#mostLines = mostLines;
    this.#mostBytes = mostBytes;
  }

  add(line: string): void {
    this.#lines.push(line);
    this.#bytes += Buffer.byteLength(line);
    while (this.#lines.length > this.#mostLines || this.#bytes > this.#mostBytes) {
      this.#bytes -= Buffer.byteLength(this.#lines.shift() ?? '');
    }
  }

  lines(): string[] {
    return [...this.#lines];
  }
}
