/** The settings of the box, from the file to what is in force, without their secrets. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AgentError } from '../../errors.ts';
import { maskSettings, secretsIn } from './mask-secrets.ts';
import type { Places } from './places.ts';
import { asJson, type Source } from './source.ts';

const KEPT = [
  ['last-good.yaml', 'the last settings the daemon ran with'],
  ['overrides.json', 'local overrides and when they end'],
  ['remote-settings.json', 'what the central platform set'],
] as const;

export function settingsSources(places: Places, nowMs: number): Source[] {
  const readAll = async () =>
    (await import('../../settings/effective.ts')).readAll({ path: places.settingsPath, nowMs });
  return [
    {
      name: 'settings/footfall.yaml',
      why: 'the settings file as written, secrets masked',
      gather: () => masked(places.settingsPath),
    },
    {
      name: 'settings/mistakes.txt',
      why: 'what is wrong with the settings file',
      async gather() {
        const { checkSettings, formatMistake, readSettingsFile } = await import('../../settings/load.ts');
        const checked = checkSettings(readSettingsFile(places.settingsPath));
        if ('settings' in checked) return 'no mistakes\n';
        return checked.mistakes.map((mistake) => `${formatMistake(places.settingsPath, mistake)}\n`).join('');
      },
    },
    {
      name: 'settings/in-force.yaml',
      why: 'the settings in force with every default',
      async gather() {
        const { showSettings } = await import('../../settings/written.ts');
        return showSettings((await readAll()).layered.file);
      },
    },
    {
      name: 'settings/origins.json',
      why: 'where each value comes from',
      async gather() {
        const { originsIn } = await import('../../settings/origins.ts');
        const all = await readAll();
        return asJson({ origins: originsIn(all), notes: all.layered.notes, mistakes: all.base.mistakes });
      },
    },
    ...KEPT.map(([name, why]) => ({
      name: `settings/${name}`,
      why,
      gather: () => masked(join(places.storageDirectory, name)),
    })),
  ];
}

/**
 * The secrets that this box knows: the broker's password, and whatever a settings text holds that should not be there.
 * What cannot be read is left out.
 */
export async function knownSecrets(places: Places, environment: NodeJS.ProcessEnv): Promise<string[]> {
  const texts = [places.settingsPath, ...KEPT.map(([name]) => join(places.storageDirectory, name))];
  const written = texts.flatMap((path) => {
    try {
      return secretsIn(readFileSync(path, 'utf8'));
    } catch {
      return [];
    }
  });
  if (places.settings === null) return written;
  const { readPassword } = await import('../../settings/load.ts');
  try {
    // The unit's credential is taken from there (systemd.exec(5), LoadCredential).
    const password = readPassword(places.settings, { CREDENTIALS_DIRECTORY: '/etc/footfall', ...environment });
    return password === undefined ? written : [...written, password];
  } catch (error) {
    if (error instanceof AgentError) return written;
    throw error;
  }
}

async function masked(path: string): Promise<string> {
  return maskSettings(await readFile(path, 'utf8')).text;
}
