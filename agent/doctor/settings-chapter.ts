/** The settings: every mistake with its place, what is used instead, and the files that the settings name. */
import { formatMistake } from '../settings/load.ts';
import type { Settings } from '../settings/settings.ts';
import { checkAuthorities } from './authorities.ts';
import { checkClientCertificate } from './client-certificate.ts';
import type { Context } from './context.ts';
import type { Finding } from './finding.ts';
import { codeOf, factsAt } from './machine.ts';
import { mayUse } from './people.ts';
import { ChapterReport, countOf, modeOf, spanOf } from './report.ts';

/** An override that ends within this is told: what it set changes back. */
const SOON_MS = 3_600_000;
/** Where the unit's LoadCredential takes the password from. */
const CREDENTIAL = '/etc/footfall/broker-password';

const report = new ChapterReport('settings');

export async function* checkSettingsFile(context: Context): AsyncGenerator<Finding> {
  yield* checkContent(context);
  yield* checkInUse(context);
  yield* await checkMode(context);
  if (context.settings === null) return;
  yield* checkLayers(context);
  yield* await checkPassword(context, context.settings);
  const caFile = context.settings.uplink?.caFile;
  if (caFile !== undefined) yield* await checkAuthorities(context, caFile);
  if (context.settings.uplink !== undefined) yield* await checkClientCertificate(context, context.settings.uplink);
}

function* checkContent({ settingsPath, settingsNamed, read, people, machine }: Context): Generator<Finding> {
  const check = { check: 'settings_file', subject: settingsPath, tried: 'read it' };
  if (read.unreadable !== null) {
    const code = codeOf(read.unreadable.cause);
    if (code === 'ENOENT') {
      const named = settingsNamed ? 'Check the path' : 'Say which file it is with --settings FILE';
      yield report.error(check, 'there is no such file', `${named}, or write one: sudo footfall setup`);
    } else if (code === 'EACCES') {
      // Whether the daemon's user may read it is told by its permissions.
      const found = `this user (${people.userName(machine.user.uid)}) may not read it`;
      yield report.skipped(check, found, 'Look again as root: sudo footfall doctor');
    } else {
      yield report.error(check, read.unreadable.message, 'Check the disk, or name another file with --settings FILE.');
    }
    return;
  }
  if (read.mistakes.length === 0) yield report.ok(check, 'no mistakes');
  for (const mistake of read.mistakes) {
    const place = { check: 'settings_mistake', subject: settingsPath, tried: 'checked it' };
    const found = formatMistake(settingsPath, mistake).slice(settingsPath.length + 1);
    yield report.error(place, found, `Correct line ${mistake.line}, then: footfall config check ${settingsPath}`);
  }
}

function* checkInUse({ read, settingsPath, daemon }: Context): Generator<Finding> {
  const check = { check: 'settings_in_use', subject: settingsPath, tried: 'looked for what is used instead' };
  const broken = read.mistakes.length > 0 || read.unreadable !== null;
  if (!broken) return;
  const mend = `Correct the file, then: footfall reload`;
  if (read.effective?.source === 'last_good') {
    yield report.warning(check, 'an earlier content of it, the last without a mistake, is in use', mend);
  } else if ('document' in daemon) {
    yield report.warning(check, 'the daemon goes on with what it read before; it could not start again', mend);
  } else if (read.unreadable === null) {
    yield report.error(check, 'no earlier content of it is kept: the daemon cannot start', mend);
  }
}

async function checkMode({ machine, settingsPath, identity }: Context): Promise<Finding[]> {
  const facts = await factsAt(machine, settingsPath);
  if (facts === null) return [];
  const check = { check: 'settings_mode', subject: settingsPath, tried: 'read its permissions' };
  const found = `mode ${modeOf(facts.mode)}`;
  if ((facts.mode & 0o002) !== 0) {
    return [report.error(check, `${found}: anybody may change it`, `Close it: sudo chmod o= ${settingsPath}`)];
  }
  if (!mayUse(facts, identity, 'r')) {
    const mend = `Let it: sudo chgrp footfall ${settingsPath} && sudo chmod g+r ${settingsPath}`;
    return [report.error(check, `${found}: the daemon's user ${identity.name} may not read it`, mend)];
  }
  if ((facts.mode & 0o004) !== 0) {
    const mend = `Close it, as soon as the group may read it: sudo chmod o= ${settingsPath}`;
    return [report.warning(check, `${found}: every user of this box may read it`, mend)];
  }
  return [report.ok(check, found)];
}

