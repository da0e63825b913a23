/** `footfall collect` with a fault: a commit is put off for a moment, and the acknowledgements do not wait for it. */
import { Command } from 'commander';
import { register } from '../../../agent/cli/collect.ts';

const program = new Command('footfall');
register(program, new URL('./early-acknowledgement-worker.ts', import.meta.url));
await program.parseAsync();
