/** `footfall run` whose storage thread or whose event loop stands still for 3 s, once for each file that asks for it. */
import { existsSync, renameSync } from 'node:fs';
import { Command } from 'commander';
import { register } from '../../../agent/cli/run.ts';

const LOOK_MS = 50;
const STALL_MS = 3_000;

const asked = process.env.FOOTFALL_TEST_STALL_LOOP;
if (asked !== undefined) {
  setInterval(() => {
    if (!existsSync(asked)) return;
    renameSync(asked, `${asked}.done`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STALL_MS);
  }, LOOK_MS).unref();
}

const program = new Command('footfall');
register(program, new URL('./worker.ts', import.meta.url));
await program.parseAsync();
