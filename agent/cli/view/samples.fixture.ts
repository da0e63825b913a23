/** Status documents for tests: the well box with each thing wrong that a verdict knows, and with several at once. */
import type { Reason, SensorStatus, StatusDocument } from '../../local/document.ts';
import { AT, DAY, door, HOUR, MIB, MINUTE, till, well, wifi } from './well.fixture.ts';

export { AT, well };

/** The well box with these reasons and whatever else is changed. */
function wrong(reasons: Reason[], changes: Partial<StatusDocument> = {}): StatusDocument {
  const since_ms = Math.min(...reasons.map((reason) => reason.since_ms));
  return { ...well, verdict: { state: 'degraded', since_ms, reasons }, ...changes };
}

function reason(code: string, minutes: number, message: string, hint: string, subject = ''): Reason {
  return { code, subject, message, hint, since_ms: AT - minutes * MINUTE };
}

/** The uplink as it is when the last attempt failed like this. */
function failed(kind: StatusDocument['uplink']['lastErrorKind'], lastError: string): Partial<StatusDocument> {
  return {
    uplink: {
      ...well.uplink,
      phase: 'waiting',
      since: AT - 26 * HOUR,
      protocol: null,
      lastError,
      lastErrorKind: kind,
      certificates: [],
      lastAcknowledgedAt: AT - 26 * HOUR,
    },
    buffer: {
      ...well.buffer,
      held: 104,
      held_bytes: 1_312_000,
      oldest_sequence: 3,
      sealed_through: 106,
      oldest_ms: AT - 26 * HOUR,
    },
  };
}

const DOOR_PORT = '/dev/serial/by-id/usb-Silicon_Labs_CP2102_USB_to_UART_Bridge_Controller_0001-if00-port0';
const unplugged = reason(
  'sensor_down',
  12,
  `main-door: expected a port at ${DOOR_PORT}, found no such file.`,
  `Check the plug and the cable of ${DOOR_PORT}; it is tried again by itself.`,
  'main-door',
);
const silent = reason(
  'sensor_silent',
  22,
  'front-wifi: the line is open, but no valid frame came.',
  'Check the power of the sensor, and driver and baud in the settings.',
  'front-wifi',
);
const AT_STAKE = 'A power cut or a restart now would lose what is not saved.';
const full = reason(
  'disk_full',
  7,
  'The disk of /var/lib/footfall is full; counts are kept in memory for up to 20 d.',
  `Make room on it: counting goes on, and writing begins again by itself. ${AT_STAKE}`,
);
const uplinkDown = (code: string, message: string, hint: string): Reason =>
  reason(code, 26 * 60, `Not connected to the broker: ${message}.`, `Batches are kept. ${hint}`);
const refused = 'connection refused by broker.example:8883: no broker listens there';
const stopped = uplinkDown(
  'uplink_down',
  refused,
  'Check the network, then the broker and "url" under "uplink": footfall doctor',
);
const silentWifi: SensorStatus = {
  ...wifi,
  state: 'silent',
  since_ms: AT - 22 * MINUTE,
  last_frame_ms: AT - 37 * MINUTE,
  per_minute: 0,
};
const downDoor: SensorStatus = {
  ...door,
  port: DOOR_PORT,
  state: 'down',
  since_ms: AT - 12 * MINUTE,
  detail: `expected a port at ${DOOR_PORT}, found no such file`,
  last_frame_ms: AT - 12 * MINUTE,
  per_minute: 0,
};
const fullDisk: Partial<StatusDocument> = {
  buffer: {
    ...well.buffer,
    uncommitted: 18_231,
    hours_left: 0,
    last_commit_ms: AT - 7 * MINUTE,
    storage_error: 'database or disk is full',
    memory_hours_left: 499,
  },
  disk: { ...well.disk, free_bytes: 0 },
};
/** A day without the broker, and a buffer that is so. */
function outage(buffer: Partial<StatusDocument['buffer']>): Partial<StatusDocument> {
  const rest = failed('network', refused);
  return { ...rest, buffer: { ...rest.buffer!, ...buffer } };
}
const mistake = (line: number, path: string, message: string) =>
  `/etc/footfall/footfall.yaml:${line}:11: at ${path}: ${message}`;
