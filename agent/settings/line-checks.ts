/** Sensors that name the same port or adapter: units of one bus may share a line, nothing else may. */
import type { Report } from './checks.ts';
import type { Row } from './issues.ts';
import type { Profiles } from './sensor-checks.ts';
import { DRIVER_FACTS, isSensorDriver, SENSOR_DEFAULTS } from './sensor-drivers.ts';

interface Named {
  index: number;
  /** As the messages call it. */
  name: string;
  row: Row;
}

export function checkLines(sensors: readonly Row[], profiles: Profiles, report: Report): void {
  const all = sensors.map((row, index): Named => {
    return { index, name: typeof row.id === 'string' ? row.id : `sensors[${index}]`, row };
  });
  const before: Named[] = [];
  for (const sensor of all) {
    const { row, index, name } = sensor;
    const first = before.find((other) => typeof row.port === 'string' && other.row.port === row.port);
    if (first) {
      // Each mistake is told once, against the first it concerns.
      const sharing = before.filter((other) => other.row.port === row.port);
      const found = refusal(first, sensor, profiles) ?? sharing.map((other) => clash(other, sensor)).find(Boolean);
      if (found) report(['sensors', index, 'port'], found);
    }
    const rival = before.find((other) => adaptersClash(other.row, row));
    if (rival) {
      const adapter = adapterOf(row);
      const path = 'adapter' in row ? ['sensors', index, 'adapter'] : ['sensors', index];
      const told =
        adapter === adapterOf(rival.row)
          ? `"${adapter}" is already the adapter of ${rival.name}; give ${name} an adapter of its own`
          : `"auto" could take the adapter of the other; name the adapters of both ${rival.name} and ${name}`;
      report(path, told);
    }
    before.push(sensor);
  }
}

/** Why two sensors cannot be on one line at all. */
function refusal(first: Named, second: Named, profiles: Profiles): string | undefined {
  const { port, driver } = second.row;
  if (!isSensorDriver(driver) || !isSensorDriver(first.row.driver)) return undefined;
  const taken = `"${port}" is already the port of ${first.name}`;
  if (driver !== first.row.driver) {
    const why = DRIVER_FACTS[driver].bus ? ` (only sensors of one driver share a line)` : '';
    return `${taken}; give ${second.name} a port of its own${why}`;
  }
  if (!DRIVER_FACTS[driver].bus) return `${taken}; give ${second.name} a port of its own`;
  for (const key of ['baud', 'parity', 'stop_bits'] as const) {
    const [one, other] = [lineOf(first.row, profiles)[key], lineOf(second.row, profiles)[key]];
    if (one === other) continue;
    const values = `${first.name} has ${one}, ${second.name} has ${other}`;
    return `${first.name} and ${second.name} share "${port}", so their ${key} must be the same; ${values}`;
  }
  return undefined;
}

/** Why two units cannot be told apart on their line. */
function clash({ name, row }: Named, second: Named): string | undefined {
  const { unit = SENSOR_DEFAULTS.unit, driver, port } = second.row;
  if ((row.unit ?? SENSOR_DEFAULTS.unit) !== unit) return undefined;
  if (driver !== 'door-modbus') {
    return `${name} and ${second.name} are both unit ${unit} on "${port}"; give ${second.name} the unit it is set to`;
  }
  if (row.profile !== second.row.profile) {
    return `${name} and ${second.name} are one module, unit ${unit} on "${port}", so their profile must be the same`;
  }
  const taken = channelsOf(row);
  const shared = channelsOf(second.row).find((channel) => taken.includes(channel));
  if (shared === undefined) return undefined;
  const help = `give ${second.name} other channels, or another unit`;
  return `channel ${shared} of unit ${unit} on "${port}" is already read by ${name}; ${help}`;
}

function channelsOf({ in_channel, out_channel, total_channel }: Row): unknown[] {
  return [in_channel, out_channel, total_channel].filter((channel) => channel !== undefined);
}

/** How a bus is opened for this sensor. */
function lineOf({ driver, profile, baud, parity, stop_bits }: Row, profiles: Profiles) {
  const read = typeof profile === 'string' ? profiles.get(profile) : undefined;
  const line = read && 'profile' in read ? read.profile.line : undefined;
  const usual = isSensorDriver(driver) ? DRIVER_FACTS[driver].baud : 0;
  return {
    baud: baud ?? line?.baud ?? usual,
    parity: parity ?? line?.parity ?? 'none',
    stop_bits: stop_bits ?? line?.stopBits ?? 1,
  };
}

function adaptersClash(one: Row, other: Row): boolean {
  const [mine, theirs] = [adapterOf(one), adapterOf(other)];
  if (mine === undefined || theirs === undefined || one.driver !== other.driver) return false;
  return mine === theirs || mine === SENSOR_DEFAULTS.adapter || theirs === SENSOR_DEFAULTS.adapter;
}

/** The adapter that a sensor listens with; undefined where it is no radio, or wrong in itself. */
function adapterOf(row: Row): string | undefined {
  if (!isSensorDriver(row.driver)) return undefined;
  const { adapter: pattern, uartBaud } = DRIVER_FACTS[row.driver];
  if (pattern === undefined || 'port' in row) return undefined;
  const adapter = row.adapter ?? (uartBaud === undefined ? undefined : SENSOR_DEFAULTS.adapter);
  return typeof adapter === 'string' && new RegExp(pattern).test(adapter) ? adapter : undefined;
}
