/** `footfall radio`: the helper that listens with one radio, in a process and with capabilities of its own. */
import type { Command } from 'commander';
import type { RadioWord } from '../../drivers/radio/helper.ts';
import { AgentError, reasonOf } from '../errors.ts';
import { radioSocketOf } from '../settings/radio-socket.ts';
import type { SensorSettings } from '../settings/settings.ts';
import { endingWith, WRONG_USE } from './exit-codes.ts';
import { DEFAULT_SETTINGS } from './socket.ts';

interface Options {
  settings: string;
  socket?: string;
}

type Log = (level: 'info' | 'warn', fields: Record<string, unknown>, message: string) => void;

export function register(program: Command): void {
  program
    .command('radio')
    .argument('<ID>', 'sensor of the settings that has a radio (ble-hci, wifi-monitor)')
    .description('listen with the radio of one sensor and pass it to the daemon')
    .option('-s, --settings <FILE>', 'settings file', DEFAULT_SETTINGS)
    .option('--socket <PATH>', 'serve this socket (default: /run/footfall-radio/ID.sock)')
    .addHelpText(
      'after',
      `
The daemon has no capability to use a radio. This has (CAP_NET_RAW and
CAP_NET_ADMIN), and tells one daemon at a time over its socket what it hears.
On a box it runs as the service footfall-radio@ID. Logs JSON lines to stdout,
never an address. SIGHUP reads the settings again. Ends on SIGINT or SIGTERM.

Exit codes: 0 ended as asked, 1 could not start, 64 wrong use, also of a sensor
that the settings do not have or that has no radio.

Examples:
  sudo systemctl enable --now footfall-radio@front-ble
  sudo footfall radio front-ble
  sudo footfall radio front-ble --settings shop.yaml --socket /tmp/front-ble.sock`,
    )
    .action(radio);
}

async function radio(id: string, options: Options): Promise<void> {
  const log = logOf(id);
  const { sensor, runtimeDirectory } = await sensorOf(id, options.settings, log);
  const { RadioHelper } = await import('../../drivers/radio/helper.ts');
  const { openRadioSource } = await import('../../drivers/radio/sources.ts');
  const { realClock } = await import('../platform/clock.ts');
  const { ServiceNotifier } = await import('../platform/notify.ts');
  const surroundings = { clock: realClock(), random: Math.random };
  const notifier = new ServiceNotifier({
    onFailure: (error) => log('warn', { reason: reasonOf(error) }, 'systemd could not be told'),
  });
  const source = await misused(openRadioSource(sensor, surroundings));
  const socket = options.socket ?? radioSocketOf(runtimeDirectory, id);
  const helper = await RadioHelper.start({
    socket,
    source,
    tell: (word) => {
      tell(log, word);
      if (word.kind === 'state') notifier.status(`${word.state}: ${word.detail}`);
    },
  });
  notifier.ready(`serving ${socket}`);

  let running = sensor;
  const reread = async (): Promise<void> => {
    const next = await sensorOf(id, options.settings, log);
    if (JSON.stringify(next.sensor) === JSON.stringify(running)) return;
    await helper.replace(await openRadioSource(next.sensor, surroundings));
    running = next.sensor;
    log('info', {}, 'the settings of this radio changed, and are in force');
  };
  const onHangUp = (): void => {
    reread().catch((error: unknown) => {
      log('warn', { reason: reasonOf(error) }, 'the settings could not be taken over; it goes on with those it has');
    });
  };
  process.on('SIGHUP', onHangUp);
  const cause = await told();
  log('info', { cause }, 'ending');
  notifier.stopping();
  await helper.stop();
  await notifier.settled();
  process.removeListener('SIGHUP', onHangUp);
  if (process.connected) process.disconnect();
}

/** The sensor and where the daemon's runtime directory is, by the settings or the last good copy of them. */
async function sensorOf(
  id: string,
  path: string,
  log: Log,
): Promise<{ sensor: SensorSettings; runtimeDirectory: string }> {
  const { keepLastGood, readBase } = await import('../settings/last-good.ts');
  const { origin, ...base } = readBase({ path });
  for (const mistake of base.mistakes) log('warn', {}, `the last good settings stand in: ${mistake}`);
  const { sensors, runtimeDirectory } = base.settings;
  const sensor = sensors.find((each) => each.id === id);
  if (sensor === undefined) {
    const radios = sensors.filter(({ line }) => line === 'radio').map((each) => each.id);
    const known = radios.length === 0 ? 'the settings have none' : `the settings have: ${radios.join(', ')}`;
    const message = `expected the id of a sensor with a radio, received "${id}": ${known}`;
    throw endingWith(new AgentError('sensor_unknown', message, `Look into ${base.path}.`), WRONG_USE);
  }
  // Only the service has a place of its own: elsewhere the copy would be the daemon's.
  if (process.env.STATE_DIRECTORY) {
    try {
      keepLastGood({ ...base, source: origin === 'file' ? 'file' : 'last_good', loadedMs: Date.now() });
    } catch (error) {
      log('warn', { reason: reasonOf(error) }, 'no copy of the settings is kept');
    }
  }
  return { sensor, runtimeDirectory };
}

/** A sensor without a radio is a mistake of whoever calls. */
async function misused<Value>(opened: Promise<Value>): Promise<Value> {
  try {
    return await opened;
  } catch (error) {
    throw endingWith(error, WRONG_USE);
  }
}

/** Resolves when it is told to end, or when the process that started it over a channel is gone. */
function told(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve(signal));
    process.once('disconnect', () => resolve('its parent ended'));
  });
}

function tell(log: Log, word: RadioWord): void {
  if (word.kind === 'state') {
    const well = word.state === 'listening' || word.state === 'starting';
    log(well ? 'info' : 'warn', { state: word.state }, word.detail);
  } else if (word.kind === 'daemon') log('info', {}, word.connected ? 'the daemon is connected' : 'the daemon left');
  else log('warn', { bytes: word.bytes }, 'bytes were dropped, as the daemon did not read them');
}

/** Lines like those of the daemon (pino's levels). */
function logOf(sensor: string): Log {
  return (level, fields, msg) => {
    const line = {
      level: level === 'warn' ? 40 : 30,
      time: new Date().toISOString(),
      module: 'radio',
      sensor,
      ...fields,
      msg,
    };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  };
}
