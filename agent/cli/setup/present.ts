/** The settings file as it is before the set-up. */
import { existsSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { AgentError } from '../../errors.ts';
import { checkSettings, formatMistake, readSettingsFile } from '../../settings/load.ts';
import type { Settings } from '../../settings/settings.ts';
import { type Answers, answersOf } from './answers.ts';

export interface Present {
  /** null: there is none, or a broken one is to be replaced. */
  text: string | null;
  settings: Settings | null;
  answers: Answers;
  broken: boolean;
}

/** Throws `settings_unreadable`, and `settings_invalid` for a file with mistakes unless `force` is set. */
export function readPresent(path: string, force: boolean): Present {
  const fresh: Present = { text: null, settings: null, answers: {}, broken: false };
  if (!existsSync(path)) return fresh;
  const text = readSettingsFile(path);
  const value: unknown = parseDocument(text, { stringKeys: true, logLevel: 'error' }).toJS();
  if (value === null) return { ...fresh, broken: text.trim() !== '' };
  const checked = checkSettings(text);
  if ('settings' in checked) return { text, settings: checked.settings, answers: answersOf(value), broken: false };
  const mistakes = checked.mistakes.map((mistake) => formatMistake(path, mistake)).join('\n');
  if (!force) {
    const hint =
      'Correct them, or write a new file from what can be read of it (a copy is kept): footfall setup --force';
    throw new AgentError('settings_invalid', `the settings have mistakes, and were not touched:\n${mistakes}`, hint);
  }
  const { broker, ...answers } = answersOf(value);
  // Of a broken file, silence about a broker says nothing.
  return { text: null, settings: null, answers: broker ? { ...answers, broker } : answers, broken: true };
}
