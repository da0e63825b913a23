/** `footfall wifi`: the Wi-Fi by which this box reaches its broker: how good it is, what else there is, joining one. */
import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { AgentError, reasonOf } from '../errors.ts';
import type { WifiControl } from '../platform/wifi.ts';
import { endingWith, INTERRUPTED, WRONG_USE } from './exit-codes.ts';

const NOT_CONNECTED = 3;
/** Exit codes by the error's code; what is not here is 1. */
const EXIT_CODES: Record<string, number> = {
  nmcli_missing: 2,
  network_manager_down: 2,
  wifi_missing: 2,
  password_wrong: 4,
  network_not_found: 5,
};

interface JoinOptions {
  passwordFile?: string;
  open?: boolean;
  hidden?: boolean;
  device?: string;
}

export function register(program: Command): void {
  registerWith(program, async () => (await import('../platform/wifi.ts')).realWifi());
}

/** @param open gives the Wi-Fi that is asked. */
export function registerWith(program: Command, open: () => Promise<WifiControl>): void {
  const wifi = program
    .command('wifi')
    .description('the Wi-Fi by which this box sends: how good it is, what else there is, joining one')
    .option('--json', 'print {"links": [{"ssid", "signal", "channel", ...}]}')
    .addHelpText(
      'after',
      `
Goes through NetworkManager (nmcli). This is the box's own network, not the radios that count.

Exit codes: 0 connected, 1 failed, 2 no nmcli, no NetworkManager or no adapter, 3 not connected, 64 wrong use.

Examples:
  footfall wifi
  footfall wifi list
  sudo footfall wifi join "Shop Office"`,
    )
    .action(async (options: { json?: boolean }) => withExitCode(links(await open(), options.json === true)));
  wifi
    .command('list')
    .description('the networks in the air, the strongest first')
    .option('--json', 'print {"networks": [{"ssid", "signal", "channel", ...}]}')
    .addHelpText(
      'after',
      `
Exit codes: 0 listed, 1 failed, 2 no nmcli, no NetworkManager or no adapter, 64 wrong use.

Examples:
  footfall wifi list
  footfall wifi list --json | jq -r '.networks[].ssid'`,
    )
    .action(async (_own: unknown, command: Command) => {
      const { json } = command.optsWithGlobals<{ json?: boolean }>();
      return withExitCode(networks(await open(), json === true));
    });
  wifi
    .command('join')
    .description('join a network, now and after every start')
    .argument('<SSID>', 'its name; quotes around one with spaces')
    .option('--password-file <FILE>', 'file whose first line is the password (default: asked, hidden)')
    .addOption(new Option('--open', 'it has no password').conflicts('passwordFile'))
    .option('--hidden', 'it hides its name')
    .option('--device <NAME>', 'the adapter, where there are several, such as wlan0')
    .addHelpText(
      'after',
      `
The password is never on a command line, ours or nmcli's. A network that cannot be joined leaves nothing behind.

Exit codes: 0 joined, 1 failed, 2 no nmcli, no NetworkManager or no adapter, 4 wrong password, 5 network not found,
64 wrong use, 130 ended at the question.

Examples:
  sudo footfall wifi join "Shop Office"
  sudo footfall wifi join shop-iot --password-file /root/wifi-password --device wlan0
  sudo footfall wifi join guests --open`,
    )
    .action(async (ssid: string, options: JoinOptions) => withExitCode(join(await open(), ssid, options)));
}

async function links(control: WifiControl, json: boolean): Promise<void> {
  const found = await control.links();
  if (found.length === 0) process.exitCode = NOT_CONNECTED;
  if (json) process.stdout.write(`${JSON.stringify({ links: found.map(plain) }, null, 2)}\n`);
  else if (found.length > 0) {
    const [{ renderLinks }, terminal] = await Promise.all([import('./view/wifi.ts'), terminalNow()]);
    process.stdout.write(renderLinks(found, terminal));
  } else {
    const states = (await control.devices()).map(({ device, state }) => `${device} is ${state}`).join(', ');
    process.stdout.write(`Not connected by Wi-Fi: ${states}.\nWhat there is: footfall wifi list\n`);
  }
}

