/**
 * The status document as a schema with descriptions and units, from which config/status.schema.json is generated. It
 * follows agent/local/document.ts and agent/local/last-known.ts; the compiler holds both together, in both directions.
 */
import { z } from 'zod';
import type { Reason, RunEnd, SensorStatus, StatusDocument, Today } from './document.ts';
import type { LastKnown } from './last-known.ts';

const time = z.number().describe('UTC milliseconds');
const maybeTime = time.nullable();
const count = z.int().min(0);
const bytes = z.number().min(0).describe('Bytes');
const share = z.number().min(0);
const milliseconds = z.number().min(0).describe('Milliseconds');

const reason = z
  .object({
    code: z.string().describe('Stable and machine-readable, such as sensor_down'),
    subject: z.string().describe('Id of the sensor it is about; empty where it is about the whole box'),
    message: z.string().describe('What is wrong, for people'),
    hint: z.string().describe('What to do about it'),
    since_ms: time.describe('UTC milliseconds; survives a restart'),
  })
  .meta({ id: 'Reason' }) satisfies z.ZodType<Reason>;

const runEnd = z
  .object({
    how: z
      .enum(['stopped', 'failed', 'crashed', 'killed', 'watchdog', 'power'])
      .describe(
        'stopped in order, failed with an error, crashed by a fault of the program, killed by a signal nobody can catch, ended by the watchdog because it hung, or gone with the power',
      ),
    at_ms: maybeTime.describe('UTC milliseconds; null where nobody was left to write it down'),
    message: z.string().describe('For people'),
    hint: z.string().describe('What to do about it; empty where there is nothing to do'),
  })
  .meta({ id: 'RunEnd' }) satisfies z.ZodType<RunEnd>;

const sensor = z
  .object({
    id: z.string(),
    driver: z.string(),
    port: z.string(),
    place: z.string().describe('Zone or door that it feeds; for a till its own id'),
    role: z.enum(['zone', 'door', 'transactions']),
    state: z.enum(['up', 'silent', 'down']).describe('silent: the line is open, but no valid frame comes'),
    since_ms: time.describe('Since when it is in this state, UTC milliseconds'),
    detail: z.string().nullable().describe('Why it is down, for people'),
    last_frame_ms: maybeTime.describe('UTC milliseconds of the last valid frame; null before the first'),
    per_minute: count.describe('Frames accepted in the last full minute'),
    bytes: count.describe('Bytes read since the start'),
    accepted: count.describe('Frames accepted since the start'),
    rejected: z.record(z.string(), count).describe('Frames rejected since the start, by reason'),
  })
  .meta({ id: 'Sensor' }) satisfies z.ZodType<SensorStatus>;

const hour = z.object({
  entries: count,
  visits: count.describe('Devices that stayed'),
  passers_by: count.describe('Devices that passed'),
  inside: z.number().min(0).nullable().describe('Mean people inside; null without doors and where nothing was counted'),
});

const today = z
  .object({
    date: z.iso.date().describe("The store's local day, YYYY-MM-DD"),
    entries: count.nullable().describe('People counted in; null without doors'),
    exits: count.nullable().describe('People counted out; null without doors'),
    occupancy: count.nullable().describe('People inside now by the doors'),
    people: z.number().min(0).nullable().describe('People inside now by radio; null without calibration'),
    visits: count.describe('Devices that stayed'),
    passers_by: count.describe('Devices that passed'),
    passing_people: z.number().min(0).nullable().describe('Estimated people passing; null without calibration'),
    passing_state: z.string(),
    entry_rate: share.nullable().describe('entries / passing_people; null where either is'),
    device_entry_rate: share.max(1).nullable().describe('visits / (visits + passers_by); null without devices'),
    dwell_ms: milliseconds.nullable().describe("Mean by Little's law, before the night's settlement; milliseconds"),
    dwell_p50_ms: milliseconds.nullable().describe('Median of lasting identities, milliseconds; null without any'),
    dwell_visits: count.describe('Visits behind the median'),
    transactions: count.nullable().describe('null without a till'),
    ble_now: z
      .object({ phones: count, fixtures: count, others: count })
      .nullable()
      .describe(
        'Bluetooth advertisers above the gate in the last full minute; outside opening hours only fixtures. Null without a Bluetooth sensor',
      ),
    hours: z.array(hour).length(24).describe('By local hour 0 to 23'),
  })
  .meta({ id: 'Today' }) satisfies z.ZodType<Today>;

