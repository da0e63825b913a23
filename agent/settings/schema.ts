/**
 * The settings file, key by key (snake_case). Each `error` is the phrase after "expected"; the loader adds what was
 * received and where. Descriptions and `pattern`s are for editors, by way of json-schema.ts. What concerns several keys
 * at once is in checks.ts.
 */
import { z } from 'zod';
import { DATE_PATTERN, DAYS_PATTERN, HOURS_PATTERN } from './hours.ts';
import { nearest } from './nearest.ts';
import { absolutePath, listOf, map, name, oneOf, whole } from './schema-parts.ts';
import { sensorSchema } from './sensor-schema.ts';
import type { LogModule } from './settings.ts';

/** Room for the file name of the socket: a unix socket's path has at most 107 bytes. */
const RUNTIME_DIRECTORY_LENGTH = 90;

const timeZone = z.string({ error: 'an IANA time zone such as Europe/Prague' }).refine(isTimeZone, {
  error: (issue) => {
    const meant = nearest(String(issue.input), Intl.supportedValuesOf('timeZone'));
    return meant ? `an IANA time zone (did you mean ${meant}?)` : 'an IANA time zone such as Europe/Prague';
  },
});

const BROKER = 'an address such as mqtts://broker.example:8883';
const WINDOW = 'a number of minutes that divides 60 (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30 or 60)';
const HOURS = 'opening hours such as "09:00-20:00", "09:00-12:00, 13:00-18:00", closed or 24h';
const LOCKED = 'a key such as counting.visit_gap_seconds, counting.* or sensors.*.gate_dbm';
const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

const hoursOf = (days: string, pattern: string, what: string) =>
  z
    .record(z.string().meta({ pattern }), z.string({ error: HOURS }).meta({ pattern: HOURS_PATTERN }), {
      error: `a map of ${days} to opening hours`,
    })
    .describe(`${what} Values: "09:00-20:00", "09:00-12:00, 13:00-18:00", past midnight "18:00-02:00", closed or 24h.`);

function levelOf(what: string) {
  return z.exactOptional(oneOf(LEVELS)).describe(`Level of ${what}. Default: log.level.`);
}

