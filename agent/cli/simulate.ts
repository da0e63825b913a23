/**
 * `footfall simulate`: a store that does not exist, as the bytes its sensors would send, with the truth beside them; or a
 * fleet of gateways that do not exist, against a broker that does.
 */
import { type Command, InvalidArgumentError } from 'commander';
import type { DecoderOptions } from '../../drivers/driver.ts';
import type { RecordedSensor } from '../../drivers/recording/recorded-stream.ts';
import type { SimulatedSensor } from '../../drivers/simulator/options.ts';
import type { SimulatedStore } from '../../drivers/simulator/store.ts';
import type { MemoryTransport } from '../../drivers/transport/stream.ts';
import { DRIVER_FACTS, DRIVER_NAMES, isSensorDriver } from '../settings/sensor-drivers.ts';
import type { SensorDriver } from '../settings/settings.ts';
import { addFleetOptions, driveFleet, FLEET_HELP, type FleetVerbOptions, wantsFleet } from './fleet/verb.ts';
import { decimal, timeZone, wholeNumber } from './options.ts';

interface SimulateOptions {
  out: string;
  sensor?: SimulatedSensor[];
  truth?: string;
  seed: number;
  date: string;
  open: string;
  timeZone: string;
  passers?: number;
  enters?: number;
  doorMiss?: number;
  json?: boolean;
}

const SENSORS: SimulatedSensor[] = [
  { id: 'shop-wifi', driver: 'wifi-pcap' },
  { id: 'main-door', driver: 'door-lines' },
];

/** The last of the staff may leave when it ends: so long are the sensors heard out, those that are asked included. */
const LAST_WORD_MS = 10_000;

/** Options of a recording, as commander names them: a fleet has no use for them. */
const RECORDING_ALONE = ['out', 'sensor', 'truth', 'date', 'open', 'timeZone', 'passers', 'enters', 'doorMiss'];

/** What a driver's module comes in, besides its usual form. */
const VARIANTS: Partial<Record<SensorDriver, readonly string[]>> = {
  'wifi-lines': ['6', '9', '10'],
  'wifi-pcap': ['serialpcap', 'dlt105', 'marauder', 'marauder-ppi'],
  'ble-nrf': ['v1', 'v2', 'v3'],
  'ble-json': ['contract', 'bleuio', 'openmqttgateway'],
  'door-modbus': ['wb-mcm8', 'moxa', 'vmu-mc'],
  'door-teraranger': ['11'],
  'door-lines': ['integer', 'events'],
  'door-contact': ['both'],
};
/** The counter profile that a simulated Modbus unit is read by, where it is not called the same. */
const PROFILES: Readonly<Record<string, string>> = { moxa: 'moxa-r1212' };
/** Where a Sniffle dongle is told to stay, unless a sensor says otherwise. */
const ADVERTISING_CHANNEL = 37;

export function register(program: Command): void {
  const command = program
    .command('simulate')
    .description(
      "write a simulated store's day as the bytes of its sensors, or drive a simulated fleet against a broker",
    )
    .option('-o, --out <FILE>', 'recording to write, for "footfall replay"')
    .option('--sensor <ID=DRIVER>', 'a sensor of the store, or ID=DRIVER:VARIANT; may be repeated', sensorOption)
    .option('--truth <FILE>', 'write the truth as JSON')
    .option('--seed <N>', 'the same seed gives the same bytes and the same counts', wholeNumber, 1)
    .option('--date <YYYY-MM-DD>', 'local date', isoDate, '2026-03-02')
    .option('--open <HH:MM-HH:MM>', 'opening hours, local', openHours, '09:00-19:00')
    .option('--time-zone <ZONE>', 'IANA time zone of the store', timeZone, 'Europe/Prague')
    .option('--passers <N>', 'people passing an hour; drawn from 20 to 1500 by the seed when absent', decimal)
    .option('--enters <PERCENT>', 'share of them that enters; drawn from 3 to 30 by the seed when absent', decimal)
    .option('--door-miss <PERCENT>', 'passages the door counter misses; drawn by the seed when absent', decimal)
    .option('--json', 'print the truth as JSON');
  addFleetOptions(command, RECORDING_ALONE)
    .addHelpText(
      'after',
      `
Without --sensor the store has a sniffer shop-wifi=wifi-pcap and a counter
main-door=door-lines. It is simulated from a quarter of an hour before opening
until half an hour after closing. Sensors that have to be asked are asked, by
their own drivers; the recording holds what they answer.

Drivers, with what their modules come in:
${driverList()}

${FLEET_HELP}

Exit codes: 0 written, or all of the fleet's batches acknowledged; 1 could not write, or a batch of the fleet is held, rejected
or dropped; 64 wrong use; 130 stopped by Ctrl-C (the unfinished file is removed), for a fleet before the end of --windows.

Examples:
  footfall simulate --out day.stream --seed 7
  footfall simulate --out busy.stream --passers 800 --enters 15 --truth truth.json
  footfall simulate --out three.stream --sensor hall=wifi-lines:9 --sensor air=ble-nrf --sensor gate=door-modbus
  footfall replay day.stream
  footfall simulate --fleet 1000 --broker mqtt://127.0.0.1:1883 --every 60
  footfall simulate --fleet 200 --windows 10 --every 2 --json`,
    )
    .action(async (options: SimulateOptions & FleetVerbOptions) => {
      if (!wantsFleet(command)) return simulate(options);
      process.exitCode = await driveFleet(options);
    });
}