async function networks(control: WifiControl, json: boolean): Promise<void> {
  const found = await control.networks();
  if (json) process.stdout.write(`${JSON.stringify({ networks: found.map(plain) }, null, 2)}\n`);
  else if (found.length === 0) process.stdout.write('No network is in the air here.\n');
  else {
    const [{ renderNetworks }, terminal] = await Promise.all([import('./view/wifi.ts'), terminalNow()]);
    process.stdout.write(renderNetworks(found, terminal));
  }
}

async function join(control: WifiControl, ssid: string, options: JoinOptions): Promise<void> {
  if (ssid === '' || Buffer.byteLength(ssid) > 32) {
    // IEEE 802.11-2020, 9.4.2.2.
    throw wrongUse('ssid_invalid', 'expected a name of 1 to 32 bytes', 'See what there is: footfall wifi list');
  }
  const password = options.open ? null : await passwordOf(options);
  const { hidden, device } = options;
  await control.join({ ssid, password, ...(hidden && { hidden }), ...(device !== undefined && { device }) });
  process.stdout.write('Joined. How good it is: footfall wifi\n');
}

async function passwordOf({ passwordFile }: JoinOptions): Promise<string> {
  const password = passwordFile === undefined ? await askPassword() : readPassword(passwordFile);
  if (password === '') {
    throw wrongUse('password_empty', 'expected a password, found none', 'A network without one: --open');
  }
  // None is in a password of WPA (IEEE 802.11-2020, J.4.1), and nmcli's file of passwords goes by lines.
  if (!/\p{Cc}/u.test(password)) return password;
  throw wrongUse('password_odd', 'expected a password without control characters', 'Is it the right file?');
}

function readPassword(path: string): string {
  try {
    return readFileSync(path, 'utf8').split(/\r?\n/, 1)[0] ?? '';
  } catch (error) {
    const hint = 'Name a file whose first line is the password, readable by this user only.';
    throw new AgentError('password_unreadable', `cannot read the password: ${reasonOf(error)}`, hint, { cause: error });
  }
}

async function askPassword(): Promise<string> {
  if (!(process.stdin.isTTY && process.stdout.isTTY)) {
    throw wrongUse('password_unasked', 'expected a terminal to ask at, found none', 'Use --password-file FILE.');
  }
  const { terminalAsker } = await import('./setup/terminal.ts');
  const { width } = await terminalNow();
  const ended = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => ended.abort());
  const asker = terminalAsker({ input: process.stdin, output: process.stdout }, width, ended.signal);
  return asker.secret({
    message: 'Password of the network',
    check: (text) => (text === '' ? 'expected one' : undefined),
  });
}

async function terminalNow(): Promise<{ width: number; colour: boolean }> {
  const { terminalOf } = await import('./view/style.ts');
  return terminalOf(process.stdout, process.env);
}

/** Keys as in every JSON document of the product. */
function plain({ frequencyMhz, ...rest }: { frequencyMhz: number }): object {
  return { ...rest, frequency_mhz: frequencyMhz };
}

function wrongUse(code: string, message: string, hint: string): AgentError {
  return endingWith(new AgentError(code, message, hint), WRONG_USE);
}

/** The command's main reads the exit code off the error. */
async function withExitCode(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof AgentError) || 'exitCode' in error) {
      if ((error as { code?: string }).code !== 'setup_interrupted') throw error;
      throw endingWith(new AgentError('wifi_interrupted', 'ended at the question; nothing was changed'), INTERRUPTED);
    }
    throw endingWith(error, EXIT_CODES[error.code] ?? 1);
  }
}
