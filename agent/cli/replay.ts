/** `footfall replay`: counts what was recorded, by the very code that counts live, without storage or uplink. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { DecoderOptions } from '../../drivers/driver.ts';
import type { RecordedSensor, RecordedStream } from '../../drivers/recording/recorded-stream.ts';
import type { Parameters, SensorParameters } from '../analytics/parameters.ts';
import type { SealedWindow } from '../analytics/records.ts';
import { AgentError } from '../errors.ts';
import { DRIVER_FACTS, DRIVER_NAMES } from '../settings/sensor-drivers.ts';
import type { SensorDriver, Settings } from '../settings/settings.ts';
import { endingWith, WRONG_USE } from './exit-codes.ts';
import { timeZone, wholeNumber } from './options.ts';

/** Without settings, by role. */
const PLACES = { door: 'main', zone: 'shop', transactions: 'till' } as const;

interface ReplayCliOptions {
  settings?: string;
  passphraseFile?: string;
  identity?: string;
  sensor?: string;
  driver?: SensorDriver;
  raw?: boolean;
  baud?: number;
  decode?: boolean;
  windowMinutes: number;
  gate: number;
  timeZone: string;
  json?: boolean;
}

export function register(program: Command): void {
  program
    .command('replay')
    .argument('<FILE>', 'a recording of "footfall record" or "footfall simulate", or a capture (.pcap)')
    .description('count a recording: the same decoders, hashing and counting as live')
    .option('-s, --settings <FILE>', 'count with the store, hours and sensors of these settings')
    .option('--window-minutes <N>', 'length of a window without settings, a divisor of 60', windowMinutes, 15)
    .option('--gate <DBM>', 'RSSI above which a device is inside, without settings', dbm, -70)
    .option('--time-zone <ZONE>', "the store's IANA time zone, without settings", timeZone, 'UTC')
    .option('--passphrase-file <FILE>', 'file whose first line opens an encrypted recording (default: asked, hidden)')
    .option('--identity <FILE>', 'identity file of age (AGE-SECRET-KEY-1...) that opens it')
    .option('--sensor <ID>', 'only this sensor of the recording; with --raw, whose bytes they are')
    .addOption(new Option('--driver <NAME>', 'try this decoder on the bytes').choices(DRIVER_NAMES))
    .option('--raw', 'FILE is what one port sent, as of "cat /dev/ttyUSB0": needs --driver, or --settings and --sensor')
    .option('--baud <N>', 'with --raw, bits per second of the port (default: as usual for the driver)', wholeNumber)
    .option('--decode', 'do not count: tell what the decoders make of the bytes, never an address')
    .option('--json', 'print every record as a JSON line; with --decode one JSON object')
    .addHelpText(
      'after',
      `
Without --settings a store that is always open is assumed.
With --settings a sensor of the recording is the configured one of the same id.
The decoders are told what they were told when it was recorded. The bytes of
--raw have no times: they are spread at the speed of the line.
A recording that has expired is not opened: delete it.

Exit codes: 0 replayed, 1 the file cannot be read or opened, or is no recording,
64 wrong use, 130 ended at the question.

Examples:
  footfall replay capture.pcap --gate -70
  footfall replay day.stream --settings shop.yaml
  footfall replay day.stream --json | grep '"kind":"day"'
  footfall replay front.age --decode
  footfall replay front.age --decode --driver wifi-lines --identity key.txt
  footfall replay bytes.bin --raw --driver ble-nrf --decode`,
    )
    .action(replay);
}

function windowMinutes(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 60 && 60 % value === 0) return value;
  throw new InvalidArgumentError(`expected minutes that divide 60, received "${text}"`);
}

function dbm(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= -127 && value <= 0) return value;
  throw new InvalidArgumentError(`expected dBm from -127 to 0, received "${text}"`);
}

async function replay(file: string, options: ReplayCliOptions): Promise<void> {
  const settings = options.settings === undefined ? null : await load(options.settings);
  const opened = await openFile(file, options, settings);
  const recording = { ...narrowed(opened, options), endOf: () => opened.end };
  if (options.decode === true) await decode(file, recording, options.json === true);
  else await count(file, recording, options, settings);
}

interface Opened extends Pick<RecordedStream, 'header' | 'chunks'> {
  /** How it ends, once all is read. */
  endOf: () => RecordedStream['end'];
}

