/** `footfall record`: what a sensor says, as bytes, in an encrypted file that expires. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { StreamEndReason } from '../../drivers/recording/recorded-stream.ts';
import type { Recorder } from '../../drivers/recording/recorder.ts';
import type { Lock } from '../../drivers/recording/sealed.ts';
import type { Clock } from '../clock.ts';
import { AgentError } from '../errors.ts';
import type { RecordLine } from '../local/record-stream.ts';
import { radioSocketOf } from '../settings/radio-socket.ts';
import type { SensorSettings } from '../settings/settings.ts';
import { endingWith, WRONG_USE } from './exit-codes.ts';
import { Ending, Watch } from './record-watch.ts';
import { DEFAULT_SETTINGS, DEFAULT_SOCKET, socketOf } from './socket.ts';

const NO_BYTES = 3;
const ENDED_EARLY = 4;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const UNITS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const LONGEST_MS = UNITS.d;
/** Longer than the longest time for which a device may be known again. */
const LATEST_EXPIRY_MS = 30 * UNITS.d;
const MEGABYTE = 1_000_000;
/** What a recording leaves free on its disk. */
const RESERVE_BYTES = 64 * MEGABYTE;
/** Ends that somebody wanted. */
const WHOLE: readonly StreamEndReason[] = ['asked', 'time', 'size'];
/** Errors of the daemon that are the asker's mistake. */
const ASKED_WRONGLY = ['sensor_unknown', 'route_unknown'];

interface Options {
  withAddresses?: boolean;
  passphraseFile?: string;
  recipient?: string[];
  for: number;
  expires: number;
  maxSize: number;
  settings?: string;
  socket?: string;
  json?: boolean;
}

export function register(program: Command): void {
  program
    .command('record')
    .description('record what a sensor says, as bytes, into an encrypted file that expires')
    .argument('<ID>', 'sensor of the settings')
    .argument('<FILE>', 'file to make; none is ever overwritten')
    .option('--with-addresses', 'yes: the file will hold the addresses of all devices around')
    .option('--passphrase-file <FILE>', 'file whose first line is the passphrase (default: asked, hidden)')
    .addOption(
      new Option('--recipient <KEY>', 'public key of age (age1...) of whoever may read it; may be repeated')
        .argParser((key: string, before: string[] = []) => [...before, key])
        .conflicts('passphraseFile'),
    )
    .option('--for <DURATION>', 'end after this long, such as 90s, 10m or 2h', duration(LONGEST_MS), 10 * UNITS.m)
    .option('--expires <DURATION>', 'cannot be read after this, at most 30d', duration(LATEST_EXPIRY_MS), 7 * UNITS.d)
    .option('--max-size <SIZE>', 'end at this length of the file, such as 64MB', size, 256 * MEGABYTE)
    .option('-s, --settings <FILE>', `settings file (default: ${DEFAULT_SETTINGS})`)
    .option('--socket <PATH>', `the daemon's socket (default: ${DEFAULT_SOCKET})`)
    .option('--json', 'print a summary as JSON')
    .addHelpText(
      'after',
      `
This is the one thing that keeps what nothing else keeps: the very bytes of a
sensor, with the hardware addresses of every device in reach. It is for a fault
that cannot be found otherwise. It needs --with-addresses, is encrypted while it
is made (age), expires, and stands in the daemon's history of health.

The bytes come from the running daemon, which goes on counting; where none runs,
from the sensor's own line. Defaults: 10 minutes, 256 MB, expires in 7 days.
Ctrl-C ends it and keeps the file.

Exit codes: 0 recorded, 1 failed and nothing is kept, 3 no daemon answers and
the line cannot be opened, 4 ended early and what was recorded is kept, 64 wrong
use, 130 ended at the question.

Examples:
  sudo footfall record front-wifi front.age --with-addresses
  sudo footfall record front-wifi front.age --with-addresses --for 2m --expires 1d
  sudo footfall record main-door door.age --with-addresses --recipient age1...
  footfall replay front.age --decode`,
    )
    .action(record);
}

