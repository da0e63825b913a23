/** `footfall collect` with a fault: its tables have no unique key, so that what comes twice is stored twice. */
import { Command } from 'commander';
import { register } from '../../../agent/cli/collect.ts';

const program = new Command('footfall');
register(program, new URL('./no-unique-key-worker.ts', import.meta.url));
await program.parseAsync();