async function decode(file: string, recording: Opened, json: boolean): Promise<void> {
  const { decodeRecording } = await import('../../drivers/recording/decode.ts');
  const { renderDecoded } = await import('./view/replay-decode.ts');
  const { terminalOf } = await import('./view/style.ts');
  const sensors = await decodeRecording(recording);
  const { startMs, version = null, expiresMs = null } = recording.header;
  const end = recording.endOf();
  const decoded = {
    ...{ file, start_ms: startMs, end_ms: end?.timeMs ?? null, end: end?.reason ?? null },
    ...{ version, expires_ms: expiresMs },
    sensors: sensors.map(({ readings, counts, ...rest }) => ({
      ...rest,
      ...{ bytes: counts.bytes, accepted: counts.accepted },
      rejected: Object.fromEntries(Object.entries(counts.rejected).filter(([, number]) => number > 0)),
      readings: Object.fromEntries(
        Object.entries(readings).map(([kind, { count, firstMs, lastMs }]) => [
          kind,
          { count, first_ms: Math.floor(firstMs), last_ms: Math.floor(lastMs) },
        ]),
      ),
    })),
  };
  const text = json ? `${JSON.stringify(decoded)}\n` : renderDecoded(decoded, terminalOf(process.stdout, process.env));
  process.stdout.write(text);
}

async function count(
  file: string,
  recording: Opened,
  options: ReplayCliOptions,
  settings: Settings | null,
): Promise<void> {
  const { header, chunks } = recording;
  const parameters = await parametersFor(header.sensors, options, settings);
  const { Replay } = await import('../replay.ts');
  const windows: SealedWindow[] = [];
  const run = new Replay({
    parameters,
    startMs: header.startMs,
    decoders: decodersOf(header.sensors, settings),
    sealed: (window) => {
      if (options.json === true) {
        for (const record of window.records) process.stdout.write(`${JSON.stringify(record)}\n`);
      } else windows.push(window);
    },
  });
  let last = header.startMs;
  for await (const chunk of chunks) {
    await run.advanceTo(chunk.timeMs);
    run.deliver(chunk.sensorId, chunk.bytes);
    last = chunk.timeMs;
  }
  const end = recording.endOf();
  if (end !== null) await run.advanceTo(end.timeMs);
  await run.finish();
  if (options.json === true) return;
  const { renderReplay } = await import('./view/replay.ts');
  const { renderEnd } = await import('./view/replay-decode.ts');
  const { terminalOf } = await import('./view/style.ts');
  const sensors = run.station.sensors.map((sensor) => sensor.status());
  const report = { file, windows, sensors, lastMs: end?.timeMs ?? last, timeZone: parameters.timeZone };
  process.stdout.write(renderReplay(report, terminalOf(process.stdout, process.env)) + renderEnd(end?.reason ?? null));
}

async function load(path: string): Promise<Settings> {
  const { loadSettings } = await import('../settings/load.ts');
  return loadSettings(path);
}

/** What is in the file, whatever it is. */
async function openFile(file: string, options: ReplayCliOptions, settings: Settings | null): Promise<RecordedStream> {
  const { kindOf, openRaw, openRecording } = await import('../../drivers/recording/open.ts');
  if (options.raw === true) {
    const { sensor, baud } = rawSensor(options, settings);
    return openRaw(file, sensor, options.baud ?? baud);
  }
  if (options.baud !== undefined) throw wrongUse('expected --baud with --raw only', 'A recording has its times.');
  const kind = await kindOf(file);
  if (kind !== 'other') return openRecording(file, { ...(await keysFor(kind, options)), nowMs: Date.now() });
  const { openCapture } = await import('../../drivers/wifi/capture-file.ts');
  const { startMs, chunks } = openCapture(file);
  const header = { startMs, sensors: [{ id: 'capture', driver: 'wifi-pcap' }] };
  return { header, chunks: asChunks(chunks), end: null };
}

async function* asChunks(chunks: Iterable<{ timeMs: number; bytes: Uint8Array }>): RecordedStream['chunks'] {
  for (const chunk of chunks) yield { ...chunk, sensorId: 'capture' };
}

async function keysFor(kind: 'plain' | 'passphrase' | 'identity', { passphraseFile, identity }: ReplayCliOptions) {
  if (kind === 'plain') return {};
  const { askPassphrase, readPassphrase, readSecretFile } = await import('./passphrase.ts');
  if (kind === 'identity') {
    if (identity !== undefined) return { identity: readSecretFile(identity, 'the identity') };
    const hint = 'Name the file that age-keygen wrote for one of its recipients: --identity FILE';
    throw wrongUse('expected an identity that opens this encrypted recording, received none', hint);
  }
  if (passphraseFile !== undefined) return { passphrase: readPassphrase(passphraseFile) };
  const instead = 'Use --passphrase-file FILE.';
  return { passphrase: await askPassphrase({ message: 'Passphrase of the recording', shortest: 0, instead }) };
}

