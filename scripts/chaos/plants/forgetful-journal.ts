/** `footfall run` with a fault: see the worker. */
import { Command } from 'commander';
import { register } from '../../../agent/cli/run.ts';

const program = new Command('footfall');
register(program, new URL('./forgetful-journal-worker.ts', import.meta.url));
await program.parseAsync();