const uplink = z.object({
  url: z.string().describe('Empty when nothing is to be sent'),
  phase: z.enum(['off', 'connecting', 'connected', 'waiting']),
  since: time.describe('Since when it is in this phase, UTC milliseconds'),
  protocol: z.literal([4, 5]).nullable().describe('4 is MQTT 3.1.1; null while not connected'),
  lastError: z.string().nullable().describe('Why the last attempt or session ended, for people'),
  lastErrorKind: z
    .enum([
      'name',
      'network',
      'tls',
      'login',
      'denied',
      'broker',
      'identity',
      'file',
      'partial',
      'unacknowledged',
      'other',
    ])
    .nullable()
    .describe('What lastError is about; null exactly when that is'),
  certificates: z
    .array(
      z.object({
        what: z
          .enum(['broker', 'authority', 'client'])
          .describe('Shown by the broker, the first to expire in the CA file, or shown to the broker'),
        expires_ms: time,
      }),
    )
    .describe('Empty without TLS, or before the first connection'),
  lastAcknowledgedAt: maybeTime,
  lastPublishedAt: maybeTime,
  inFlight: count.describe('Batches published and not acknowledged'),
  published: count.describe('Batches since the start'),
  acknowledged: count.describe('Batches since the start'),
  rejected: count.describe('Batches since the start'),
  resent: count.describe('Batches since the start'),
  pausedUntil: maybeTime.describe(
    'Until when the collector asked to publish nothing, UTC milliseconds; null where it does not',
  ),
  ignoredAcks: z
    .object({
      retained: count,
      empty: count,
      oversized: count,
      malformed: count,
      other_epoch: count,
      not_sent: count,
    })
    .describe('Acknowledgements, or entries of them, that were not taken since the start, by reason'),
});

export const statusDocument = z
  .object({
    v: z.literal(1).describe('Fields may be added to version 1; none is removed, and none changes its meaning'),
    version: z.string().describe('Release of the daemon'),
    tenant: z.string(),
    gateway: z.string(),
    store: z.string(),
    time_zone: z.string().describe('IANA time zone of the store'),
    at_ms: time.describe("When this was so, UTC milliseconds of the gateway's clock"),
    started_ms: time,
    verdict: z.object({
      state: z.enum(['counting', 'degraded', 'not_counting']),
      since_ms: time,
      reasons: z.array(reason).describe('Empty exactly when the state is counting'),
    }),
    sensors: z.array(sensor),
    today,
    window: z
      .object({ ordinal: count, start_ms: time, end_ms: time })
      .describe('The oldest window not yet sealed, with the ordinal it will have'),
    buffer: z.object({
      epoch: z.string().describe('64 random bits of this database, hexadecimal'),
      held: count.describe('Batches sealed and not acknowledged'),
      held_bytes: bytes,
      oldest_sequence: count.nullable(),
      sealed_through: count.describe('Sequence of the last sealed batch; 0 for none'),
      dead_letters: count.describe('Batches the collector rejected'),
      database_bytes: bytes,
      uncommitted: count.describe('Inputs taken in but not yet durable'),
      oldest_ms: maybeTime.describe('When the oldest held batch was sealed, UTC milliseconds; null when none is held'),
      hours_left: z
        .number()
        .min(0)
        .nullable()
        .describe(
          'Hours without an uplink that still fit at the present pace, by the bounds of the buffer and by the free disk; null while unknown',
        ),
      bound_bytes: bytes.describe('Bytes that may be held; beyond, the oldest batches are dropped'),
      dropped: count.describe('Sequences dropped since the database was made'),
      dropped_untold: z
        .record(z.string(), count)
        .describe('Sequences that are gone and whose gap record is not acknowledged yet, by reason'),
      last_commit_ms: maybeTime,
      storage_error: z.string().nullable(),
      memory_hours_left: z
        .number()
        .min(0)
        .nullable()
        .describe(
          'While storage fails: hours for which counting in memory can go on without giving anything up; else null',
        ),
      epoch_origin: z
        .enum(['kept', 'new', 'moved', 'restored', 'damaged', 'newer'])
        .describe('How this run came to its epoch: kept from the run before, new, or why the one before ended'),
      set_aside: z
        .array(
          z.object({
            path: z.string(),
            bytes,
            at_ms: time,
            found: z.string().nullable().describe('What was found, where it was in this run; else null'),
          }),
        )
        .describe('Databases that could not be used and were set aside, as long as they lie there; oldest first'),
    }),
    uplink,
    clock: z.object({
      virtual: z.boolean().describe('Simulated'),
      key: z
        .enum(['kept', 'made', 'not_tmpfs'])
        .describe("The day's key: kept over the restart, made anew, or on a disk"),
      trust: z.enum(['synchronised', 'rtc_only', 'unknown']).describe('How far the wall clock can be trusted'),
    }),
    settings: z.object({
      path: z.string().nullable(),
      state: z
        .enum(['current', 'last_good', 'restart_needed'])
        .describe('last_good: the file is broken, an earlier content is in use; restart_needed: see restart_keys'),
      loaded_ms: time,
      mistakes: z.array(z.string()).describe('file:line:column: at path: ...; empty unless the state is last_good'),
      restart_keys: z.array(z.string()).describe('Changed keys that take effect only at the next start'),
      overrides: z.array(z.object({ key: z.string(), until_ms: time })),
      remote: z
        .object({
          revision: z.string().describe('Empty where the message could not be read'),
          state: z
            .enum(['applied', 'rejected'])
            .describe('rejected: nothing of it is in force; what was before still is'),
          reasons: z.array(z.string()).describe('Why it was rejected, for people; else empty'),
          overridden: z.array(z.string()).describe('Keys of it that a local override outdoes'),
          locked: z.array(z.string()).describe('Keys of it that the settings file locks'),
        })
        .nullable()
        .describe('What became of the settings that the central platform asked for last; null before the first'),
    }),
    disk: z.object({
      path: z.string().describe('Directory of the database'),
      free_bytes: bytes.nullable(),
      total_bytes: bytes.nullable(),
      wear_percent: z
        .number()
        .min(0)
        .nullable()
        .describe("Used part of the flash's rated life, percent; null where not told"),
    }),
    box: z.object({
      temperature_c: z.number().nullable().describe('The hottest sensor, degrees Celsius'),
      last_end: runEnd.nullable().describe('How the run before this one ended; null for the first one'),
    }),
    process: z.object({
      pid: count,
      rss_bytes: bytes,
      heap_bytes: bytes,
      ordinal: count.describe('Of the last input'),
      longest_stall_ms: milliseconds,
    }),
  })
  .meta({ id: 'StatusDocument' }) satisfies z.ZodType<StatusDocument>;

