/**
 * The settings file, key by key (snake_case). Each `error` is the phrase after "expected"; the loader adds what was
 * received and where. What concerns several keys at once is in checks.ts.
 */
import { z } from 'zod';
import { nearest } from './nearest.ts';
import { DRIVER_NAMES } from './sensor-drivers.ts';

/** Room for the file name of the socket: a unix socket's path has at most 107 bytes. */
const RUNTIME_DIRECTORY_LENGTH = 90;

/** A map of known keys. The message of an unknown key is the list of known ones, for the loader to suggest from. */
function map<Shape extends z.ZodRawShape>(shape: Shape, what = 'a map of keys') {
  const known = Object.keys(shape).filter((key) => key !== 'password');
  return z.strictObject(shape, { error: (issue) => (issue.code === 'unrecognized_keys' ? known.join(', ') : what) });
}

function whole(low: number, high: number, unit = '') {
  const error = `a whole number${unit && ` of ${unit}`} between ${low} and ${high}`;
  return z.int({ error }).min(low, { error }).max(high, { error });
}

function name(what: string) {
  const error = `${what} of 1 to 64 lower-case letters, digits, "-" and "_"`;
  return z.string({ error }).regex(/^[a-z0-9_-]{1,64}$/, { error });
}

function absolutePath(what: string, maximum = 4095) {
  const error = `the absolute path of ${what}`;
  return z
    .string({ error })
    .regex(/^\/[^\0]*$/, { error })
    .max(maximum, { error: `${error}, at most ${maximum} characters` });
}

function oneOf<const Values extends readonly [string, ...string[]]>(values: Values) {
  return z.enum(values, { error: values.length === 1 ? `"${values[0]}"` : `one of ${values.join(', ')}` });
}

const timeZone = z.string({ error: 'an IANA time zone such as Europe/Prague' }).refine(isTimeZone, {
  error: (issue) => {
    const meant = nearest(String(issue.input), Intl.supportedValuesOf('timeZone'));
    return meant ? `an IANA time zone (did you mean ${meant}?)` : 'an IANA time zone such as Europe/Prague';
  },
});

const BROKER = 'an address such as mqtts://broker.example:8883';
const WINDOW = 'a number of minutes that divides 60 (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30 or 60)';
const HOURS = 'opening hours such as "09:00-20:00", "09:00-12:00, 13:00-18:00", closed or 24h';
const SIZE = 'a list of 1 to 255 sensors';

const sensor = map({
  id: name('an id'),
  driver: oneOf(DRIVER_NAMES),
  port: absolutePath('a serial port such as /dev/serial/by-id/usb-...'),
  baud: whole(300, 4_000_000).optional(),
  zone: name('a zone id').optional(),
  gate_dbm: whole(-127, 0, 'dBm').default(-70),
  link_type: z.literal([105, 127, 192], { error: 'one of 105, 127, 192' }).optional(),
  door: name('a door id').optional(),
  role: oneOf(['door', 'transactions']).optional(),
  swap: z.boolean({ error: 'true or false' }).default(false),
});

export const settingsSchema = map({
  tenant: name('a name'),
  gateway: name('a name'),
  store: map({
    id: name('a name'),
    time_zone: timeZone,
    hours: z.record(z.string(), z.string({ error: HOURS }), { error: 'a map of days to opening hours' }),
    exceptions: z
      .record(z.string(), z.string({ error: HOURS }), { error: 'a map of dates to opening hours' })
      .default({}),
  }),
  sensors: z.array(sensor, { error: SIZE }).min(1, { error: SIZE }).max(255, { error: SIZE }),
  counting: map({
    window_minutes: z
      .int({ error: WINDOW })
      .refine((minutes) => minutes >= 1 && 60 % minutes === 0, { error: WINDOW })
      .default(15),
    grace_seconds: whole(0, 60, 'seconds').default(10),
    visit_gap_seconds: whole(30, 3600, 'seconds').default(300),
    passing_seconds: whole(1, 600, 'seconds').default(20),
  }).prefault({}),
  storage: map({
    directory: absolutePath('a directory').default('/var/lib/footfall'),
    commit_seconds: whole(1, 60, 'seconds').default(5),
    door_commit_seconds: whole(1, 60, 'seconds').default(1),
  }).prefault({}),
  runtime_directory: absolutePath('a directory', RUNTIME_DIRECTORY_LENGTH).default('/run/footfall'),
  uplink: map({
    url: z.string({ error: BROKER }).refine(isBroker, { error: BROKER }),
    username: z.string({ error: 'a user name' }).min(1, { error: 'a user name' }).optional(),
    // Known only to be refused in words: checks.ts.
    password: z.unknown().optional(),
    password_file: absolutePath('a file that holds the password').optional(),
    ca_file: absolutePath('a file of PEM certificates').optional(),
    ack: oneOf(['collector', 'puback']).default('collector'),
    window: whole(1, 1000, 'batches').default(16),
  }).optional(),
  log: map({
    level: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  }).prefault({}),
});

/** A settings file as written, with the defaults that need no other key. */
export type SettingsFile = z.output<typeof settingsSchema>;

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
