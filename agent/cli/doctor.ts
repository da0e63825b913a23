/** `footfall doctor`: everything a gateway needs, looked at one by one; what was found, and how to mend it. */
import { type Command, Option } from 'commander';
import { CHAPTERS, type Chapter, type Finding } from '../doctor/finding.ts';
import { AgentError, reasonOf } from '../errors.ts';
import { VERSION } from '../version.ts';
import { endingWith, INTERRUPTED } from './exit-codes.ts';

const NOT_EXAMINED = 3;
const ERASE_LINE = '\r\u001b[K';

interface Options {
  settings?: string;
  socket?: string;
  json?: boolean;
  only?: Chapter[];
  offline?: boolean;
}

export function register(program: Command): void {
  program
    .command('doctor')
    .description('examine this box: what was tried, what was found, how to mend it')
    .option('-s, --settings <FILE>', 'the settings file (default: /etc/footfall/footfall.yaml)')
    .option('--socket <PATH>', "the daemon's socket (default: in the settings' runtime directory)")
    .option('--json', 'print the findings as JSON')
    .addOption(new Option('--only <CHAPTER...>', 'look at these chapters only').choices(CHAPTERS))
    .option('--offline', 'leave out what needs the network')
    .addHelpText(
      'after',
      `
Changes nothing, but for a small file that is written, synced and removed in the storage directory, and a probe that a
collector acknowledges and does not keep. A port that the daemon has open is not opened again. As root it sees more:
sudo footfall doctor.

Exit codes: 0 all well, 1 warnings only, 2 errors, 3 could not examine, 64 wrong use, 130 interrupted.

Examples:
  footfall doctor
  footfall doctor --only sensors storage
  footfall doctor --settings shop.yaml --offline
  footfall doctor --json | jq '.findings[] | select(.outcome == "error")'`,
    )
    .action(doctor);
}

async function doctor(options: Options): Promise<void> {
  const interrupt = new AbortController();
  const progress = new Progress(process.stderr);
  const stop = () => {
    // Ends the programs that were started; what else is under way is not waited for.
    interrupt.abort();
    progress.clear();
    process.exit(INTERRUPTED);
  };
  process.once('SIGINT', stop);
  process.stdout.on('error', endQuietly);
  try {
    process.exitCode = await run(options, progress, interrupt.signal);
  } catch (error) {
    const hint = error instanceof AgentError ? error.hint : 'Send the output of: footfall support-bundle';
    const told = new AgentError('not_examined', `could not examine this box: ${reasonOf(error)}`, hint, {
      cause: error,
    });
    throw endingWith(told, NOT_EXAMINED);
  } finally {
    process.off('SIGINT', stop);
  }
}

/** Whoever reads has seen enough, as in `footfall doctor | head`. */
function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit();
  throw error;
}

async function run(options: Options, progress: Progress, signal: AbortSignal): Promise<number> {
  const [{ examine, exitCodeOf }, { realDeps }, { DoctorView }, { terminalOf }] = await Promise.all([
    import('../doctor/examine.ts'),
    import('../doctor/real.ts'),
    import('./view/doctor.ts'),
    import('./view/style.ts'),
  ]);
  const deps = realDeps(async (places) => (await import('../last-known.ts')).lastKnown(places), signal);
  const view = new DoctorView(terminalOf(process.stdout, process.env));
  const findings: Finding[] = [];
  const { settings, socket, only, offline, json } = options;
  const wanted = {
    ...(settings !== undefined && { settings }),
    ...(socket !== undefined && { socket }),
    ...(only !== undefined && { chapters: only }),
    ...(offline !== undefined && { offline }),
    signal,
    onProgress: (running: readonly Chapter[]) => progress.show(running),
  };
  for await (const finding of examine(wanted, deps)) {
    findings.push(finding);
    if (json) continue;
    progress.clear();
    process.stdout.write(view.add(finding));
    progress.draw();
  }
  progress.clear();
  process.stdout.write(json ? toJson(findings) : view.summary());
  return exitCodeOf(findings);
}

function toJson(findings: readonly Finding[]): string {
  const count = (outcome: Finding['outcome']) => findings.filter((finding) => finding.outcome === outcome).length;
  const document = {
    v: 1,
    at_ms: Date.now(),
    version: VERSION,
    findings,
    errors: count('error'),
    warnings: count('warning'),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** One line on the terminal that says what is still being looked at; nothing anywhere else. */
class Progress {
  readonly #stream: NodeJS.WriteStream;
  #text = '';

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  show(running: readonly Chapter[]): void {
    this.#text = running.length === 0 ? '' : `  looking at ${running.join(', ')} ...`;
    this.draw();
  }

  draw(): void {
    if (this.#stream.isTTY) this.#stream.write(ERASE_LINE + this.#text.slice(0, (this.#stream.columns ?? 80) - 1));
  }

  clear(): void {
    if (this.#stream.isTTY) this.#stream.write(ERASE_LINE);
  }
}
