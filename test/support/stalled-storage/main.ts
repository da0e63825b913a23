/** `footfall run` on a disk that stalls for good once the file that FOOTFALL_TEST_STALL names is there. */
import { Command } from 'commander';
import { register } from '../../../agent/cli/run.ts';

const program = new Command('footfall');
register(program, new URL('./worker.ts', import.meta.url));
await program.parseAsync();