const told = z.object({ code: z.string(), message: z.string(), hint: z.string() });

const lastKnown = z.object({
  v: z.literal(1),
  at_ms: time.describe("When this was so, UTC milliseconds of the machine's clock"),
  started_ms: maybeTime.describe('When the last run began; null where no run is known'),
  end: runEnd.nullable().describe('How it ended; null where no run is known, and where it has not ended'),
  waiting: z
    .object({ at_ms: time.describe('Since when, UTC milliseconds'), message: z.string(), hint: z.string() })
    .nullable()
    .describe('Why the run that is alive does not count yet; null where none waits'),
  status: statusDocument.nullable().describe('The last status document that was kept'),
  reasons: z.array(reason).describe('What was wrong and had not ended'),
  database: z
    .object({
      path: z.string(),
      bytes,
      sealed_through: count,
      held: count,
      held_bytes: bytes,
      oldest_sequence: count.nullable(),
      dead_letters: count,
    })
    .nullable()
    .describe('What the database holds now; null where it cannot be read'),
  database_error: told.nullable(),
  service: z
    .object({ unit: z.string(), active: z.string(), result: z.string(), restarts: count })
    .nullable()
    .describe('The unit as systemd tells it'),
}) satisfies z.ZodType<LastKnown>;

const notRunning = lastKnown
  .extend({
    running: z.literal(false),
    error: told.describe('daemon_not_running, or daemon_silent where a daemon hangs'),
    pid: count.nullable().describe('Of the daemon that hangs'),
    settings: z.object({ path: z.string(), error: told.nullable() }),
  })
  .meta({ id: 'NotRunning', description: 'No daemon answers: what is known without it' });

const untold = z
  .object({ v: z.literal(1), running: z.literal(null), error: told })
  .meta({ id: 'Untold', description: 'Whether a daemon runs cannot be told' });

/** What `footfall status --json` prints. */
export const statusOutput = z.union([statusDocument, notRunning, untold]);

/** `never` unless the schema has no more and no less than the type. */
type Same<A, B> = [A, B] extends [B, A] ? true : never;
/** The other direction of each `satisfies` above: a field of the schema that the document no longer has fails here. */
export const SCHEMA_AGREES: [
  Same<z.output<typeof statusDocument>, StatusDocument>,
  Same<z.output<typeof lastKnown>, LastKnown>,
] = [true, true];

/** JSON Schema (draft 2020-12) of what `footfall status --json` prints. */
export function statusJsonSchema(): object {
  const { $schema, ...rest } = z.toJSONSchema(statusOutput, { io: 'input' });
  return {
    $schema,
    title: 'footfall status --json',
    description:
      'The status of a Footfall gateway. Fields may be added to version 1, so others than these are no mistake.',
    ...rest,
  };
}
