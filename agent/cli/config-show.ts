/** `footfall config show` and `config origin`: the settings in force, and where each of them comes from. */
import type { Command } from 'commander';
import type { Origin } from '../settings/settings.ts';
import { DEFAULT_SETTINGS } from './socket.ts';

export function register(config: Command): void {
  config
    .command('show')
    .description('print the settings in force with every default, as a settings file')
    .argument('[FILE]', 'settings file, YAML', DEFAULT_SETTINGS)
    .option('--json', 'print them as JSON')
    .addHelpText(
      'after',
      `
In force is the file, over it what the central platform set, over that local overrides. While the file is broken it is
the last good copy. No password is ever part of the settings.

Exit codes: 0 shown, 1 the settings cannot be read and there is no good copy, 64 wrong use.

Examples:
  footfall config show
  footfall config show shop.yaml --json | jq .counting`,
    )
    .action(show);
  config
    .command('origin')
    .description('tell where the settings in force come from: default, line of the file, remote, override')
    .argument('[KEY]', 'a key, a section, or a pattern such as sensors.*.gate_dbm')
    .option('-s, --settings <FILE>', 'settings file, YAML', DEFAULT_SETTINGS)
    .option('--json', 'print [{"key", "value", "layer", "line", "revision", "until_ms"}]')
    .addHelpText(
      'after',
      `
Exit codes: 0 told, 1 no such key, or settings that cannot be read, 64 wrong use.

Examples:
  footfall config origin
  footfall config origin counting
  footfall config origin 'sensors.*.gate_dbm' --settings shop.yaml`,
    )
    .action(origin);
}

async function show(file: string, options: { json?: boolean }): Promise<void> {
  const [{ readAll }, { showSettings }] = await Promise.all([
    import('../settings/effective.ts'),
    import('../settings/written.ts'),
  ]);
  const { base, layered } = readAll({ path: file, nowMs: Date.now() });
  warn(base.mistakes, layered.notes);
  process.stdout.write(options.json ? `${JSON.stringify(layered.file, null, 2)}\n` : showSettings(layered.file));
}

async function origin(key: string | undefined, options: { settings: string; json?: boolean }): Promise<void> {
  const [{ readAll }, { originsIn }] = await Promise.all([
    import('../settings/effective.ts'),
    import('../settings/origins.ts'),
  ]);
  const nowMs = Date.now();
  const all = readAll({ path: options.settings, nowMs });
  const origins = originsIn(all);
  warn(all.base.mistakes, all.layered.notes);
  const told = key === undefined ? origins : await select(origins, key);
  if (options.json) {
    const rows = told.map(({ untilMs, ...rest }) => ({ ...rest, ...(untilMs !== undefined && { until_ms: untilMs }) }));
    process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    return;
  }
  const [{ renderTable }, { painter, terminalOf }, { LocalTime }] = await Promise.all([
    import('./view/table.ts'),
    import('./view/style.ts'),
    import('./view/format.ts'),
  ]);
  const { width, colour } = terminalOf(process.stdout, process.env);
  const time = new LocalTime(all.layered.settings.store.timeZone);
  const file = all.base.origin === 'last_good' ? 'last good line' : 'line';
  const rows = told.map((one) => [
    one.key,
    textOf(one.value),
    { text: placeOf(one, file, time, nowMs), tone: one.layer === 'override' ? ('warn' as const) : ('plain' as const) },
  ]);
  const columns = [{ title: 'KEY' }, { title: 'VALUE', shrinkTo: 20 }, { title: 'FROM' }];
  process.stdout.write(`${renderTable(columns, rows, { width, paint: painter(colour) }).join('\n')}\n`);
}

async function select(origins: readonly Origin[], key: string): Promise<Origin[]> {
  const { covers } = await import('../settings/keys.ts');
  const found = origins.filter((one) => covers(key, one.key));
  if (found.length > 0) return found;
  const [{ AgentError }, { nearest }] = await Promise.all([import('../errors.ts'), import('../settings/nearest.ts')]);
  const known = new Set(origins.flatMap((one) => [one.key, one.key.split('.')[0]]));
  const meant = nearest(key, known);
  throw new AgentError(
    'settings_key_unknown',
    `expected a key that these settings have a value for, received "${key}"`,
    meant ? `Did you mean ${meant}?` : 'All of them: footfall config origin',
  );
}

function placeOf(one: Origin, file: string, time: { time(ms: number, now: number): string }, nowMs: number): string {
  if (one.layer === 'override') return `override until ${time.time(one.untilMs ?? nowMs, nowMs)}`;
  if (one.layer === 'remote') return `remote ${one.revision}`;
  return one.layer === 'file' ? `${file} ${one.line}` : 'default';
}

/** A value of the settings as one would write it. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** What does not belong into the output, on stderr. */
function warn(mistakes: readonly string[], notes: readonly string[]): void {
  if (mistakes.length > 0) process.stderr.write(`${mistakes.join('\n')}\nshown is the last good copy of the file\n`);
  for (const note of notes) process.stderr.write(`note: ${note}\n`);
}
