/** The set-up from the present file to the new one; everything that touches the world is passed in. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Clock } from '../../clock.ts';
import type { Finding } from '../../doctor/finding.ts';
import { AgentError } from '../../errors.ts';
import { checkSettings } from '../../settings/load.ts';
import type { Settings } from '../../settings/settings.ts';
import { endingWith, WRONG_USE } from '../exit-codes.ts';
import { DEFAULT_SETTINGS, DEFAULT_SOCKET } from '../socket.ts';
import type { Paint } from '../view/style.ts';
import { type Answers, missingFlags } from './answers.ts';
import { askBrokerAgain, askMissing, type Draft, review, type Surroundings } from './ask.ts';
import { type Asker, interrupted, isInterrupted } from './asker.ts';
import { type CheckBroker, isReached, renderFinding, testConnection } from './connection.ts';
import { renderDifference } from './difference.ts';
import { writeAnswers } from './document.ts';
import { bringIntoForce, type DaemonState, type Finish, nextSteps } from './finish.ts';
import { type Flags, withFlags } from './flags.ts';
import { type Present, readPresent } from './present.ts';
import { demandWritable, keepFormer, type NewFile, writeFiles } from './write.ts';

export interface SetupOptions extends Flags {
  settings: string;
  /** false: --no-test. */
  test: boolean;
  requireBroker?: boolean;
  yes?: boolean;
  dryRun?: boolean;
  force?: boolean;
}

export interface World {
  /** null: nobody is there to ask. */
  asker: Asker | null;
  say: (line: string) => void;
  /** Columns of what is said. */
  width: number;
  paint: Paint;
  around: Omit<Surroundings, 'passwordFile'>;
  check: CheckBroker;
  request: Finish['request'];
  clock: Clock;
  random: () => number;
  signal: AbortSignal;
  /** Where to look for systemd; `/` but in tests. */
  root: string;
}

/** What was done; `footfall setup --json` prints it. */
export interface Outcome {
  path: string;
  changed: boolean;
  written: boolean;
  /** Unified diff, or the whole of a new file. */
  difference: string;
  backup: string | null;
  /** The file a typed password was written to. */
  password_file: string | null;
  /** null: not tried. */
  broker: { reached: boolean; findings: Finding[] } | null;
  daemon: DaemonState | null;
}

/** Throws `setup_*` and `settings_*`; `setup_interrupted` only while nothing is written. */
export async function runSetup(options: SetupOptions, world: World): Promise<Outcome> {
  const path = resolve(options.settings);
  const asker = options.yes ? null : world.asker;
  const passwordFile = join(dirname(path), 'broker-password');
  const around = { ...world.around, passwordFile };
  const present = readPresent(path, options.force === true);
  if (!options.dryRun) demandWritable(path);
  let draft: Draft = { answers: withFlags(present.answers, options) };
  if (asker) draft = await converse(asker, draft, around, world, path, present);
  else demandComplete(draft.answers, options);

  for (;;) {
    const text = writeAnswers(present.text, draft.answers);
    const settings = demandGood(text, path);
    const outcome = outcomeOf(path, present, text, draft);
    if (!outcome.changed) {
      world.say(`Nothing to change: ${path} says all of this already.`);
      return outcome;
    }
    if (isWorthTesting(options, settings, present, draft)) outcome.broker = await tryBroker(settings, draft, world);
    const failed = outcome.broker?.reached === false;
    if (failed && (await afterFailure(asker, options, world)) === 'again' && asker) {
      draft = await askBrokerAgain(asker, draft, around);
      continue;
    }
    // A new file has been answered line by line; only its changes are news.
    if (options.dryRun || present.text !== null) {
      for (const line of differenceLines(path, present, text, world.paint)) world.say(line);
    }
    if (options.dryRun) return outcome;
    const question = present.text === null ? `Write ${path}?` : `Write these changes to ${path}?`;
    if (asker && !(await asker.confirm({ message: question, default: true }))) throw interrupted(1);
    if (world.signal.aborted) throw interrupted();
    write(path, present, text, draft, outcome, world.clock);
    tellWritten(outcome, world);
    outcome.daemon = await finish(outcome, settings, present, asker, world);
    return outcome;
  }
}

async function converse(
  asker: Asker,
  draft: Draft,
  around: Surroundings,
  { paint }: World,
  path: string,
  present: Present,
) {
  const intent = existsSync(path) && !present.broken ? 'Settings of this gateway' : 'New settings for this gateway';
  asker.note(`${paint('strong', intent)}: ${path}`);
  asker.note(paint('dim', 'Enter takes what is shown. Ctrl-C ends, and nothing is written.'));
  return review(asker, await askMissing(asker, draft, around), around);
}

function demandComplete(answers: Answers, options: SetupOptions): void {
  const missing = missingFlags(answers);
  if (missing.length > 0) {
    const message = `expected a terminal to ask at, or every answer as a flag; missing: ${missing.join(', ')}`;
    throw wrongUse('setup_incomplete', message, 'Run it at a terminal without --yes, or see: footfall setup --help');
  }
  if (options.yes || options.dryRun) return;
  throw wrongUse(
    'setup_unconfirmed',
    'expected a terminal to ask at, or --yes to write without asking',
    'Look at the changes first with --dry-run.',
  );
}

