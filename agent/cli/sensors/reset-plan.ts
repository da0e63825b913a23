/** What resetting one sensor means, by the settings, and doing it. */
import { Exchange, type ProbeLine } from '../../../drivers/detect/line.ts';
import {
  type ModbusReset,
  RESETTABLE,
  type ResetTarget,
  readTotals,
  resetTotals,
  type Totals,
} from '../../../drivers/detect/resets.ts';
import type { LineSettings } from '../../../drivers/transport/port.ts';
import type { Clock } from '../../clock.ts';
import { realMachine } from '../../doctor/machine.ts';
import { AgentError } from '../../errors.ts';
import { readBase } from '../../settings/last-good.ts';
import { loadModbusProfile } from '../../settings/modbus-profile.ts';
import { channelsOf } from '../../settings/sensor.ts';
import type { SensorFile } from '../../settings/sensor-schema.ts';
import type { SensorSettings } from '../../settings/settings.ts';
import { endingWith, WRONG_USE } from '../exit-codes.ts';
import { ask, type Places } from '../observe.ts';
import { DEFAULT_SETTINGS, socketOf } from '../socket.ts';

export interface ResetPlan {
  port: string;
  line: LineSettings;
  target: ResetTarget;
  /** What is set to 0, for people. */
  what: string;
  /** Ids of the daemon's sensors on the same line. */
  holders: string[];
}

export interface ResetOutcome {
  /** By its totals, as an adapter's echo can look like an acknowledgement; of one that never acknowledges it is believed. */
  isDone: boolean;
  /** Null where such a counter never acknowledges. */
  acknowledged: boolean | null;
  /** Null where the counter did not tell. */
  before: Totals | null;
  after: Totals | null;
}

/** Throws `sensor_unknown`, and `reset_unknown` for a sensor of which nobody knows how. */
export async function resetPlan(id: string, places: Places): Promise<ResetPlan> {
  const base = readBase({ path: places.settings ?? DEFAULT_SETTINGS });
  const sensor = base.settings.sensors.find((each) => each.id === id);
  if (sensor === undefined) {
    const known = base.settings.sensors.map((each) => each.id).join(', ') || 'none';
    const message = `expected the id of a sensor, received "${id}": the settings have ${known}`;
    throw endingWith(new AgentError('sensor_unknown', message, 'See them: footfall sensors list'), WRONG_USE);
  }
  const { driver, port, baud, options } = sensor;
  if (!RESETTABLE.some((each) => each === driver)) {
    const message = `expected a counter that can be reset (${RESETTABLE.join(', ')}), found ${driver}`;
    throw new AgentError('reset_unknown', message, 'A counter of lines starts at 0 when it loses its power.');
  }
  const { parity, stopBits, unit, modbus } = options;
  const written = writtenSensor(base.source.value, id);
  const modbusReset = driver === 'door-modbus' ? modbusResetOf(written) : undefined;
  const all = modbusReset !== undefined && 'register' in modbusReset;
  return {
    port,
    line: { baudRate: baud, ...(parity && { parity }), ...(stopBits && { stopBits }) },
    target: {
      driver,
      options: { ...(unit !== undefined && { unit }), ...(modbus && { modbus }) },
      ...(modbusReset && { modbusReset }),
    },
    what: all ? `every channel of unit ${unit ?? 1} on ${port}` : `${id} on ${port}`,
    holders: await holdersOf(sensor, places),
  };
}

export async function resetOn(
  line: ProbeLine,
  clock: Clock,
  { line: settings, target }: ResetPlan,
): Promise<ResetOutcome> {
  const probe = await line.open(settings);
  try {
    const exchange = new Exchange(probe, clock);
    const before = await readTotals(exchange, target);
    const acknowledged = await resetTotals(exchange, target);
    const after = await readTotals(exchange, target);
    const isDone = acknowledged === null || hasFallen(before, after);
    return { isDone, before, acknowledged, after };
  } finally {
    await probe.close();
  }
}

function hasFallen(before: Totals | null, after: Totals | null): boolean {
  const sum = (totals: Totals) => totals.in + totals.out;
  if (after === null) return false;
  return sum(after) === 0 || (before !== null && sum(after) < sum(before));
}

function modbusResetOf(written: Partial<SensorFile>): ModbusReset {
  const { reset, name } = loadModbusProfile(written.profile ?? '');
  const channels = channelsOf(written);
  if (reset === undefined || channels === null) {
    const message = `expected a Modbus profile that tells how to reset, found ${name}, which does not`;
    throw new AgentError(
      'reset_unknown',
      message,
      'Add "reset" to a copy of the profile, as config/modbus/wb-mcm8.yaml has it.',
    );
  }
  if ('register' in reset) return reset;
  const numbers = 'total' in channels ? [channels.total] : [channels.in, channels.out];
  return { coils: [...new Set(numbers)].map((number) => reset.coil + reset.step * (number - 1)) };
}

/** The sensor as it is written: which profile it has is not kept further on. */
function writtenSensor(value: unknown, id: string): Partial<SensorFile> {
  const { sensors = [] } = (value ?? {}) as { sensors?: Partial<SensorFile>[] };
  return sensors.find((each) => each.id === id) ?? {};
}

/** None where no daemon runs. One that runs tries again and again to open a line that is down. */
async function holdersOf({ port }: SensorSettings, places: Places): Promise<string[]> {
  const machine = realMachine();
  const deviceOf = (path: string) => machine.realpath(path).catch(() => path);
  try {
    const device = await deviceOf(port);
    const { sensors } = await ask(await socketOf(places));
    const devices = await Promise.all(sensors.map((each) => deviceOf(each.port)));
    return sensors.filter((_, at) => devices[at] === device).map(({ id }) => id);
  } catch (error) {
    if (error instanceof AgentError && error.code === 'daemon_not_running') return [];
    throw endingWith(error, 3);
  }
}