/** `ID=DRIVER` or `ID=DRIVER:VARIANT`, added to those before. */
function sensorOption(text: string, before: SimulatedSensor[] = []): SimulatedSensor[] {
  const match = /^([a-z0-9_-]{1,64})=([^:]+)(?::(.+))?$/.exec(text);
  if (match === null) throw new InvalidArgumentError(`expected a sensor such as gate=door-modbus, received "${text}"`);
  const [, id, driver, variant] = match;
  if (!isSensorDriver(driver)) {
    throw new InvalidArgumentError(`expected one of ${DRIVER_NAMES.join(', ')}, received "${driver}"`);
  }
  if (before.some((sensor) => sensor.id === id)) {
    throw new InvalidArgumentError(`expected an id that no other sensor has, received "${id}" twice`);
  }
  const variants = VARIANTS[driver] ?? [];
  if (variant !== undefined && !variants.includes(variant)) {
    const expected = variants.length === 0 ? `no variant of ${driver}` : `${driver}:${variants.join(', :')}`;
    throw new InvalidArgumentError(`expected ${expected}, received "${variant}"`);
  }
  return [...before, { id, driver, ...shapeOf(driver, variant) }];
}

function shapeOf(driver: SensorDriver, variant: string | undefined): Partial<SimulatedSensor> {
  if (variant === undefined) return {};
  return driver === 'wifi-lines' ? { fields: Number(variant) as 6 | 9 | 10 } : { variant };
}

function driverList(): string {
  return DRIVER_NAMES.map((name) => {
    const variants = VARIANTS[name];
    return variants === undefined ? `  ${name}` : `  ${name.padEnd(15)} :${variants.join(' :')}`;
  }).join('\n');
}

function isoDate(text: string): string {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text))
    throw new InvalidArgumentError(`expected a date such as 2026-03-02, received "${text}"`);
  return text;
}

function openHours(text: string): string {
  if (!/^\d{2}:\d{2}-\d{2}:\d{2}$/.test(text))
    throw new InvalidArgumentError(`expected hours such as 09:00-19:00, received "${text}"`);
  return text;
}

/**
 * The lines of the sensors that have to be asked, with the asking side at their other end: each driver's own speaker and
 * decoder, on the store's clock.
 */
async function openLines(
  store: SimulatedStore,
  sensors: readonly SimulatedSensor[],
): Promise<Map<string, MemoryTransport>> {
  const { driverNamed } = await import('../../drivers/registry.ts');
  const { NOBODY } = await import('../../drivers/recording/decode.ts');
  const { MemoryTransport } = await import('../../drivers/transport/stream.ts');
  const lines = new Map<string, MemoryTransport>();
  for (const sensor of sensors) {
    const decoder = driverNamed(sensor.driver).createDecoder(await toldOf(sensor));
    const { speaker } = decoder;
    if (speaker === undefined) continue;
    const line = new MemoryTransport({ clock: store.clock, take: (frame) => store.receive(sensor.id, frame) });
    line.start({
      speaker,
      bytes: (chunk) => decoder.push(chunk, store.now, NOBODY),
      up: () => undefined,
      down: () => undefined,
    });
    lines.set(sensor.id, line);
  }
  return lines;
}

/** What the settings of a gateway would tell the driver. */
async function toldOf({ driver, variant, unit = 1, channel }: SimulatedSensor): Promise<DecoderOptions> {
  if (driver === 'ble-sniffle') return { advertisingChannel: channel ?? ADVERTISING_CHANNEL };
  if (driver === 'door-contact') return variant === 'both' ? { counts: 'both' } : {};
  if (!isSensorDriver(driver) || DRIVER_FACTS[driver].bus === undefined) return {};
  if (driver !== 'door-modbus' || variant === undefined) return { unit };
  const { countersOf, loadModbusProfile } = await import('../settings/modbus-profile.ts');
  return { unit, modbus: countersOf(loadModbusProfile(PROFILES[variant] ?? variant), { in: 1, out: 2 }) };
}

