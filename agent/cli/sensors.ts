/** `footfall sensors`: what is plugged in, what is configured, and whether it counts right. */
import type { Command } from 'commander';
import { register as calibrate } from './sensors/calibrate.ts';
import { register as detect } from './sensors/detect.ts';
import { register as list } from './sensors/list.ts';
import { register as reset } from './sensors/reset.ts';
import { register as test } from './sensors/test.ts';

export function register(program: Command): void {
  const sensors = program
    .command('sensors')
    .description('find what is plugged in, list, test, calibrate and reset sensors')
    .addHelpText(
      'after',
      `
Each command has a help of its own: footfall sensors detect --help

Exit codes: 0 well, 1 nothing found or not well, 64 wrong use; each command's
help tells the others.

Examples:
  footfall sensors detect
  footfall sensors list
  footfall sensors test main-door --walk`,
    );
  for (const add of [detect, list, test, calibrate, reset]) add(sensors);
}
