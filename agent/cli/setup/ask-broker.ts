/** Questions about the broker of the central platform. */
import { accessSync, constants } from 'node:fs';
import type { BrokerRow } from './answers.ts';
import type { Asker, Choice } from './asker.ts';
import { refusals } from './refusal.ts';

const NO_USER = 'none';
const SYSTEM = 'system';

/**
 * @param passwordFile where a password that is typed will be kept.
 * @param typed the password typed before, kept if the person wants it so.
 * @returns `broker` null when nothing is to be sent; `password` when one was typed.
 */
export async function askBroker(
  asker: Asker,
  before: BrokerRow | null | undefined,
  passwordFile: string,
  typed?: string,
): Promise<{ broker: BrokerRow | null; password?: string }> {
  const send = await asker.confirm({
    message: 'Send the figures to a central platform (an MQTT broker)?',
    default: before !== null,
  });
  if (!send) return { broker: null };
  const url = await asker.text({
    message: 'Its address, as mqtts://broker.example:8883:',
    ...(before?.url === undefined ? {} : { default: before.url }),
    check: (text) => refusals.broker({ url: text }),
  });
  const username = await asker.text({
    message: `User name at the broker (${NO_USER}: it asks for none):`,
    default: before?.username ?? NO_USER,
  });
  const broker: BrokerRow = { url };
  let password: string | undefined;
  if (username !== NO_USER) {
    broker.username = username;
    const secret = await askPassword(asker, before?.password_file, typed);
    if (secret === KEEP) Object.assign(broker, { password_file: before?.password_file });
    else if (secret !== '') broker.password_file = before?.password_file ?? passwordFile;
    password = secret === KEEP ? typed : secret || undefined;
  }
  if (url.startsWith('mqtts:')) {
    const file = await asker.text({
      message: `Who may sign its certificate, a PEM file (${SYSTEM}: as usual):`,
      default: before?.ca_file ?? SYSTEM,
      check: (text) => (text === SYSTEM ? undefined : (refusals.broker({ url, ca_file: text }) ?? unreadable(text))),
    });
    if (file !== SYSTEM) broker.ca_file = file;
  }
  return password === undefined ? { broker } : { broker, password };
}

const KEEP = Symbol('the password as it is');

async function askPassword(asker: Asker, file: string | undefined, typed: string | undefined) {
  if (file !== undefined) {
    const choices: Choice<'keep' | 'new' | 'none'>[] = [
      { value: 'keep', name: typed === undefined ? `Keep the one in ${file}` : 'Keep the one just typed' },
      { value: 'new', name: 'Type a new one' },
      { value: 'none', name: 'No password' },
    ];
    const choice = await asker.choose({ message: 'Password:', choices, default: 'keep' });
    if (choice !== 'new') return choice === 'keep' ? KEEP : '';
  }
  return asker.secret({ message: 'Password (hidden; none: Enter):' });
}

function unreadable(path: string): string | undefined {
  try {
    accessSync(path, constants.R_OK);
    return undefined;
  } catch {
    return `expected a file that can be read, found none at ${path}`;
  }
}
