/** From a settings file to `Settings`, or to every mistake in it at once, each with its line and column. */
import { readFileSync } from 'node:fs';
import { AgentError, reasonOf } from '../errors.ts';
import { formatMistake, mistakesOf } from './mistakes.ts';
import type { Profiles } from './sensor-checks.ts';
import type { Mistake, Settings } from './settings.ts';
import { YamlSource } from './source.ts';
import { type CheckedValue, checkValue } from './value.ts';

export { formatMistake } from './mistakes.ts';
export { readPassword } from './secrets.ts';

/** Reads and checks a settings file. Throws `settings_unreadable` or `settings_invalid`. */
export function loadSettings(path: string): Settings {
  return parseSettings(readSettingsFile(path), path);
}

/** Checks a settings text; `fileName` is for the messages. Throws `settings_invalid` with one line a mistake. */
export function parseSettings(text: string, fileName: string): Settings {
  const checked = checkSettings(text);
  if ('settings' in checked) return checked.settings;
  throw invalidSettings(fileName, checked.mistakes);
}

/** The error `settings_invalid` with one line a mistake. */
export function invalidSettings(fileName: string, mistakes: readonly Mistake[]): AgentError {
  const count = mistakes.length;
  return new AgentError(
    'settings_invalid',
    mistakes.map((mistake) => formatMistake(fileName, mistake)).join('\n'),
    `Correct ${count === 1 ? 'this place' : `these ${count} places`}, then try: footfall config check ${fileName}`,
  );
}

/** The settings, or all mistakes in the order of the file. */
export function checkSettings(text: string): { settings: Settings } | { mistakes: Mistake[] } {
  return checkSource(new YamlSource(text));
}

/** `checkSettings` for a text that was read already, with the settings in the file's own keys as well. */
export function checkSource(source: YamlSource, profiles?: Profiles): CheckedValue | { mistakes: Mistake[] } {
  const checked = source.value === undefined ? { findings: [] } : checkValue(source.value, profiles);
  const mistakes = mistakesOf(source, 'findings' in checked ? checked.findings : []);
  return 'findings' in checked || mistakes.length > 0 ? { mistakes } : checked;
}

/** The text of a settings file. Throws `settings_unreadable`. */
export function readSettingsFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const hint = 'Check the path, and that the user who runs this may read the file.';
    throw new AgentError('settings_unreadable', `cannot read the settings: ${reasonOf(error)}`, hint, { cause: error });
  }
}