async function record(id: string, path: string, options: Options): Promise<void> {
  checkUse(options);
  await checkSpace(path, options.maxSize);
  const lock = await lockOf(options);
  const { RecordingFile } = await import('../../drivers/recording/recording-file.ts');
  const { Recorder } = await import('../../drivers/recording/recorder.ts');
  const { realClock } = await import('../platform/clock.ts');
  const { VERSION } = await import('../version.ts');
  const clock = realClock();
  const ending = new Ending<StreamEndReason>();
  const stop = (): void => ending.end('asked');
  for (const signal of SIGNALS) process.once(signal, stop);
  const expiresMs = Math.floor(clock.wall()) + options.expires;
  const file = await RecordingFile.create(path, lock).catch(misused);
  const full = (reason: 'size' | 'behind'): void => ending.end(reason);
  const recorder = new Recorder({ file, mostBytes: options.maxSize, expiresMs, version: VERSION, full });
  const watch = new Watch({ id, recorder, limitMs: options.for, clock, over: () => ending.end('time') });
  try {
    const source = await listen({ id, options, recorder, ending, watch, clock });
    const reason = ending.reason ?? 'asked';
    if (recorder.sensor === null) throw nothingRecorded();
    const endMs = Math.max(recorder.lastMs, ending.atMs ?? watch.nowMs);
    await recorder.finish({ timeMs: endMs, reason });
    watch.close();
    await tell({ path, id, source, expiresMs, end: reason, endMs, json: options.json === true }, recorder);
    if (!WHOLE.includes(reason)) process.exitCode = ENDED_EARLY;
  } catch (error) {
    watch.close();
    await file.discard();
    throw error;
  } finally {
    for (const signal of SIGNALS) process.removeListener(signal, stop);
  }
}

interface Listening {
  id: string;
  options: Options;
  recorder: Recorder;
  ending: Ending<StreamEndReason>;
  watch: Watch;
  clock: Clock;
}

/** Records until the end, from the daemon where one runs. */
async function listen(parts: Listening): Promise<'daemon' | 'line'> {
  const { options, recorder, ending } = parts;
  const path = await socketOf(options).catch(noBytes);
  try {
    await listenToDaemon(path, parts);
    return 'daemon';
  } catch (error) {
    const code = (error as { code?: string }).code ?? '';
    if (recorder.sensor !== null) {
      if (!code.startsWith('daemon_')) throw error;
      ending.end('daemon_ended');
      return 'daemon';
    }
    if (ASKED_WRONGLY.includes(code)) throw endingWith(error, WRONG_USE);
    if (!/^(daemon|socket)_/.test(code)) throw error;
    // Who names a socket wants the daemon behind it.
    if (code !== 'daemon_not_running' || options.socket !== undefined) return noBytes(error);
  }
  await listenToSensor(parts);
  return 'line';
}

async function listenToDaemon(path: string, { id, recorder, ending, watch }: Listening): Promise<void> {
  const { streamLocal } = await import('../local/client.ts');
  const { optionsFromJson } = await import('../../drivers/recording/options.ts');
  const refuse = (expected: string): never => {
    throw new AgentError('answer_invalid', `expected ${expected} from the daemon`, 'Is it of another version?');
  };
  const query = new URLSearchParams({ sensor: id, addresses: 'yes' });
  const onLine = (text: string): Promise<void> | void => {
    const line = JSON.parse(text) as RecordLine;
    if (line.kind === 'bytes') return recorder.take(Buffer.from(line.base64, 'base64'), line.at_ms);
    if (line.kind === 'end') return ending.end(line.reason, line.at_ms);
    recorder.begin({ id, driver: line.driver, options: optionsFromJson(line.options, refuse) }, line.at_ms);
    watch.begin();
  };
  await streamLocal(path, `/record?${query}`, onLine, ending.signal);
  ending.end('daemon_ended');
}

async function listenToSensor({ id, options, recorder, ending, watch, clock }: Listening): Promise<void> {
  const { sensor, runtimeDirectory } = await sensorOf(id, options.settings ?? DEFAULT_SETTINGS);
  const { Lines } = await import('../../drivers/transport/lines.ts');
  const { listenToLine } = await import('../../drivers/recording/line.ts');
  const { decoderOf } = await import('../../drivers/recording/decode.ts');
  const { Timeline } = await import('../platform/timeline.ts');
  const radioSocket = (of: string): string => radioSocketOf(runtimeDirectory, of);
  const lines = new Lines({ clock, networkClock: clock, random: Math.random, radioSocket });
  const timeline = new Timeline(clock);
  const now = (): number => timeline.now();
  const { driver, role } = sensor;
  const recorded = { id, driver, options: { ...sensor.options, ...(role === 'transactions' && { role }) } };
  const failures: unknown[] = [];
  const listener = {
    begin: () => {
      recorder.begin(recorded, now());
      watch.begin();
    },
    bytes: (chunk: Uint8Array, atMs: number) => {
      recorder.take(chunk, atMs).catch((error: unknown) => {
        failures.push(error);
        ending.end('asked');
      });
    },
  };
  const line = { transport: lines.of(sensor), decoder: decoderOf(recorded), now };
  await listenToLine(line, listener, ending.signal).catch(noBytes);
  if (failures.length > 0) throw failures[0];
}