const mistakes = [
  mistake(14, 'sensors[0].baud', 'expected a whole number of bits per second, received "fast"'),
  mistake(22, 'uplink', 'unknown key "ulr"; did you mean "url"?'),
];

/** One box for each thing that can be wrong. */
export const DEGRADED = {
  'sensor-down': wrong([unplugged], { sensors: [wifi, downDoor, till] }),
  'sensor-silent': wrong([silent], { sensors: [silentWifi, door, till] }),
  'uplink-down': wrong([stopped], failed('network', refused)),
  'uplink-login': wrong(
    [
      uplinkDown(
        'uplink_login',
        'the broker broker.example:8883 refused the user name or password: not authorised',
        'Check "username" under "uplink" and the password (password_file), then: footfall reload',
      ),
    ],
    failed('login', 'the broker broker.example:8883 refused the user name or password: not authorised'),
  ),
  'uplink-tls': wrong(
    [
      uplinkDown(
        'uplink_tls',
        'certificate of broker.example:8883 not trusted: it is not signed by the authority in /etc/footfall/ca.pem',
        'Check "ca_file" and the host name in "url" under "uplink", and the clock of this box: footfall doctor',
      ),
    ],
    failed(
      'tls',
      'certificate of broker.example:8883 not trusted: it is not signed by the authority in /etc/footfall/ca.pem',
    ),
  ),
  'uplink-denied': wrong(
    [
      reason(
        'uplink_denied',
        26 * 60,
        'The broker does not let this gateway deliver: the broker refused the subscription.',
        "Batches are kept. In the broker's access list, let it publish ff/v1/acme/gw-12/up/# and subscribe ff/v1/acme/gw-12/down/#.",
      ),
    ],
    {
      ...failed('denied', ''),
      uplink: { ...well.uplink, lastError: 'the broker refused the subscription', lastErrorKind: 'denied' },
    },
  ),
  'disk-full': wrong([full], fullDisk),
  'storage-failed': wrong(
    [
      reason(
        'storage_failed',
        7,
        'The database cannot be written (disk I/O error); counts are kept in memory for up to 20 d.',
        `Check the health of the disk: footfall doctor. ${AT_STAKE}`,
      ),
    ],
    { buffer: { ...fullDisk.buffer!, hours_left: null, storage_error: 'disk I/O error' } },
  ),
  'disk-read-only': wrong(
    [
      reason(
        'disk_read_only',
        40,
        'The disk of /var/lib/footfall is read-only; counts are kept in memory for up to 20 d.',
        `The kernel makes a failing disk read-only: sudo dmesg. Mount it again, and writing begins again by itself. ${AT_STAKE}`,
      ),
    ],
    {
      buffer: {
        ...fullDisk.buffer!,
        hours_left: null,
        storage_error: 'expected to write, found a file system that is read-only',
      },
    },
  ),
  'buffer-low': wrong(
    [
      reason(
        'buffer_low',
        300,
        'The buffer has room for 7 h; then the oldest batches are dropped.',
        'Mend the uplink first: footfall doctor. More room: "buffer_mib" and "buffer_hours" under "storage", and free disk.',
      ),
      stopped,
    ],
    outage({ hours_left: 7 }),
  ),
  'batches-dropped': wrong(
    [
      reason(
        'batches_dropped',
        26 * 60,
        '1214 batches are lost (buffer full), and the central platform does not know it yet.',
        'A gap record tells it with the next delivery. More room: "buffer_mib" and "buffer_hours" under "storage".',
      ),
      reason(
        'buffer_low',
        50 * 60,
        'The buffer is full: the oldest batches are dropped.',
        'Mend the uplink first: footfall doctor. More room: "buffer_mib" and "buffer_hours" under "storage", and free disk.',
      ),
      stopped,
    ],
    outage({ hours_left: 0, dropped: 1_214, dropped_untold: { buffer_full: 1_214 } }),
  ),
  'dead-letters': wrong(
    [
      reason(
        'batches_rejected',
        90,
        '2 batches were rejected by the collector, or found damaged.',
        'See why: footfall buffer list. Then footfall buffer resend, or drop.',
      ),
    ],
    {
      buffer: { ...well.buffer, dead_letters: 2, dropped: 3 },
      uplink: {
        ...well.uplink,
        rejected: 2,
        pausedUntil: AT + 4 * MINUTE,
        ignoredAcks: { ...well.uplink.ignoredAcks, malformed: 7, not_sent: 12 },
      },
    },
  ),
  'database-quarantined': wrong(
    [
      reason(
        'database_quarantined',
        55,
        'A database that could not be used (zeros in place of its header) was set aside as /var/lib/footfall/footfall.db.damaged-1; what could be read of it goes on in a new one.',
        'Counting goes on, and the central platform is told. Does the medium fail? footfall doctor. Delete it when it is of no use: sudo sh -c "rm -f /var/lib/footfall/footfall.db.damaged-1 /var/lib/footfall/footfall.db.damaged-1-*"',
      ),
    ],
    {
      buffer: {
        ...well.buffer,
        epoch_origin: 'damaged',
        set_aside: [
          {
            path: '/var/lib/footfall/footfall.db.damaged-1',
            bytes: 9 * MIB,
            at_ms: AT - 55 * MINUTE,
            found: 'zeros in place of its header',
          },
        ],
      },
    },
  ),
  'storage-stalled': wrong(
    [
      reason(
        'storage_stalled',
        2,
        'The disk has not answered since the last write; counts are kept in memory.',
        'A card that stalls is about to fail: footfall doctor measures it. A power cut now would lose the current window.',
      ),
    ],
    { buffer: { ...well.buffer, uncommitted: 4_211, last_commit_ms: AT - 2 * MINUTE } },
  ),
  'database-damaged': wrong(
    [
      reason(
        'database_damaged',
        7,
        'The database is damaged (expected a whole database, found: a torn page), and no new one can be made in its place; counts are kept in memory for up to 20 d.',
        `Make room on the disk of /var/lib/footfall, or see footfall doctor: it is set aside by itself then. ${AT_STAKE}`,
      ),
    ],
    {
      buffer: { ...fullDisk.buffer!, hours_left: null, storage_error: 'expected a whole database, found: a torn page' },
    },
  ),
  'clock-unsynchronised': wrong(
    [
      reason(
        'clock_unsynchronised',
        254,
        "The clock is not synchronised: it runs on the board's own clock chip, which drifts.",
        'Let the box reach a time server: timedatectl set-ntp true, then timedatectl. Counting goes on; every batch says that its times are not trusted.',
      ),
    ],
    { clock: { ...well.clock, trust: 'rtc_only' } },
  ),
  'settings-broken': wrong(
    [
      reason(
        'settings_broken',
        3,
        `The settings file is broken, the last good settings are in use: ${mistakes[0]} (and 1 more).`,
        'Correct /etc/footfall/footfall.yaml, see footfall config check, then: footfall reload',
      ),
    ],
    { settings: { ...well.settings, state: 'last_good', loaded_ms: AT - 3 * MINUTE, mistakes } },
  ),
  'settings-restart': wrong(
    [
      reason(
        'settings_restart',
        3,
        'Changed settings wait for a restart: store.time_zone.',
        'Restart when it suits: systemctl restart footfall. Nothing that was counted is lost.',
      ),
    ],
    {
      settings: {
        ...well.settings,
        state: 'restart_needed',
        restart_keys: ['store.time_zone'],
        overrides: [{ key: 'log.modules.uplink', until_ms: AT + 30 * MINUTE }],
      },
    },
  ),
  'worn-out': wrong(
    [
      reason(
        'disk_low',
        30,
        'Only 312 MiB are free on the disk of /var/lib/footfall.',
        'Make room: see what fills it with du -x, and whether the uplink drains the buffer.',
      ),
      reason(
        'certificate_expiring',
        5,
        "The broker's certificate has expired.",
        'Have it renewed by those who run the broker.',
      ),
      reason(
        'temperature_high',
        4,
        'The box is at 84 °C.',
        'Give it air: boards slow down at about 80 °C and stop a little above.',
      ),
      reason(
        'disk_worn',
        900,
        'The flash memory has used 95 % of its rated life.',
        'Plan to replace it. Nothing is lost as long as it takes writes.',
      ),
    ],
    {
      disk: { ...well.disk, free_bytes: 312 * MIB, wear_percent: 95 },
      box: {
        temperature_c: 84,
        last_end: {
          how: 'killed',
          at_ms: null,
          message: 'It ended without a word, as after SIGKILL or when memory runs out (systemd says oom-kill).',
          hint: 'See journalctl -u footfall -b for what happened before.',
        },
      },
      uplink: {
        ...well.uplink,
        certificates: [
          { what: 'authority', expires_ms: AT + 12 * DAY + HOUR },
          { what: 'broker', expires_ms: AT - 2 * DAY },
        ],
      },
    },
  ),
} as const satisfies Record<string, StatusDocument>;

