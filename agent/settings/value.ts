/** From the plain value of a settings file to `Settings`, or to everything that is wrong with it. */
import { crossCheck } from './checks.ts';
import { asRow, describeIssue, type Finding } from './issues.ts';
import { type ReadProfile, readModbusProfile } from './modbus-profile.ts';
import { type SettingsFile, settingsSchema } from './schema.ts';
import { completeSensor, toSensor } from './sensor.ts';
import type { Profiles } from './sensor-checks.ts';
import { isSensorDriver, keysOf } from './sensor-drivers.ts';
import { sensorSchema } from './sensor-schema.ts';
import type { Settings, UplinkSettings } from './settings.ts';
import type { Path } from './source.ts';

export interface CheckedValue {
  settings: Settings;
  /** The same in the file's own keys and words, with nothing left to defaults. */
  file: SettingsFile;
  /** The Modbus profiles that it names. */
  profiles: Profiles;
}

/**
 * The settings, or every finding; each is told whatever else is wrong.
 * @param profiles the Modbus profiles that the value names; read from their files unless given.
 */
export function checkValue(value: unknown, profiles = readProfiles(value)): CheckedValue | { findings: Finding[] } {
  const parsed = settingsSchema.safeParse(value);
  const { findings, hours } = crossCheck(value, profiles);
  if (parsed.success && findings.length === 0) {
    const sensors = parsed.data.sensors.map((sensor) => completeSensor(sensor, profileOf(sensor, profiles)));
    const file = { ...parsed.data, sensors };
    return { settings: toSettings(file, hours, profiles), file, profiles };
  }
  const knownAt = (path: Path) => keysAt(value, path);
  const told = parsed.success ? [] : parsed.error.issues.flatMap((issue) => describeIssue(issue, value, knownAt));
  return { findings: [...told, ...findings] };
}

/** All Modbus profiles that a settings file's value names. */
export function readProfiles(value: unknown, read: (name: string) => ReadProfile = readModbusProfile): Profiles {
  const { sensors } = asRow(value);
  const rows = Array.isArray(sensors) ? sensors.map(asRow) : [];
  const names = rows.flatMap(({ driver, profile }) => (driver === 'door-modbus' ? [profile] : []));
  const { profile: named } = sensorSchema.shape;
  const known = new Set(names.flatMap((name) => named.safeParse(name).data ?? []));
  return new Map([...known].map((name) => [name, read(name)]));
}

function profileOf({ profile }: { profile?: string | undefined }, profiles: Profiles) {
  const read = profile === undefined ? undefined : profiles.get(profile);
  return read && 'profile' in read ? read.profile : undefined;
}

/** To a sensor only the keys are known that its driver reads. */
function keysAt(value: unknown, [section, index, ...rest]: Path): string[] | null {
  const { sensors } = asRow(value);
  if (section !== 'sensors' || !Array.isArray(sensors) || typeof index !== 'number' || rest.length > 0) return null;
  const { driver } = asRow(sensors[index]);
  return isSensorDriver(driver) ? keysOf(driver) : null;
}

function toSettings(file: SettingsFile, hours: Settings['store']['hours'], profiles: Profiles): Settings {
  const { counting, storage } = file;
  return {
    tenant: file.tenant,
    gateway: file.gateway,
    store: { id: file.store.id, timeZone: file.store.time_zone, hours },
    sensors: file.sensors.map((sensor) => toSensor(sensor, profileOf(sensor, profiles))),
    counting: {
      windowMinutes: counting.window_minutes,
      graceSeconds: counting.grace_seconds,
      visitGapSeconds: counting.visit_gap_seconds,
      passingSeconds: counting.passing_seconds,
    },
    storage: {
      directory: storage.directory,
      commitSeconds: storage.commit_seconds,
      doorCommitSeconds: storage.door_commit_seconds,
      bufferBytes: storage.buffer_mib * 1024 * 1024,
      bufferHours: storage.buffer_hours,
    },
    runtimeDirectory: file.runtime_directory,
    ...(file.uplink && { uplink: toUplink(file.uplink) }),
    log: file.log,
    ...(file.metrics && { metrics: file.metrics }),
    clock: file.clock,
    ...(file.share.visitors && { share: file.share }),
    locked: file.locked,
  };
}

function toUplink(uplink: NonNullable<SettingsFile['uplink']>): UplinkSettings {
  return {
    url: uplink.url,
    ...(uplink.username !== undefined && { username: uplink.username }),
    ...(uplink.password_file !== undefined && { passwordFile: uplink.password_file }),
    ...(uplink.ca_file !== undefined && { caFile: uplink.ca_file }),
    ...(uplink.cert_file !== undefined && { certFile: uplink.cert_file }),
    ...(uplink.key_file !== undefined && { keyFile: uplink.key_file }),
    ack: uplink.ack,
    window: uplink.window,
    staggerSeconds: uplink.stagger_seconds,
  };
}
