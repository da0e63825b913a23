/** `footfall completion`: what the Tab key offers in bash and zsh. */
import { Argument, type Command } from 'commander';
import type { StatusDocument } from '../local/document.ts';
import { DEFAULT_SOCKET, socketOf } from './socket.ts';

/** Somebody waits with a finger on the key. */
const PATIENCE_MS = 500;

/** @param whole gives the program with every verb, as its help shows it. */
export function register(program: Command, whole: () => Promise<Command>): void {
  const completion = program
    .command('completion')
    .description('print what makes the Tab key complete this command in a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh']))
    .addHelpText(
      'after',
      `
The installer of a box does this for every user. By hand, for oneself, put what is printed where the examples do, and open
a new shell. bash needs the package bash-completion for that; without it, put the text at the end of ~/.bashrc. zsh needs
"fpath+=(~/.zfunc)" before "autoload -Uz compinit; compinit" in ~/.zshrc. Names of sensors are asked of the running daemon.

Exit codes: 0 printed, 64 wrong use.

Examples:
  footfall completion bash > ~/.local/share/bash-completion/completions/footfall
  footfall completion zsh > ~/.zfunc/_footfall
  source <(footfall completion bash)`,
    )
    .action(async (shell: 'bash' | 'zsh') => print(shell, await whole()));
  completion
    .command('words', { hidden: true })
    .addArgument(new Argument('<what>').choices(['sensors']))
    .option('-s, --settings <FILE>', 'find the socket by this settings file')
    .option('--socket <PATH>', `the daemon's socket (default: ${DEFAULT_SOCKET})`)
    .action((_what: string, options: { settings?: string; socket?: string }) => sensors(options));
}

async function print(shell: 'bash' | 'zsh', program: Command): Promise<void> {
  const [{ shapesOf }, { bashScript }, { zshScript }] = await Promise.all([
    import('./completion/shape.ts'),
    import('./completion/bash.ts'),
    import('./completion/zsh.ts'),
  ]);
  const script = shell === 'bash' ? bashScript : zshScript;
  process.stdout.write(script(program.name(), shapesOf(program)));
}

/** Only these: bash expands what it is offered. */
const PLAIN = /^[\w.-]+$/;

/** One id a line. Nothing where no daemon answers: an error would land in the middle of what is being typed. */
async function sensors(options: { settings?: string; socket?: string }): Promise<void> {
  try {
    const { requestLocal } = await import('../local/client.ts');
    const path = await socketOf(options);
    const status = (await requestLocal(path, 'GET', '/status', undefined, PATIENCE_MS)) as StatusDocument;
    process.stdout.write(status.sensors.flatMap(({ id }) => (PLAIN.test(id) ? [`${id}\n`] : [])).join(''));
  } catch {
    // Nothing to offer.
  }
}
