import { describe, expect, it } from 'vitest';
import type { SensorStatus } from './local/document.ts';
import { type VerdictFacts, verdictOf } from './verdict.ts';

const STARTED = 1_000_000;
const NOW = STARTED + 3_600_000;

function sensor(over: Partial<SensorStatus> = {}): SensorStatus {
  return {
    id: 'main-door',
    driver: 'door-lines',
    port: '/dev/door',
    place: 'main',
    role: 'door',
    state: 'up',
    since_ms: STARTED,
    detail: null,
    last_frame_ms: NOW,
    per_minute: 1,
    bytes: 1,
    accepted: 1,
    rejected: {},
    ...over,
  };
}

function buffer(over: Partial<VerdictFacts['buffer']> = {}): VerdictFacts['buffer'] {
  return {
    held: 0,
    dead_letters: 0,
    hours_left: 2_000,
    dropped_untold: {},
    storage_error: null,
    memory_hours_left: null,
    set_aside: [],
    ...over,
  };
}

function facts(over: Partial<VerdictFacts> = {}, uplink: Partial<VerdictFacts['uplink']> = {}): VerdictFacts {
  return {
    nowMs: NOW,
    startedMs: STARTED,
    sensors: [sensor()],
    uplink: {
      phase: 'connected',
      since: STARTED,
      protocol: 5,
      lastError: null,
      lastErrorKind: null,
      certificates: [],
      lastAcknowledgedAt: NOW,
      lastPublishedAt: NOW,
      inFlight: 0,
      published: 1,
      acknowledged: 1,
      rejected: 0,
      resent: 0,
      pausedUntil: null,
      ignoredAcks: { retained: 0, empty: 0, oversized: 0, malformed: 0, other_epoch: 0, not_sent: 0 },
      ...uplink,
    },
    topicRoot: 'ff/v1/acme/gw',
    virtual: false,
    buffer: buffer(),
    storageErrorCode: null,
    storageErrorSinceMs: 0,
    storageBusySinceMs: null,
    keyOnTmpfs: true,
    settings: {
      path: '/etc/f.yaml',
      state: 'current',
      loaded_ms: STARTED,
      mistakes: [],
      restart_keys: [],
      overrides: [],
      remote: null,
    },
    disk: { path: '/var/lib/footfall', free_bytes: 4e9, total_bytes: 8e9, wear_percent: null },
    temperatureC: 50,
    clockTrust: 'synchronised',
    ...over,
  };
}

const codes = (of: VerdictFacts): string[] => verdictOf(of).reasons.map(({ code }) => code);