/** Answers are checked one by one; this tells what only shows in the whole. */
function demandGood(text: string, path: string): Settings {
  const checked = checkSettings(text);
  if ('settings' in checked) return checked.settings;
  const mistakes = checked.mistakes.map(({ path: place, message }) => `  at ${place}: ${message}`).join('\n');
  throw new AgentError(
    'setup_invalid',
    `these answers do not fit together, and nothing was written to ${path}:\n${mistakes}`,
    'Change the flags or the answers that the places name.',
  );
}

function outcomeOf(path: string, present: Present, text: string, { password }: Draft): Outcome {
  const changed = text !== present.text || password !== undefined;
  const plain: Paint = (_tone, words) => words;
  const difference = differenceLines(path, present, text, plain).join('\n');
  return { path, changed, written: false, difference, backup: null, password_file: null, broker: null, daemon: null };
}

function differenceLines(path: string, present: Present, text: string, paint: Paint): string[] {
  return present.text === null ? text.trimEnd().split('\n') : renderDifference(path, present.text, text, paint);
}

/** Whom the broker sees, and how, must be new: changed opening hours need no broker. */
function isWorthTesting(options: SetupOptions, settings: Settings, present: Present, { password }: Draft): boolean {
  if (!options.test || options.dryRun || !settings.uplink) return false;
  const identity = ({ tenant, gateway, uplink }: Settings) => JSON.stringify([tenant, gateway, uplink]);
  const same = present.settings !== null && identity(present.settings) === identity(settings);
  return options.requireBroker === true || password !== undefined || !same;
}

async function tryBroker(settings: Settings, { password }: Draft, world: World): Promise<Outcome['broker']> {
  const { say, width, paint, check, clock, random, signal } = world;
  say(`Trying the broker ${settings.uplink?.url ?? ''} ...`);
  const tell = (finding: Finding) => renderFinding(finding, width, paint).forEach(say);
  const findings = await testConnection(settings, password, check, { clock, random, signal }, tell);
  if (signal.aborted) throw interrupted();
  return { reached: isReached(findings), findings };
}

/** Whether to ask for the broker again, or to write all the same. */
async function afterFailure(asker: Asker | null, { requireBroker }: SetupOptions, { say, paint }: World) {
  if (requireBroker) throw notReached();
  if (!asker) {
    say(paint('warn', 'The broker did not answer as it should; the settings are written all the same.'));
    return 'write';
  }
  const next = await asker.choose<'again' | 'write' | 'leave'>({
    message: 'The broker did not answer as it should.',
    choices: [
      { value: 'again', name: 'Change the broker, and try again' },
      { value: 'write', name: 'Go on: the network may come later' },
      { value: 'leave', name: 'End here: write nothing' },
    ],
  });
  if (next === 'leave') throw interrupted(1);
  return next;
}

function write(path: string, present: Present, text: string, draft: Draft, outcome: Outcome, clock: Clock): void {
  const files: NewFile[] = [];
  const secret = draft.answers.broker?.password_file;
  if (draft.password !== undefined && secret !== undefined) {
    files.push({ path: secret, text: `${draft.password}\n`, kind: 'secret' });
    outcome.password_file = secret;
  }
  if (text !== present.text) {
    if (existsSync(path)) {
      outcome.backup = present.broken ? `${path}.broken-${stampOf(clock.wall())}` : `${path}.bak`;
      keepFormer(path, outcome.backup);
    }
    files.push({ path, text, kind: 'settings' });
  }
  writeFiles(files);
  outcome.written = true;
}

/** `20261122T072104Z`. */
function stampOf(wall: number): string {
  return new Date(wall).toISOString().replace(/[-:]|\.\d+/g, '');
}

function tellWritten(outcome: Outcome, { say, paint }: World): void {
  const { path, backup, password_file: secret } = outcome;
  say(paint('good', `Written: ${path}`));
  if (secret !== null) say(`The password is in ${secret}, closed to other users.`);
  if (backup !== null) say(`The former file is ${backup}`);
}

async function finish(outcome: Outcome, settings: Settings, present: Present, asker: Asker | null, world: World) {
  const { say, request, root } = world;
  // A daemon that runs listens where the former settings told it to.
  const socket = `${(present.settings ?? settings).runtimeDirectory}/footfall.sock`;
  try {
    const state = await bringIntoForce({ path: outcome.path, socket, asker, say, request, root });
    const radios = settings.sensors.filter(({ line }) => line === 'radio').map(({ id }) => id);
    const plain = socket === DEFAULT_SOCKET && outcome.path === DEFAULT_SETTINGS;
    nextSteps(outcome.path, plain, radios, root).forEach(say);
    return state;
  } catch (error) {
    if (!isInterrupted(error)) throw error;
    say('The settings are written; the daemon was not told.');
    return 'not_reloaded';
  }
}

function notReached(): AgentError {
  return new AgentError(
    'setup_broker',
    'expected the broker to answer (--require-broker), found that it does not as it should; nothing was written',
    'Mend what is said above, or leave out --require-broker to write all the same.',
  );
}

function wrongUse(code: string, message: string, hint: string): AgentError {
  return endingWith(new AgentError(code, message, hint), WRONG_USE);
}
