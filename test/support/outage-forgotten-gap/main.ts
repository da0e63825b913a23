/** `footfall run` with a gap row that is left out. */
import { Command } from 'commander';
import { register } from '../../../agent/cli/run.ts';

const program = new Command('footfall');
register(program, new URL('./worker.ts', import.meta.url));
await program.parseAsync();