/** A sensor as a recording names it. */
async function recordedOf(sensor: SimulatedSensor): Promise<RecordedSensor> {
  const { id, driver } = sensor;
  const options = await toldOf(sensor);
  return Object.keys(options).length === 0 ? { id, driver } : { id, driver, options };
}

async function simulate(options: SimulateOptions): Promise<void> {
  const { createWriteStream, rmSync, writeFileSync } = await import('node:fs');
  const { DateTime } = await import('luxon');
  const { AgentError, reasonOf } = await import('../errors.ts');
  const { SimulatedStore } = await import('../../drivers/simulator/store.ts');
  const { StreamWriter } = await import('../../drivers/recording/recorded-stream.ts');
  const { formatCount, formatDuration, formatPercent } = await import('./view/format.ts');

  const writeTruth = (path: string, text: string): void => {
    try {
      writeFileSync(path, text);
    } catch (error) {
      throw new AgentError('truth_unwritable', `cannot write the truth: ${reasonOf(error)}`, 'Check the path.');
    }
  };
  const instant = (time: string): number => {
    const local = DateTime.fromISO(`${options.date}T${time}`, { zone: options.timeZone });
    if (local.isValid) return local.toMillis();
    throw new AgentError(
      'simulate_time',
      `expected a date, hours and a time zone that exist, received ${options.date} ${options.open} ${options.timeZone}`,
      'For example --date 2026-03-02 --open 09:00-19:00 --time-zone Europe/Prague',
    );
  };
  const [openMs, closeMs] = options.open.split('-').map(instant);
  const startMs = openMs - 15 * 60_000;
  const endMs = closeMs + 30 * 60_000 + LAST_WORD_MS;
  const sensors = options.sensor ?? SENSORS;
  const store = new SimulatedStore({
    seed: options.seed,
    startMs,
    days: [{ openMs, closeMs }],
    sensors,
    ...(options.passers === undefined ? {} : { passersPerHour: options.passers }),
    ...(options.enters === undefined ? {} : { entersShare: options.enters / 100 }),
    ...(options.doorMiss === undefined ? {} : { doorMiss: options.doorMiss / 100 }),
  });
  const lines = await openLines(store, sensors);
  const { out } = options;
  // Before the work, so that a day is not simulated in vain.
  if (options.truth !== undefined) writeTruth(options.truth, '');
  const stream = new StreamWriter(createWriteStream(out), {
    startMs,
    sensors: await Promise.all(sensors.map(recordedOf)),
  });
  let stopped = false;
  const stop = (): void => {
    stopped = true;
  };
  process.once('SIGINT', stop);
  const progress = process.stderr.isTTY === true;
  let chunks = 0;
  for (let at = startMs; at < endMs && !stopped; ) {
    at = Math.min(at + 60_000, endMs);
    store.advance(at, (sensorId, timeMs, bytes) => {
      stream.write({ timeMs, sensorId, bytes });
      lines.get(sensorId)?.push(bytes);
      chunks++;
    });
    await stream.ready();
    if (progress) process.stderr.write(`\rsimulating ${formatPercent((at - startMs) / (endMs - startMs))} `);
  }
  await stream.end();
  process.removeListener('SIGINT', stop);
  if (progress) process.stderr.write('\r\u001b[K');
  if (stopped) {
    rmSync(out, { force: true });
    if (options.truth !== undefined) rmSync(options.truth, { force: true });
    process.exitCode = 130;
    return;
  }
  const { truth } = store;
  const told = {
    passers: truth.passers,
    entered: truth.entered,
    left: truth.left,
    entry_rate: truth.passers === 0 ? null : truth.entered / truth.passers,
    mean_dwell_ms: truth.stays === 0 ? null : Math.round(truth.staySumMs / truth.stays),
    staff_crossings: truth.staffCrossings,
    phones: truth.phones,
    sensors: Object.fromEntries(truth.sensors),
    hours: truth.hours,
    parameters: truth.parameters,
  };
  if (options.truth !== undefined) writeTruth(options.truth, `${JSON.stringify(told, null, 2)}\n`);
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(told, null, 2)}\n`);
    return;
  }
  process.stdout.write(
    `${out}: ${formatCount(chunks)} chunks of bytes, ${formatDuration(endMs - startMs)} of a store with seed ${options.seed}\n` +
      `passed ${formatCount(told.passers)}, entered ${formatCount(told.entered)} (${formatPercent(told.entry_rate)}), ` +
      `mean dwell ${formatDuration(told.mean_dwell_ms)}\n`,
  );
}