/** Whose bytes a file of bare bytes has, and at which speed they came. */
function rawSensor(
  { driver, sensor: id = 'raw' }: ReplayCliOptions,
  settings: Settings | null,
): { sensor: RecordedSensor; baud: number } {
  const configured = settings?.sensors.find((sensor) => sensor.id === id);
  if (driver !== undefined) return { sensor: { id, driver }, baud: DRIVER_FACTS[driver].baud };
  if (configured !== undefined) {
    const { driver: named, options, baud } = configured;
    return { sensor: { id, driver: named, options }, baud };
  }
  throw wrongUse(
    'expected the driver of raw bytes',
    'Name it: --driver NAME, or --settings FILE and --sensor ID of it.',
  );
}

/** Only the sensor that was named, under the driver that is to be tried. */
function narrowed({ header, chunks }: RecordedStream, { sensor: id, driver, raw }: ReplayCliOptions) {
  if (raw === true || (id === undefined && driver === undefined)) return { header, chunks };
  const ids = header.sensors.map((sensor) => sensor.id);
  const chosen = id === undefined ? header.sensors : header.sensors.filter((sensor) => sensor.id === id);
  if (chosen.length === 0) throw wrongUse(`expected a sensor of the recording`, `There are: ${ids.join(', ')}`);
  if (driver !== undefined && chosen.length > 1) {
    throw wrongUse('expected one sensor to try a decoder on', `Choose one of ${ids.join(', ')}: --sensor ID`);
  }
  const sensors = driver === undefined ? chosen : chosen.map((sensor) => ({ ...sensor, driver }));
  return { header: { ...header, sensors }, chunks: id === undefined ? chunks : chunksOf(chunks, id) };
}

async function* chunksOf(chunks: RecordedStream['chunks'], id: string): RecordedStream['chunks'] {
  for await (const chunk of chunks) if (chunk.sensorId === id) yield chunk;
}

/** What was recorded with the bytes counts before what the settings say now. */
function decodersOf(sensors: readonly RecordedSensor[], settings: Settings | null): Map<string, DecoderOptions> {
  const configured = new Map(settings?.sensors.map(({ id, options }) => [id, options]));
  return new Map(sensors.map(({ id, options }) => [id, { ...configured.get(id), ...options }]));
}

async function parametersFor(
  sensors: readonly RecordedSensor[],
  options: ReplayCliOptions,
  settings: Settings | null,
): Promise<Parameters> {
  if (settings !== null) {
    const { toParameters } = await import('../settings/parameters.ts');
    const parameters = toParameters(settings);
    const unknown = sensors.filter(({ id }) => !parameters.sensors.some((sensor) => sensor.id === id));
    if (unknown.length > 0) {
      throw new AgentError(
        'replay_sensors',
        `expected settings for the recording's sensors ${sensors.map(({ id }) => id).join(', ')}, found none for ${unknown.map(({ id }) => id).join(', ')}`,
        'Give the sensors in the settings the same ids.',
      );
    }
    const { driver } = options;
    if (driver === undefined) return parameters;
    const tried = parameters.sensors.map((sensor) =>
      sensors.some(({ id }) => id === sensor.id) ? { ...sensor, driver } : sensor,
    );
    return { ...parameters, sensors: tried };
  }
  const { driverNamed } = await import('../../drivers/registry.ts');
  const roleOf = ({ driver, options: told }: RecordedSensor): SensorParameters['role'] => {
    if (told?.role === 'transactions') return 'transactions';
    return driverNamed(driver).kind === 'door' ? 'door' : 'zone';
  };
  return {
    id: 'replay',
    store: 'replay',
    timeZone: options.timeZone,
    hours: { week: Array.from({ length: 7 }, (): [number, number][] => [[0, 1440]]), exceptions: {} },
    windowMinutes: options.windowMinutes,
    graceMs: 10_000,
    visitGapMs: 300_000,
    passingSeconds: 20,
    sensors: sensors.map((sensor, index) => {
      const role = roleOf(sensor);
      const { id, driver } = sensor;
      return { index, id, driver, role, place: PLACES[role], gateDbm: options.gate, swap: false };
    }),
  };
}

function wrongUse(message: string, hint: string): AgentError {
  return endingWith(new AgentError('wrong_use', message, hint), WRONG_USE);
}
