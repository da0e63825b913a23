/** From a settings file to `Settings`, or to every mistake in it at once, each with its line and column. */
import { readFileSync } from 'node:fs';
import { AgentError, reasonOf } from '../errors.ts';
import type { Finding } from './checks.ts';
import type { Mistake, Settings } from './settings.ts';
import { type Path, YamlSource } from './source.ts';
import { type CheckedValue, checkValue } from './value.ts';

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
export function checkSource(source: YamlSource): CheckedValue | { mistakes: Mistake[] } {
  if (source.value === undefined) return { mistakes: inOrder(source.mistakes) };
  const checked = checkValue(source.value);
  const found = 'findings' in checked ? checked.findings.map((finding) => locate(finding, source)) : [];
  const mistakes = [...source.mistakes, ...found];
  return 'findings' in checked || mistakes.length > 0 ? { mistakes: inOrder(mistakes) } : checked;
}

/** One line, as editors understand it: `file:line:column: at path: message`. */
export function formatMistake(fileName: string, { line, column, path, message }: Mistake): string {
  return `${fileName}:${line}:${column}: ${path ? `at ${path}: ` : ''}${message}`;
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

function locate({ path, at, message }: Finding, source: YamlSource): Mistake {
  return { ...source.positionOf(path, at), path: formatPath(at === 'key' ? path.slice(0, -1) : path), message };
}

function formatPath(path: Path): string {
  let text = '';
  for (const step of path) text += typeof step === 'number' ? `[${step}]` : `${text && '.'}${step}`;
  return text || 'the top level';
}

/** By place, each once. */
function inOrder(mistakes: readonly Mistake[]): Mistake[] {
  const unique = new Map(mistakes.map((mistake) => [JSON.stringify(mistake), mistake]));
  return [...unique.values()].sort((a, b) => a.line - b.line || a.column - b.column);
}
