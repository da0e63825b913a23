/** `footfall replay`: counts what was recorded, by the very code that counts live, without storage or uplink. */
import { type Command, InvalidArgumentError } from 'commander';
import type { Parameters } from '../analytics/parameters.ts';
import type { SealedWindow } from '../analytics/records.ts';
import { timeZone } from './options.ts';

interface ReplayCliOptions {
  settings?: string;
  windowMinutes: number;
  gate: number;
  timeZone: string;
  json?: boolean;
}

/** Bytes of one sensor, and when they arrived, UTC milliseconds; ascending. */
interface Chunk {
  timeMs: number;
  sensorId: string;
  bytes: Uint8Array;
}

interface Recording {
  startMs: number;
  sensors: { id: string; driver: string }[];
  chunks: AsyncIterable<Chunk>;
}

export function register(program: Command): void {
  program
    .command('replay')
    .argument('<FILE>', 'a capture (.pcap) or a recording made by "footfall simulate"')
    .description('count a recording: the same decoders, hashing and counting as live')
    .option('-s, --settings <FILE>', 'count with the store, hours and sensors of these settings')
    .option('--window-minutes <N>', 'length of a window without settings, a divisor of 60', windowMinutes, 15)
    .option('--gate <DBM>', 'RSSI above which a device is inside, without settings', dbm, -70)
    .option('--time-zone <ZONE>', "the store's IANA time zone, without settings", timeZone, 'UTC')
    .option('--json', 'print every record as a JSON line')
    .addHelpText(
      'after',
      `
Without --settings a store that is always open is assumed.
With --settings a sensor of the recording is the configured one of the same id.

Exit codes: 0 replayed, 1 the file cannot be read or is no recording, 64 wrong use.

Examples:
  footfall replay capture.pcap --gate -70
  footfall replay day.stream --settings shop.yaml
  footfall replay day.stream --json | grep '"kind":"day"'`,
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
  const recording = await openRecording(file);
  const parameters = await parametersFor(recording, options);
  const { Replay } = await import('../replay.ts');
  const windows: SealedWindow[] = [];
  const run = new Replay({
    parameters,
    startMs: recording.startMs,
    sealed: (window) => {
      if (options.json === true) {
        for (const record of window.records) process.stdout.write(`${JSON.stringify(record)}\n`);
      } else windows.push(window);
    },
  });
  let last = recording.startMs;
  for await (const chunk of recording.chunks) {
    await run.advanceTo(chunk.timeMs);
    run.deliver(chunk.sensorId, chunk.bytes);
    last = chunk.timeMs;
  }
  await run.finish();
  if (options.json !== true) {
    const { renderReplay } = await import('./view/replay.ts');
    const { terminalOf } = await import('./view/style.ts');
    const sensors = run.station.sensors.map((sensor) => sensor.status());
    process.stdout.write(
      renderReplay(
        { file, windows, sensors, lastMs: last, timeZone: parameters.timeZone },
        terminalOf(process.stdout, process.env),
      ),
    );
  }
}

async function openRecording(file: string): Promise<Recording> {
  const { closeSync, createReadStream, openSync, readSync } = await import('node:fs');
  const { AgentError, reasonOf } = await import('../errors.ts');
  const head = Buffer.alloc(4);
  try {
    const descriptor = openSync(file, 'r');
    readSync(descriptor, head);
    closeSync(descriptor);
  } catch (error) {
    throw new AgentError('recording_unreadable', `cannot read the recording: ${reasonOf(error)}`, 'Check the path.');
  }
  if (head[0] !== 0x7b) {
    const { openCapture } = await import('../../drivers/wifi/capture-file.ts');
    const capture = openCapture(file);
    return {
      startMs: capture.startMs,
      sensors: [{ id: 'capture', driver: 'wifi-pcap' }],
      chunks: asChunks(capture.chunks),
    };
  }
  const { openRecordedStream } = await import('../../drivers/simulator/recorded-stream.ts');
  const { header, chunks } = await openRecordedStream(createReadStream(file));
  return { ...header, chunks };
}

async function* asChunks(chunks: Iterable<{ timeMs: number; bytes: Uint8Array }>): AsyncGenerator<Chunk> {
  for (const chunk of chunks) yield { ...chunk, sensorId: 'capture' };
}

async function parametersFor(recording: Recording, options: ReplayCliOptions): Promise<Parameters> {
  const { AgentError } = await import('../errors.ts');
  if (options.settings !== undefined) {
    const { loadSettings } = await import('../settings/load.ts');
    const { toParameters } = await import('../settings/parameters.ts');
    const parameters = toParameters(loadSettings(options.settings));
    const unknown = recording.sensors.filter(({ id }) => !parameters.sensors.some((sensor) => sensor.id === id));
    if (unknown.length === 0) return parameters;
    throw new AgentError(
      'replay_sensors',
      `expected settings for the recording's sensors ${recording.sensors.map(({ id }) => id).join(', ')}, found none for ${unknown.map(({ id }) => id).join(', ')}`,
      'Give the sensors in the settings the same ids.',
    );
  }
  const { driverNamed } = await import('../../drivers/registry.ts');
  return {
    id: 'replay',
    store: 'replay',
    timeZone: options.timeZone,
    hours: { week: Array.from({ length: 7 }, (): [number, number][] => [[0, 1440]]), exceptions: {} },
    windowMinutes: options.windowMinutes,
    graceMs: 10_000,
    visitGapMs: 300_000,
    passingSeconds: 20,
    sensors: recording.sensors.map(({ id, driver }, index) => ({
      index,
      id,
      driver,
      role: driverNamed(driver).kind === 'door' ? 'door' : 'zone',
      place: driverNamed(driver).kind === 'door' ? 'main' : 'shop',
      gateDbm: options.gate,
      swap: false,
    })),
  };
}
