/** `footfall sensors reset`: a door counter's totals set to 0, by hand alone. */
import type { Command } from 'commander';
import { AgentError } from '../../errors.ts';
import { endingWith, WRONG_USE } from '../exit-codes.ts';
import type { Places } from '../observe.ts';
import type { ResetOutcome } from './reset-plan.ts';

const NOT_OPENED = 2;
const IN_USE = 3;

interface Options extends Places {
  yes?: boolean;
  json?: boolean;
}

export function register(sensors: Command): void {
  sensors
    .command('reset')
    .description("set a door counter's totals to 0")
    .argument('<ID>', 'sensor of the settings')
    .option('--yes', 'really do it')
    .option('-s, --settings <FILE>', 'settings file, which also finds the daemon')
    .option('--socket <PATH>', "the daemon's socket")
    .option('--json', 'print {"id", "done", "before", "acknowledged", "after"}')
    .addHelpText(
      'after',
      `
Never needed in normal use: the daemon counts by differences. For counters on
Modbus whose profile knows a reset, HPC168, TeraRanger and turnstiles. A unit
that resets all its channels at once resets those of other doors too.

Exit codes: 0 reset, 1 not reset or not known how, 2 the port cannot be opened,
3 the daemon has it open: stop it first, 64 wrong use.

Examples:
  footfall sensors reset main-door --yes
  footfall sensors reset main-door --yes --json | jq .before`,
    )
    .action(run);
}

async function run(id: string, options: Options): Promise<void> {
  const [{ resetPlan, resetOn }, { portLine }, { realClock }] = await Promise.all([
    import('./reset-plan.ts'),
    import('../../../drivers/detect/port-line.ts'),
    import('../../platform/clock.ts'),
  ]);
  const plan = await resetPlan(id, options);
  if (options.yes !== true) {
    const message = `expected --yes: this sets the totals of ${plan.what} to 0, and they cannot be had back`;
    throw endingWith(
      new AgentError('reset_unconfirmed', message, `Do it: footfall sensors reset ${id} --yes`),
      WRONG_USE,
    );
  }
  if (plan.holders.length > 0) {
    const message = `the daemon has the line open, for ${plan.holders.join(', ')}`;
    const hint = 'Stop it, reset, and start it again: sudo systemctl stop footfall';
    throw endingWith(new AgentError('port_in_use', message, hint), IN_USE);
  }
  const clock = realClock();
  const outcome = await resetOn(portLine(plan.port, clock), clock, plan).catch((error: unknown) => {
    throw error instanceof AgentError && error.code === 'port_unopenable' ? endingWith(error, NOT_OPENED) : error;
  });
  if (!outcome.isDone) process.exitCode = 1;
  if (options.json) process.stdout.write(`${JSON.stringify({ id, ...told(outcome) }, null, 2)}\n`);
  else {
    const [{ renderReset }, { terminalOf }] = await Promise.all([
      import('../view/sensors-reset.ts'),
      import('../view/style.ts'),
    ]);
    process.stdout.write(renderReset({ id, what: plan.what, ...outcome }, terminalOf(process.stdout, process.env)));
  }
}

/** Keys as in every JSON document of the product. */
function told({ isDone, ...rest }: ResetOutcome): object {
  return { done: isDone, ...rest };
}
