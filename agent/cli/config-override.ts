/** `footfall config override`: a value for a while, over the settings file. */
import { type Command, InvalidArgumentError } from 'commander';
import { AgentError } from '../errors.ts';
import type { LoadedSettings } from '../settings/effective.ts';
import { textOf } from './config-show.ts';
import { endingWith, WRONG_USE } from './exit-codes.ts';
import { keepOverrides, LONGEST_DAYS, layOver, parseLength } from './override.ts';
import { DEFAULT_SETTINGS } from './socket.ts';

interface Options {
  for?: number;
  clear?: boolean;
  settings: string;
  socket?: string;
  json?: boolean;
}

export function register(config: Command): void {
  config
    .command('override')
    .description('set one key for a while, clear overrides, or list them')
    .argument('[KEY]', 'such as counting.visit_gap_seconds or sensors.front-wifi.gate_dbm')
    .argument('[VALUE]', 'as it would be written in the file')
    .option('--for <DURATION>', `how long: 30s, 15m, 2h, 3d; at most ${LONGEST_DAYS}d`, parseDuration)
    .option('--clear', 'end the override of KEY, or all of them')
    .option('-s, --settings <FILE>', 'settings file, YAML', DEFAULT_SETTINGS)
    .option('--socket <PATH>', "the daemon's socket (default: by the settings)")
    .option('--json', 'print the overrides in force afterwards: [{"key", "value", "until_ms"}]')
    .addHelpText(
      'after',
      `
Keys that can be overridden, unless the file locks them: counting.*, store.hours.*, store.exceptions.*,
sensors.<id>.gate_dbm, sensors.<id>.silent_minutes, uplink.window, log.level, log.modules.*.
A running daemon takes it over at once; counting changes with the next window. It ends by itself.

Exit codes: 0 done, 1 refused or not written, 64 wrong use.

Examples:
  footfall config override log.modules.uplink debug --for 30m
  footfall config override sensors.front-wifi.gate_dbm -65 --for 2h
  footfall config override store.exceptions.2026-12-24 "09:00-14:00" --for 3d
  footfall config override
  footfall config override --clear log.modules.uplink`,
    )
    .action(override);
}

async function override(key: string | undefined, value: string | undefined, options: Options): Promise<void> {
  const { loadEffective } = await import('../settings/effective.ts');
  const before = loadEffective({ path: options.settings, nowMs: Date.now() });
  if (options.clear) await clear(before, key, value, options);
  else if (key !== undefined) await set(before, key, value, options);
  else if (options.for !== undefined) throw wrongUse('expected KEY and VALUE with --for, received neither');
  else for (const note of before.notes) process.stderr.write(`note: ${note}\n`);
  await list(loadEffective({ path: options.settings, nowMs: Date.now() }), options);
}

async function set(before: LoadedSettings, key: string, text: string | undefined, options: Options): Promise<void> {
  if (text === undefined || options.for === undefined) {
    throw wrongUse(`expected a value and how long it holds, received ${text === undefined ? 'no value' : 'no --for'}`);
  }
  const { parse } = await import('yaml');
  let value: unknown;
  try {
    value = parse(text, { logLevel: 'error' });
  } catch {
    value = text;
  }
  await layOver(before, { key, value, untilMs: before.loadedMs + options.for }, options.socket);
}

async function clear(before: LoadedSettings, key: string | undefined, value: string | undefined, options: Options) {
  if (value !== undefined || options.for !== undefined) throw wrongUse('expected --clear with KEY alone or nothing');
  const left = key === undefined ? [] : before.overrides.filter((one) => one.key !== key);
  if (key !== undefined && left.length === before.overrides.length) {
    const inForce = before.overrides.map((one) => one.key).join(', ') || 'none';
    throw new AgentError(
      'override_unknown',
      `expected a key with an override, received "${key}"`,
      `They are: ${inForce}`,
    );
  }
  await keepOverrides(before, left, options.socket);
}

async function list({ overrides, settings, loadedMs }: LoadedSettings, options: Options): Promise<void> {
  if (options.json) {
    const rows = overrides.map(({ key, value, untilMs }) => ({ key, value, until_ms: untilMs }));
    process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    return;
  }
  if (overrides.length === 0) {
    process.stdout.write('no overrides\n');
    return;
  }
  const [{ renderTable }, { painter, terminalOf }, { LocalTime }] = await Promise.all([
    import('./view/table.ts'),
    import('./view/style.ts'),
    import('./view/format.ts'),
  ]);
  const { width, colour } = terminalOf(process.stdout, process.env);
  const time = new LocalTime(settings.store.timeZone);
  const rows = overrides.map(({ key, value, untilMs }) => [key, textOf(value), time.time(untilMs, loadedMs)]);
  const columns = [{ title: 'KEY' }, { title: 'VALUE', shrinkTo: 20 }, { title: 'UNTIL' }];
  process.stdout.write(`${renderTable(columns, rows, { width, paint: painter(colour) }).join('\n')}\n`);
}

function parseDuration(text: string): number {
  const ms = parseLength(text);
  if (ms !== null) return ms;
  throw new InvalidArgumentError(`expected a duration such as 30s, 15m, 2h or 3d, at most ${LONGEST_DAYS}d`);
}

function wrongUse(message: string): AgentError {
  const hint = 'For example: footfall config override log.level debug --for 30m';
  return endingWith(new AgentError('wrong_use', message, hint), WRONG_USE);
}