async function sensorOf(id: string, path: string): Promise<{ sensor: SensorSettings; runtimeDirectory: string }> {
  const { readBase } = await import('../settings/last-good.ts');
  const { sensors, runtimeDirectory } = readBase({ path }).settings;
  const sensor = sensors.find((known) => known.id === id);
  if (sensor !== undefined) return { sensor, runtimeDirectory };
  const known = sensors.map((one) => one.id).join(', ');
  throw wrongUse('sensor_unknown', `expected the name of a sensor of ${path}, received "${id}"`, `There are: ${known}`);
}

interface Told {
  path: string;
  id: string;
  source: 'daemon' | 'line';
  expiresMs: number;
  end: StreamEndReason;
  endMs: number;
  json: boolean;
}

async function tell({ path, id, source, expiresMs, end, endMs, json }: Told, recorder: Recorder): Promise<void> {
  const { sensor, startMs, bytes, chunks, frames, fileBytes } = recorder;
  const { renderRecorded } = await import('./view/record.ts');
  const summary = {
    ...{ file: path, sensor: id, driver: sensor?.driver ?? '', source, start_ms: startMs, end_ms: endMs, end },
    ...{ whole: WHOLE.includes(end), bytes, chunks, frames, file_bytes: fileBytes, expires_ms: expiresMs },
  };
  process.stdout.write(json ? `${JSON.stringify(summary)}\n` : renderRecorded(summary));
}

function checkUse(options: Options): void {
  if (options.withAddresses !== true) {
    throw wrongUse(
      'addresses_unasked',
      'a recording holds the hardware addresses of all devices in reach of the sensor, customers included; nothing else on this box ever keeps them',
      'If that is needed to find a fault, and allowed here, say so: --with-addresses. The file is encrypted and expires.',
    );
  }
  if (options.expires > options.for) return;
  throw wrongUse('expiry_early', 'expected --expires later than the end of the recording', 'For example --expires 1d');
}

async function lockOf({ recipient, passphraseFile }: Options): Promise<Lock> {
  if (recipient !== undefined) return { recipients: recipient };
  const { askPassphrase, readPassphrase } = await import('./passphrase.ts');
  if (passphraseFile !== undefined) return { passphrase: readPassphrase(passphraseFile) };
  const { SHORTEST_PASSPHRASE } = await import('../../drivers/recording/sealed.ts');
  const instead = 'Use --passphrase-file FILE or --recipient KEY.';
  const question = { message: 'Passphrase of the recording', shortest: SHORTEST_PASSPHRASE, instead };
  return { passphrase: await askPassphrase(question) };
}

/** The daemon's database may lie on the same disk. */
async function checkSpace(path: string, mostBytes: number): Promise<void> {
  const { dirname, resolve } = await import('node:path');
  const { readDisk } = await import('../platform/disk.ts');
  const { formatBytes } = await import('./view/format.ts');
  const { freeBytes } = await readDisk(dirname(resolve(path)));
  const needed = mostBytes + RESERVE_BYTES;
  if (freeBytes === null || freeBytes >= needed) return;
  const message = `expected ${formatBytes(needed)} free on the disk of ${path}, found ${formatBytes(freeBytes)}`;
  throw new AgentError('disk_short', message, 'Name a lower --max-size, or another disk.');
}

function misused(error: unknown): never {
  const { code } = error as { code?: string };
  const mistakes = ['recording_exists', 'recording_unfinished', 'passphrase_short', 'recipient_invalid'];
  throw mistakes.includes(code ?? '') ? endingWith(error, WRONG_USE) : error;
}

function nothingRecorded(): AgentError {
  return endingWith(new AgentError('recording_empty', 'ended before the sensor was heard; nothing is kept'), NO_BYTES);
}

function noBytes(error: unknown): never {
  throw endingWith(error, NO_BYTES);
}

function wrongUse(code: string, message: string, hint: string): AgentError {
  return endingWith(new AgentError(code, message, hint), WRONG_USE);
}

function duration(mostMs: number): (text: string) => number {
  return (text) => {
    const match = /^(\d{1,7})([smhd])$/.exec(text);
    const ms = match === null ? 0 : Number(match[1]) * UNITS[match[2] as keyof typeof UNITS];
    if (ms > 0 && ms <= mostMs) return ms;
    const most = mostMs / UNITS.d;
    throw new InvalidArgumentError(
      `expected a duration such as 30s, 15m, 2h or 1d, at most ${most}d; received "${text}"`,
    );
  };
}

function size(text: string): number {
  const match = /^(\d{1,5})(MB|GB)$/i.exec(text);
  const bytes = match === null ? 0 : Number(match[1]) * (match[2].toUpperCase() === 'GB' ? 1_000 : 1) * MEGABYTE;
  if (bytes > 0) return bytes;
  throw new InvalidArgumentError(`expected a size such as 64MB or 1GB, received "${text}"`);
}