/** Several at once, in a store without a calibrated door, under names that take room. */
export const degraded: StatusDocument = wrong(
  [
    unplugged,
    silent,
    full,
    reason(
      'uplink_unacknowledged',
      26 * 60,
      'Connected, but the collector acknowledges nothing.',
      'Batches are kept. Check that the collector runs, and that the broker lets this gateway publish and subscribe.',
    ),
    reason('key_on_disk', 254, 'The runtime directory is on a disk.', 'Point "runtime_directory" at a tmpfs.'),
  ],
  {
    ...fullDisk,
    sensors: [
      silentWifi,
      downDoor,
      {
        ...till,
        id: '收银台-second-floor-left-hand-side-by-the-window',
        rejected: { checksum: 41_233, truncated: 9, noise: 3 },
      },
    ],
    today: {
      ...well.today,
      entries: null,
      exits: null,
      occupancy: null,
      people: 11,
      passing_people: null,
      passing_state: 'uncalibrated',
      entry_rate: null,
      dwell_ms: null,
      dwell_p50_ms: null,
      dwell_visits: 0,
      transactions: null,
      hours: well.today.hours.map((hour) => ({ ...hour, entries: 0, inside: null })),
    },
    buffer: { ...fullDisk.buffer!, held: 104, held_bytes: 1_312_000, oldest_ms: AT - 26 * HOUR, dead_letters: 2 },
    uplink: {
      ...well.uplink,
      since: AT - 26 * HOUR,
      protocol: 4,
      certificates: [],
      lastAcknowledgedAt: null,
      inFlight: 16,
      acknowledged: 0,
    },
    clock: { virtual: true, key: 'not_tmpfs', trust: 'unknown' },
  },
);

export const notCounting: StatusDocument = {
  ...well,
  ...failed('network', refused),
  verdict: {
    state: 'not_counting',
    since_ms: AT - 3 * MINUTE,
    reasons: [
      ...['front-wifi', 'main-door', 'till', 'back-door', 'side-door'].map((id) =>
        reason(
          'sensor_down',
          3,
          `${id}: the line was hung up\u001b[2J.`,
          'Check the plug and the cable; it is tried again by itself.',
          id,
        ),
      ),
      stopped,
    ],
  },
  sensors: [wifi, door, till].map((sensor) => ({
    ...sensor,
    state: 'down',
    since_ms: AT - 3 * MINUTE,
    last_frame_ms: AT - 3 * MINUTE,
    per_minute: 0,
  })),
  clock: { ...well.clock, key: 'made' },
};
