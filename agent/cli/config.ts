/** `footfall config`: a settings file checked, the settings in force shown, where they come from, and overrides. */
import type { Command } from 'commander';
import type { Settings } from '../settings/settings.ts';
import * as override from './config-override.ts';
import * as show from './config-show.ts';
import { DEFAULT_SETTINGS } from './socket.ts';

export function register(program: Command): void {
  const config = program
    .command('config')
    .description('check a settings file, see what is in force, try a value')
    .addHelpText(
      'after',
      `
Each command has a help of its own: footfall config check --help

Exit codes: 0 well, 1 mistakes, unreadable or refused, 64 wrong use.

Examples:
  footfall config check
  footfall config show
  footfall config origin counting
  footfall config override log.level debug --for 30m`,
    );
  config
    .command('check')
    .description('tell every mistake in a settings file with its line')
    .argument('[FILE]', 'settings file, YAML', DEFAULT_SETTINGS)
    .option('--json', 'print {"ok", "mistakes": [{"line", "column", "path", "message"}]}')
    .addHelpText(
      'after',
      `
Touches nothing but the file: ports, certificates and the broker are not looked at.

Exit codes: 0 no mistake, 1 mistakes or unreadable, 64 wrong use.

Examples:
  footfall config check
  footfall config check shop.yaml --json`,
    )
    .action(check);
  show.register(config);
  override.register(config);
}

async function check(file: string, options: { json?: boolean }): Promise<void> {
  const { checkSettings, formatMistake, readSettingsFile } = await import('../settings/load.ts');
  const checked = checkSettings(readSettingsFile(file));
  const mistakes = 'mistakes' in checked ? checked.mistakes : [];
  if (mistakes.length > 0) process.exitCode = 1;
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ ok: mistakes.length === 0, mistakes }, null, 2)}\n`);
  } else if ('settings' in checked) {
    process.stdout.write(`${file}: no mistakes\n${summarise(checked.settings)}`);
  } else {
    const found = mistakes.length === 1 ? '1 mistake' : `${mistakes.length} mistakes`;
    process.stdout.write(`${mistakes.map((mistake) => `${formatMistake(file, mistake)}\n`).join('')}${found}\n`);
  }
}

/** What the file says, in words, to compare with what was meant. */
function summarise({ tenant, gateway, store, sensors, counting, uplink }: Settings): string {
  const sensorLines = sensors.map(
    ({ id, driver, role, place }) => `  ${id}: ${driver}, ${role === place ? role : `${role} ${place}`}`,
  );
  return [
    `  gateway ${tenant}/${gateway}, store ${store.id} (${store.timeZone}), windows of ${counting.windowMinutes} min`,
    ...sensorLines,
    uplink ? `  uplink to ${uplink.url}` : '  no uplink: nothing is sent',
    '',
  ].join('\n');
}