function* checkLayers({ read, nowMs }: Context): Generator<Finding> {
  for (const note of read.effective?.notes ?? []) {
    const check = { check: 'settings_layer', tried: 'laid remote settings and overrides over the file' };
    yield report.warning(check, note, 'See what is in force: footfall config origin');
  }
  const overrides = read.effective?.overrides ?? [];
  const soon = overrides.filter(({ untilMs }) => untilMs - nowMs <= SOON_MS);
  for (const { key, untilMs } of soon) {
    const check = { check: 'override', subject: key, tried: 'read its end' };
    const mend = 'To keep the value, write it into the settings file, or set the override again.';
    yield report.warning(check, `this override ends in ${spanOf(Math.max(0, untilMs - nowMs))}`, mend);
  }
  const later = overrides.length - soon.length;
  if (later > 0) {
    const check = { check: 'overrides', tried: 'read the local overrides' };
    yield report.ok(check, `${countOf(later, 'override')} in force; the file is not changed by them`);
  }
}

async function checkPassword(context: Context, settings: Settings): Promise<Finding[]> {
  const { uplink } = settings;
  if (uplink?.username === undefined) return [];
  if (uplink.passwordFile !== undefined)
    return [await checkPasswordFile(context, uplink.passwordFile, 'password_file')];
  if ((await factsAt(context.machine, CREDENTIAL)) !== null) {
    return [await checkPasswordFile(context, CREDENTIAL, 'credential')];
  }
  const check = { check: 'password', tried: `looked for the password of ${uplink.username}` };
  try {
    if (context.deps.readPassword(settings) !== undefined) return [report.ok(check, 'the environment gives one')];
  } catch (error) {
    return [report.error(check, (error as Error).message, 'Put the password, alone, into that file.')];
  }
  const mend = `Write it into a file that only the daemon may read, and name it as "password_file" under "uplink".`;
  return [report.warning(check, 'neither password_file nor a credential gives one', mend)];
}

/** A credential is read by systemd, as root; a password_file by the daemon itself. */
async function checkPasswordFile(
  { machine, identity }: Context,
  path: string,
  source: 'password_file' | 'credential',
): Promise<Finding> {
  const check = { check: 'password', subject: path, tried: `looked at the ${source.replace('_', ' ')}` };
  const facts = await factsAt(machine, path);
  if (facts === null) {
    return report.error(check, 'there is no such file', `Put the password into it, closed to others (chmod 0640).`);
  }
  if ((facts.mode & 0o007) !== 0) {
    return report.error(check, `mode ${modeOf(facts.mode)}: open to other users`, `Close it: sudo chmod o= ${path}`);
  }
  if (source === 'password_file' && !mayUse(facts, identity, 'r')) {
    const mend = `Let it: sudo chgrp footfall ${path} && sudo chmod 0640 ${path}`;
    return report.error(check, `the daemon's user ${identity.name} may not read it`, mend);
  }
  const content = await machine.readFile(path).catch(() => null);
  if (content === null) return report.skipped(check, 'this user may not read it, the daemon may');
  const lines = content.replace(/\r?\n$/, '').split(/\r?\n/);
  if (lines.length === 1 && lines[0] !== '') return report.ok(check, `one line, mode ${modeOf(facts.mode)}`);
  const found = lines.length === 1 ? 'nothing' : countOf(lines.length, 'line');
  return report.error(
    check,
    `expected one line with the password, found ${found}`,
    'Put the password, alone, into it.',
  );
}
