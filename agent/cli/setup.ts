/** `footfall setup`: asks what a gateway needs and writes its settings file. */
import type { Command } from 'commander';
import { AgentError } from '../errors.ts';
import { ENDED_BY, endingWith, WRONG_USE } from './exit-codes.ts';
import type { Outcome, SetupOptions } from './setup/flow.ts';
import { DEFAULT_SETTINGS } from './socket.ts';

const BROKER_FAILED = 2;

type Options = SetupOptions & { json?: boolean };

export function register(program: Command): void {
  const collect = (text: string, before: string[] = []) => [...before, text];
  program
    .command('setup')
    .description('ask what this gateway needs, and write its settings')
    .option('-s, --settings <FILE>', 'the settings file to make or change', DEFAULT_SETTINGS)
    .option('--tenant <NAME>', 'whose gateway it is')
    .option('--gateway <NAME>', 'its own name')
    .option('--store <NAME>', 'the store it counts in')
    .option('--time-zone <ZONE>', 'IANA time zone of the store, such as Europe/Prague')
    .option('--hours <DAYS=HOURS>', 'opening hours of a day or days; repeatable', collect)
    .option('--exception <DATE=HOURS>', 'a date that differs, without hours the usual ones again; repeatable', collect)
    .option('--sensor <KEY=VALUE,...>', 'a sensor, or what changes of one; repeatable', collect)
    .option('--remove-sensor <ID>', 'a sensor that is gone; repeatable', collect)
    .option('--broker <URL>', 'send to this broker, mqtts:// or mqtt://')
    .option('--no-broker', 'send nothing')
    .option('--username <NAME>', 'user name at the broker')
    .option('--password-file <FILE>', 'file whose one line is the password')
    .option('--ca-file <FILE>', "certificates (PEM) that the broker's must lead to")
    .option('--storage <DIR>', 'directory of the database')
    .option('--runtime-directory <DIR>', 'directory of the socket')
    .option('--no-test', 'do not try the broker')
    .option('--require-broker', 'write nothing unless the broker answers')
    .option('-y, --yes', 'ask nothing: take the flags and the present file')
    .option('--dry-run', 'show what would be written, and write nothing')
    .option('--force', 'replace a file that has mistakes; a copy of it is kept')
    .option('--json', 'print what was done as JSON; everything else goes to stderr')
    .addHelpText(
      'after',
      `
What a flag says is not asked. Keys of --sensor are those of the settings file: id, driver, silent_minutes, and
  wifi-*, ble-*         port, baud, zone, gate_dbm
    wifi-lines, wifi-json, ble-nrf, ble-json
    wifi-pcap           link_type
    wifi-monitor        adapter (no port), channels=1+6+11, channel_seconds
    ble-hci             adapter, or port
    ble-sniffle         advertising_channel
  door-*                port, baud, door, swap
    door-lines          role=transactions for a till (no door)
    door-teraranger
    door-hpc168, door-turnstile
                        unit, poll_ms, parity, stop_bits
    door-modbus         the same, profile, in_channel and out_channel, or
                        total_channel
    door-contact        contact, counts, debounce_ms, role (no baud)
    door-radar          line_mm, hysteresis_mm
KEY= without a value takes a key away. A second run changes the present file: its comments and all it does
not ask about stay, the former file is kept as FILE.bak, and a running daemon is reloaded.

The password of a broker is asked hidden and kept in a file of its own beside the settings, never in them.

Exit codes: 0 written, or nothing to change, 1 nothing written, 2 written though the broker did not answer as it should,
64 wrong use, 130 ended with Ctrl-C.

Examples:
  sudo footfall setup
  sudo footfall setup --yes --tenant acme --gateway shop-12 --store shop-12 --time-zone Europe/Prague \\
    --hours mon-fri=09:00-20:00 --hours sat=09:00-18:00 --hours sun=closed --exception 2026-12-25=closed \\
    --sensor id=front,driver=wifi-pcap,port=/dev/ttyUSB0,zone=shop,gate_dbm=-65 \\
    --sensor id=door,driver=door-lines,port=/dev/ttyUSB1,door=main \\
    --sensor id=air,driver=ble-hci,adapter=hci0,zone=shop \\
    --sensor id=back,driver=door-modbus,port=/dev/ttyUSB2,profile=wb-mcm8,unit=3,in_channel=1,out_channel=2,door=back \\
    --broker mqtts://broker.example:8883 --username shop-12 --password-file /etc/footfall/broker-password
  sudo footfall setup --yes --sensor id=front,gate_dbm=-70
  footfall setup --settings shop.yaml --dry-run --yes --no-broker`,
    )
    .action(setup);
}

async function setup(options: Options): Promise<void> {
  demandSense(options);
  const ended = new AbortController();
  let code: number = ENDED_BY.SIGINT;
  for (const [signal, number] of Object.entries(ENDED_BY)) {
    process.on(signal, () => {
      code = number;
      ended.abort();
    });
  }
  const { isInterrupted } = await import('./setup/asker.ts');
  try {
    const outcome = await run(options, ended.signal);
    if (options.json) process.stdout.write(`${JSON.stringify(outcome, null, 2)}\n`);
    if (outcome.broker?.reached === false) process.exitCode = BROKER_FAILED;
    if (ended.signal.aborted) process.exitCode = code;
  } catch (error) {
    if (!isInterrupted(error)) throw error;
    process.stderr.write('\nEnded: nothing was written.\n');
    process.exitCode = ended.signal.aborted ? code : error.exitCode;
  }
}

async function run(options: Options, signal: AbortSignal): Promise<Outcome> {
  const output = options.json ? process.stderr : process.stdout;
  const [flow, { terminalAsker }, { findPorts }, machine, { realClock }, { requestLocal }, style, os] =
    await Promise.all([
      import('./setup/flow.ts'),
      import('./setup/terminal.ts'),
      import('./setup/ports.ts'),
      import('../doctor/machine.ts'),
      import('../platform/clock.ts'),
      import('../local/client.ts'),
      import('./view/style.ts'),
      import('node:os'),
    ]);
  const there = process.stdin.isTTY === true && output.isTTY === true;
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
  const { width, colour } = style.terminalOf(output, process.env);
  return flow.runSetup(options, {
    asker: there ? terminalAsker({ input: process.stdin, output }, width, signal) : null,
    say: (line) => void output.write(`${line}\n`),
    width,
    paint: style.painter(colour),
    around: { hostname: os.hostname(), timeZone, ports: await findPorts(machine.realMachine(signal)) },
    check: async function* (target, deps) {
      const { checkBroker } = await import('../doctor/broker.ts');
      yield* checkBroker(target, deps);
    },
    request: requestLocal,
    clock: realClock(),
    random: Math.random,
    signal,
    root: '/',
  });
}

function demandSense({ requireBroker, broker, test }: Options): void {
  const contrary = broker === false ? '--no-broker' : test ? undefined : '--no-test';
  if (!requireBroker || contrary === undefined) return;
  const message = `expected --require-broker or ${contrary}, received both`;
  throw endingWith(new AgentError('setup_flag', message, 'Leave out one of them.'), WRONG_USE);
}