describe('the verdict', () => {
  it('is counting since the start where nothing is wrong', () => {
    expect(verdictOf(facts())).toEqual({ state: 'counting', since_ms: STARTED, reasons: [] });
  });

  it('is not counting without a sensor', () => {
    const { state, since_ms, reasons } = verdictOf(facts({ sensors: [] }));
    expect({ state, since_ms }).toEqual({ state: 'not_counting', since_ms: STARTED });
    expect(reasons).toMatchObject([
      { code: 'no_sensors', since_ms: STARTED, hint: expect.stringContaining('sensors') },
    ]);
  });

  it('is not counting while every sensor is down, degraded while one still works', () => {
    const down = sensor({
      id: 'shop-wifi',
      state: 'down',
      detail: 'cannot open',
      since_ms: NOW - 5_000,
      port: '/dev/w',
    });
    const older = { ...down, id: 'other', since_ms: NOW - 9_000 };
    expect(verdictOf(facts({ sensors: [older, down], keyOnTmpfs: false }))).toMatchObject({
      state: 'not_counting',
      since_ms: NOW - 5_000,
    });
    const { state, since_ms, reasons } = verdictOf(facts({ sensors: [sensor(), down] }));
    expect({ state, since_ms }).toEqual({ state: 'degraded', since_ms: NOW - 5_000 });
    expect(reasons).toHaveLength(1);
    expect(reasons[0]).toMatchObject({
      code: 'sensor_down',
      message: 'shop-wifi: cannot open.',
      since_ms: NOW - 5_000,
    });
    expect(reasons[0].hint).toContain('/dev/w');
  });

  it('speaks of the helper and not of plugs where a sensor is a radio of the box', () => {
    const hintOf = (state: 'down' | 'silent'): string =>
      verdictOf(facts({ sensors: [sensor({ id: 'hall', port: 'hci0', state }), sensor({})] })).reasons[0].hint;
    expect(hintOf('down')).toMatch(/footfall doctor/);
    expect(hintOf('silent')).toMatch(/footfall-radio@hall/);
  });

  it('is degraded where a line is open and silent, since it fell silent', () => {
    const { state, reasons } = verdictOf(facts({ sensors: [sensor({ state: 'silent', since_ms: NOW - 7 })] }));
    expect(state).toBe('degraded');
    expect(reasons).toMatchObject([
      { code: 'sensor_silent', since_ms: NOW - 7, hint: expect.stringContaining('baud') },
    ]);
    expect(reasons[0].message).toContain('main-door');
  });

  it('tells a database that cannot be written, with its reason and since when', () => {
    const { reasons } = verdictOf(
      facts({ buffer: buffer({ storage_error: 'disk full' }), storageErrorSinceMs: NOW - 9 }),
    );
    expect(reasons).toMatchObject([
      { code: 'storage_failed', since_ms: NOW - 9, hint: expect.stringContaining('disk') },
    ]);
    expect(reasons[0].message).toContain('(disk full)');
  });

  it('counts the batches that the collector rejected', () => {
    const [one] = verdictOf(facts({ buffer: buffer({ dead_letters: 1 }) })).reasons;
    const [two] = verdictOf(facts({ buffer: buffer({ dead_letters: 2 }) })).reasons;
    expect([one.code, one.message]).toEqual([
      'batches_rejected',
      '1 batch was rejected by the collector, or found damaged.',
    ]);
    expect(two.message).toBe('2 batches were rejected by the collector, or found damaged.');
    expect(one.hint).not.toBe('');
  });

  it('says for how long counting in memory can go on while storage fails', () => {
    const failing = (code: string, hours: number | null) => {
      const failed = buffer({ storage_error: 'x', memory_hours_left: hours });
      return verdictOf(facts({ buffer: failed, storageErrorCode: code, storageErrorSinceMs: NOW - 3 })).reasons[0];
    };
    expect(failing('storage_read_only', 499)).toMatchObject({
      code: 'disk_read_only',
      message: 'The disk of /var/lib/footfall is read-only; counts are kept in memory for up to 20 d.',
      hint: expect.stringContaining('Mount it again'),
      since_ms: NOW - 3,
    });
    expect(failing('storage_full', 71.9).message).toMatch(/full; counts are kept in memory for up to 71 h\.$/);
    expect(failing('storage_failed', 0.5).message).toMatch(/kept in memory, and the oldest windows are given up\.$/);
    expect(failing('storage_failed', null).message).toMatch(/kept in memory\.$/);
  });

  it('tells what was dropped until the centre knows it, but not what somebody dropped by hand', () => {
    const told = (dropped_untold: Record<string, number>, phase: 'connected' | 'off' = 'connected') =>
      verdictOf(facts({ buffer: buffer({ dropped_untold }) }, { phase })).reasons;
    expect(told({ buffer_full: 1_200, disk_full: 14, operator: 5 })).toMatchObject([
      {
        code: 'batches_dropped',
        message: '1214 batches are lost (buffer full, disk full), and the central platform does not know it yet.',
      },
    ]);
    expect(told({ damaged: 1 })[0].message).toMatch(/^1 batch is lost/);
    expect(told({ operator: 5 })).toEqual([]);
    expect(told({ buffer_full: 9 }, 'off')).toEqual([]);
  });

  it('warns of the last day of room, only while nothing is delivered', () => {
    const room = (hours_left: number | null, over = {}, held = 3) =>
      verdictOf(facts({ buffer: buffer({ hours_left, held }) }, over)).reasons.filter(
        ({ code }) => code === 'buffer_low',
      );
    const down = { phase: 'waiting' as const, lastError: 'refused' };
    expect(room(23, down)).toMatchObject([{ message: expect.stringContaining('room for 23 h') }]);
    expect(room(0, down)).toMatchObject([{ message: expect.stringContaining('is full') }]);
    const mute = { inFlight: 3, lastAcknowledgedAt: NOW - 500_000 };
    expect(room(23, mute)).toHaveLength(1);
    expect([room(24, down), room(null, down), room(23, down, 0), room(23)].flat()).toEqual([]);
  });

  it('tells a database that was set aside, where it lies and since when, for as long as it lies there', () => {
    const path = '/var/lib/footfall/footfall.db.damaged-1';
    const aside = (found: string | null, at_ms = NOW - 7) =>
      verdictOf(facts({ buffer: buffer({ set_aside: [{ path, bytes: 1, at_ms, found }] }) })).reasons;
    expect(aside('a torn page')).toMatchObject([
      {
        code: 'database_quarantined',
        message: expect.stringContaining(`(a torn page) was set aside as ${path}`),
        hint: expect.stringContaining(`sudo sh -c "rm -f ${path} ${path}-*"`),
        since_ms: NOW - 7,
      },
    ]);
    expect(aside(null)[0].message).toContain('could not be used was set aside');
    // A clock that was set back since.
    expect(aside(null, NOW + 9)[0].since_ms).toBe(NOW);
  });

  it('gives the first connection two minutes, unless it is known why it fails', () => {
    const connecting = (age: number, lastError: string | null) =>
      facts({ nowMs: STARTED + age }, { phase: 'connecting', since: STARTED + 1, lastError });
    expect(codes(connecting(119_999, null))).toEqual([]);
    expect(codes(connecting(120_000, null))).toEqual(['uplink_down']);
    const { reasons } = verdictOf(connecting(1_000, 'refused'));
    expect(reasons).toMatchObject([
      { code: 'uplink_down', message: 'Not connected to the broker: refused.', since_ms: STARTED + 1 },
    ]);
    expect(reasons[0].hint).toContain('"uplink"');
  });

  it('says nothing of an uplink that is off', () => {
    expect(codes(facts({ buffer: buffer({ held: 9 }) }, { phase: 'off', lastError: 'old' }))).toEqual([]);
  });

  it('tells a collector that acknowledges nothing for two minutes, since it was last heard', () => {
    const mute = (silence: number, over = {}) =>
      facts({ buffer: buffer({ held: 3 }) }, { inFlight: 3, lastAcknowledgedAt: NOW - silence, ...over });
    expect(codes(mute(120_000))).toEqual([]);
    expect(verdictOf(mute(120_001)).reasons).toMatchObject([
      { code: 'uplink_unacknowledged', since_ms: NOW - 120_001, hint: expect.stringContaining('collector') },
    ]);
    expect(codes(mute(120_001, { inFlight: 0 }))).toEqual([]);
    // A session that just began is not blamed for the one before it.
    expect(codes(mute(500_000, { since: NOW - 1_000 }))).toEqual([]);
    expect(codes(mute(0, { lastAcknowledgedAt: null }))).toEqual(['uplink_unacknowledged']);
  });

  it('tells a key that would survive a power-off', () => {
    expect(verdictOf(facts({ keyOnTmpfs: false })).reasons).toMatchObject([
      { code: 'key_on_disk', since_ms: STARTED, hint: expect.stringContaining('tmpfs') },
    ]);
  });

  it('orders the reasons by what they cost, and dates itself by the earliest', () => {
    const all = facts(
      {
        sensors: [sensor({ state: 'silent', since_ms: NOW - 10 }), sensor({ state: 'down', since_ms: NOW - 20 })],
        buffer: buffer({ storage_error: 'x', dead_letters: 1 }),
        storageErrorSinceMs: NOW - 30,
        keyOnTmpfs: false,
      },
      { phase: 'waiting' as VerdictFacts['uplink']['phase'], since: NOW - 40 },
    );
    expect(codes(all)).toEqual([
      'sensor_silent',
      'sensor_down',
      'storage_failed',
      'batches_rejected',
      'uplink_down',
      'key_on_disk',
    ]);
    expect(verdictOf(all).since_ms).toBe(STARTED);
  });

  it('bears with a line that is about to be opened', () => {
    const opening = (age: number) =>
      codes(facts({ sensors: [sensor({ state: 'down', detail: 'not opened yet', since_ms: NOW - age })] }));
    expect(opening(4_999)).toEqual([]);
    expect(opening(5_000)).toEqual(['sensor_down']);
  });

  it('tells a full disk from one that fails, and warns before', () => {
    const [full] = verdictOf(
      facts({ buffer: buffer({ storage_error: 'x' }), storageErrorCode: 'storage_full', storageErrorSinceMs: NOW - 3 }),
    ).reasons;
    expect(full).toMatchObject({ code: 'disk_full', since_ms: NOW - 3, hint: expect.stringContaining('Make room') });
    expect(full.message).toContain('/var/lib/footfall');
    const low = (free_bytes: number | null) => verdictOf(facts({ disk: { ...facts().disk, free_bytes } })).reasons;
    expect(low(null)).toEqual([]);
    expect(low(600 * 2 ** 20)).toEqual([]);
    expect(low(400 * 2 ** 20)).toMatchObject([{ code: 'disk_low', message: expect.stringContaining('400 MiB') }]);
    expect(low(10 * 2 ** 20)[0].hint).toContain('now');
  });

  it('tells a disk that does not answer, and a database that is damaged', () => {
    const stalled = (ms: number) => verdictOf(facts({ storageBusySinceMs: NOW - ms })).reasons;
    expect(stalled(14_999)).toEqual([]);
    expect(stalled(15_000)).toMatchObject([{ code: 'storage_stalled', since_ms: NOW - 15_000 }]);
    const damaged = {
      buffer: buffer({ storage_error: 'a page is torn' }),
      storageErrorCode: 'database_damaged',
      storageErrorSinceMs: NOW - 1,
    };
    expect(verdictOf(facts({ ...damaged, storageBusySinceMs: NOW - 90_000 })).reasons).toMatchObject([
      { code: 'database_damaged', hint: expect.stringContaining('Make room on the disk of /var/lib/footfall') },
    ]);
  });

  it('says which settings are in use while the file is broken, and what waits for a restart', () => {
    const broken = {
      ...facts().settings,
      state: 'last_good' as const,
      mistakes: ['/etc/f.yaml:3:1: at x: wrong', 'b'],
    };
    const [reason] = verdictOf(facts({ settings: broken })).reasons;
    expect(reason).toMatchObject({ code: 'settings_broken', since_ms: STARTED });
    expect(reason.message).toContain('/etc/f.yaml:3:1: at x: wrong (and 1 more)');
    expect(reason.hint).toContain('footfall reload');
    const waiting = { ...facts().settings, state: 'restart_needed' as const, restart_keys: ['gateway', 'store.id'] };
    expect(verdictOf(facts({ settings: waiting })).reasons).toMatchObject([
      { code: 'settings_restart', message: expect.stringContaining('gateway, store.id') },
    ]);
  });

  it.each([
    ['login', 'uplink_login', 'password_file'],
    ['tls', 'uplink_tls', 'ca_file'],
    ['file', 'uplink_tls', 'readable'],
    ['identity', 'uplink_identity', '"gateway"'],
    ['name', 'uplink_down', 'DNS'],
    ['network', 'uplink_down', 'network'],
    ['denied', 'uplink_denied', 'ff/v1/acme/gw/up/#'],
  ] as const)('advises on an uplink that fails by %s', (lastErrorKind, code, advice) => {
    const { reasons } = verdictOf(
      facts({}, { phase: 'waiting', since: NOW - 5, lastError: 'so it is', lastErrorKind }),
    );
    expect(reasons).toMatchObject([{ code, since_ms: NOW - 5 }]);
    expect(reasons[0].message).toContain('so it is');
    expect(reasons[0].hint).toContain(advice);
  });

  it('tells at once that a broker takes nothing, though it is connected', () => {
    const { reasons } = verdictOf(
      facts({ buffer: buffer({ held: 1 }) }, { lastError: 'refused', lastErrorKind: 'denied', inFlight: 1 }),
    );
    expect(reasons.map(({ code }) => code)).toEqual(['uplink_denied']);
  });

  it('warns two weeks before a certificate ends, by the one that ends first', () => {
    const day = 86_400_000;
    const certificates = (days: number) => [
      { what: 'authority' as const, expires_ms: NOW + 400 * day },
      { what: 'broker' as const, expires_ms: NOW + days * day },
    ];
    expect(codes(facts({}, { certificates: certificates(15) }))).toEqual([]);
    expect(verdictOf(facts({}, { certificates: certificates(3.5) })).reasons).toMatchObject([
      { code: 'certificate_expiring', message: "The broker's certificate expires in 3 days." },
    ]);
    expect(verdictOf(facts({}, { certificates: certificates(-1) })).reasons[0].message).toContain('has expired');
  });

  it('gives a clock a minute to be synchronised, unless it is simulated', () => {
    const clock = (clockTrust: VerdictFacts['clockTrust'], over: Partial<VerdictFacts> = {}) =>
      verdictOf(facts({ clockTrust, ...over })).reasons;
    expect(clock('rtc_only')).toMatchObject([{ code: 'clock_unsynchronised', since_ms: STARTED }]);
    expect(clock('unknown')[0].message).toContain('nothing on this box keeps it');
    expect(clock('unknown', { nowMs: STARTED + 59_999, sensors: [sensor()] })).toEqual([]);
    expect(clock('unknown', { virtual: true })).toEqual([]);
  });

  it('tells a box that is too hot, and flash that is worn', () => {
    expect(codes(facts({ temperatureC: 79.9 }))).toEqual([]);
    expect(codes(facts({ temperatureC: 80, disk: { ...facts().disk, wear_percent: 90 } }))).toEqual([
      'temperature_high',
      'disk_worn',
    ]);
  });
});