export const settingsSchema = map('Settings of a Footfall gateway.', {
  tenant: name('a name').describe('Who the gateway belongs to.'),
  gateway: name('a name').describe('The name of the gateway at the central platform, within the tenant.'),
  store: map('The store that is counted.', {
    id: name('a name').describe('Stays when the gateway is replaced; several gateways can serve one store.'),
    time_zone: timeZone
      .meta({ pattern: '^[A-Za-z]' })
      .describe('IANA time zone; decides where a store day begins and ends, summer time included.'),
    hours: hoursOf(
      'days',
      DAYS_PATTERN,
      'Opening hours of every day. Keys: mon to sun, ranges such as mon-fri, or daily; the more specific key wins.',
    ),
    exceptions: hoursOf('dates', DATE_PATTERN, 'Dates (2026-12-24) whose hours differ.').default({}),
    zones: listOf(name('a zone id'), 'zone ids', 0, 255)
      .optional()
      .describe('All zones of the store. When given, a sensor can name no other, and each must have a sensor.'),
    doors: listOf(name('a door id'), 'door ids', 0, 255)
      .optional()
      .describe('All doors of the store. When given, a sensor can name no other, and each must have a sensor.'),
  }),
  sensors: listOf(sensorSchema, 'sensors', 1, 255).describe('One entry a sensor.'),
  counting: map('How counting is done. Changes hold from the next window on and never rewrite the past.', {
    window_minutes: z
      .int({ error: WINDOW })
      .refine(dividesHour, { error: WINDOW })
      .meta({ enum: Array.from({ length: 60 }, (_, index) => index + 1).filter(dividesHour) })
      .default(15)
      .describe('Length of a window in minutes; divides 60.'),
    grace_seconds: whole(0, 60, 'seconds')
      .default(10)
      .describe("Seconds after a window's end in which its late readings are still taken."),
    visit_gap_seconds: whole(30, 3600, 'seconds')
      .default(300)
      .describe('Seconds of silence after which a visitor counts as gone.'),
    passing_seconds: whole(1, 600, 'seconds')
      .default(20)
      .describe('Seconds a passer-by is within reach: frontage in metres over walking speed (1.3 m/s).'),
  }).prefault({}),
  storage: map('The database.', {
    directory: absolutePath('a directory').default('/var/lib/footfall').describe("A directory of the daemon's own."),
    commit_seconds: whole(1, 60, 'seconds')
      .default(5)
      .describe('Seconds of sightings that a power cut may cost. Less wears the card more.'),
    door_commit_seconds: whole(1, 60, 'seconds')
      .default(1)
      .describe('Seconds of door crossings that a power cut may cost.'),
    buffer_mib: whole(1, 65_536, 'MiB')
      .default(256)
      .describe('MiB of unsent batches that are kept; beyond it the oldest are dropped, and the centre is told which.'),
    buffer_hours: whole(1, 87_600, 'hours')
      .default(2_160)
      .describe('Hours of windows that unsent batches are kept for, counted in windows, whatever the clock says.'),
  }).prefault({}),
  runtime_directory: absolutePath('a directory', RUNTIME_DIRECTORY_LENGTH)
    .default('/run/footfall')
    .describe("Holds the socket of `footfall status` and the day's key; on a tmpfs."),
  uplink: map("The central platform's broker. Without this section nothing is sent.", {
    url: z
      .string({ error: BROKER })
      .refine(isBroker, { error: BROKER })
      .meta({ pattern: '^mqtts?://[^/?#\\s@]+/?$' })
      .describe('mqtts:// (encrypted, port 8883 if not said) or mqtt:// (port 1883); never with a user or password.'),
    username: z.string({ error: 'a user name' }).min(1, { error: 'a user name' }).optional().describe('User name.'),
    // Known only to be refused in words: checks.ts.
    password: z.unknown().optional(),
    password_file: absolutePath('a file that holds the password')
      .optional()
      .describe('File whose one line is the password. Default: the systemd credential broker-password.'),
    ca_file: absolutePath('a file of PEM certificates')
      .optional()
      .describe("Certificates (PEM) that the broker's must lead to; mqtts:// only. Default: those the system trusts."),
    cert_file: absolutePath('a file with a client certificate (PEM)')
      .optional()
      .describe(
        'Certificate (PEM, its chain behind it) that this gateway shows the broker; with key_file. mqtts:// only.',
      ),
    key_file: absolutePath('a file with the key of the client certificate (PEM)')
      .optional()
      .describe('Key (PEM) of cert_file, without a passphrase, readable by the daemon only.'),
    ack: oneOf(['collector', 'puback'])
      .default('collector')
      .describe("What counts as delivered: the collector's own acknowledgement, or (weaker) the broker's."),
    window: whole(1, 1000, 'batches').default(128).describe('Batches under way at once.'),
    stagger_seconds: whole(0, 900, 'seconds')
      .default(60)
      .describe('Seconds over which a fleet spreads its sending; each gateway waits its own constant part of it.'),
  }).optional(),
  log: map('What is logged.', {
    level: oneOf(LEVELS).default('info').describe('The least serious level that is logged.'),
    modules: map('Levels of parts of the program, where they differ from `level`.', {
      daemon: levelOf('the daemon as a whole'),
      sensors: levelOf('sensors and their lines'),
      counting: levelOf('counting'),
      storage: levelOf('the database'),
      uplink: levelOf('delivery to the broker'),
      settings: levelOf('settings and their reload'),
    } satisfies Record<LogModule, unknown>).prefault({}),
  }).prefault({}),
  metrics: z.exactOptional(
    map('Figures for Prometheus over HTTP on 127.0.0.1. Without this section only the socket serves them.', {
      port: whole(1024, 65_535).describe('Port on 127.0.0.1.'),
    }),
  ),
  clock: map("The machine's clock.", {
    source: oneOf(['auto', 'host'])
      .default('auto')
      .describe('host: whoever runs this container or virtual machine keeps its clock, so it is trusted unasked.'),
  }).prefault({}),
  share: map('What the central platform is told besides counts. Changes hold from the next window on.', {
    visitors: z
      .boolean({ error: 'true or false' })
      .default(false)
      .describe(
        "With each store day a sketch (HyperLogLog) of its visitors' keyed hashes, to tell how many distinct devices there were over several sketches of one key. Each gateway makes its own key, and a new one every day: a union over gateways or days only adds up. None is sent below ten visitors.",
      ),
  }).prefault({}),
  locked: listOf(z.string({ error: LOCKED }).regex(/^[\w*-]+(\.[\w*-]+)*$/, { error: LOCKED }), 'keys', 0, 255)
    .default([])
    .describe('Keys that only this file may set, such as counting.* or sensors.*.gate_dbm.'),
});

/** A settings file as written, with the defaults that need no other key. */
export type SettingsFile = z.output<typeof settingsSchema>;

function dividesHour(minutes: number): boolean {
  return minutes >= 1 && 60 % minutes === 0;
}

function isTimeZone(zone: string): boolean {
  // Intl takes offsets such as +02:00 as well; those know no summer time.
  if (!/^[A-Za-z]/.test(zone)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

function isBroker(text: string): boolean {
  if (!/^mqtts?:\/\/[^/?#\s]+\/?$/.test(text) || !URL.canParse(text)) return false;
  return new URL(text).hostname !== '';
}
