/** What is known while no daemon answers, for tests: one sample for each way a run can end, and for none. */
import type { RunEnd } from '../../local/document.ts';
import type { LastKnown } from '../../local/last-known.ts';
import { endOf } from '../../local/run-record.ts';
import { damaged, storageError } from '../../storage/storage-error.ts';
import type { Down } from './down.ts';
import { AT, DEGRADED, well } from './samples.fixture.ts';

const MINUTE = 60_000;

const nothing: LastKnown = {
  v: 1,
  at_ms: AT,
  started_ms: null,
  end: null,
  waiting: null,
  status: null,
  reasons: [],
  database: null,
  database_error: null,
  service: null,
};

const service = { unit: 'footfall.service', active: 'inactive', result: 'success', restarts: 0 };

const afterRun: LastKnown = {
  ...nothing,
  started_ms: well.started_ms,
  status: { ...well, at_ms: AT - 12 * MINUTE },
  database: {
    path: '/var/lib/footfall/footfall.db',
    bytes: 12_713_984,
    sealed_through: 17,
    held: 2,
    held_bytes: 19_624,
    oldest_sequence: 16,
    dead_letters: 0,
  },
  service,
};

function down(known: LastKnown, changes: Partial<Down> = {}): Down {
  return {
    error: {
      code: 'daemon_not_running',
      message: 'no daemon on /run/footfall/footfall.sock: there is no such socket',
      hint: 'Start it: systemctl start footfall',
    },
    pid: null,
    known,
    settings: { path: '/etc/footfall/footfall.yaml', error: null },
    time_zone: 'Europe/Prague',
    ...changes,
  };
}

function ended(end: RunEnd, changes: Partial<LastKnown> = {}): Down {
  return down({ ...afterRun, end, ...changes });
}

/** The end of a run that wrote none, in the words of the daemon's own record. */
function unfelt(serviceResult: string | null, bootId = 'the same'): RunEnd {
  const record = {
    ...{ v: 1 as const, pid: 812, bootId: 'the same', startedMs: well.started_ms, version: well.version },
    ...{ settingsPath: '/etc/footfall/footfall.yaml', processStart: '1', end: null },
  };
  const end = endOf(record, { bootId, processStart: () => null, serviceResult });
  if (end === null) throw new Error('expected the run to be over');
  return end;
}

const { code, message, hint } = damaged('zeros in place of its header');

const unplugged = DEGRADED['sensor-down'];
const full = storageError(Object.assign(new Error('no room'), { code: 'ENOSPC' }));
const mistakes = `/etc/footfall/footfall.yaml:14:11: at sensors[0].baud: expected a whole number of bits per second, received "fast"
/etc/footfall/footfall.yaml:22:3: at uplink: unknown key "ulr"; did you mean "url"?`;
const correct = 'Correct these 2 places, then try: footfall config check /etc/footfall/footfall.yaml';

/** Each way in which no daemon answers. */
export const DOWN = {
  'first-start': down(nothing, {
    settings: {
      path: '/etc/footfall/footfall.yaml',
      error: {
        code: 'settings_missing',
        message: 'there is no /etc/footfall/footfall.yaml yet',
        hint: 'Make it: sudo footfall setup',
      },
    },
  }),
  'first-start-broken': down(nothing, {
    settings: {
      path: '/etc/footfall/footfall.yaml',
      error: { code: 'settings_invalid', message: mistakes, hint: correct },
    },
  }),
  stopped: ended({ how: 'stopped', at_ms: AT - 10 * MINUTE, message: 'Stopped by SIGTERM.', hint: '' }),
  'failed-settings': down(
    {
      ...nothing,
      end: { how: 'failed', at_ms: AT - 10 * MINUTE, message: mistakes, hint: correct },
      started_ms: AT - 10 * MINUTE,
      service: { ...service, active: 'activating', result: 'exit-code', restarts: 117 },
    },
    {
      settings: {
        path: '/etc/footfall/footfall.yaml',
        error: { code: 'settings_invalid', message: mistakes, hint: correct },
      },
    },
  ),
  'failed-database': ended(
    {
      how: 'failed',
      at_ms: AT - 10 * MINUTE,
      message,
      hint,
    },
    {
      status: null,
      database: null,
      database_error: { code, message, hint },
      service: { ...service, active: 'failed', result: 'start-limit-hit', restarts: 5 },
    },
  ),
  'waits-for-disk': down({
    ...afterRun,
    started_ms: AT - 3 * MINUTE,
    waiting: {
      at_ms: AT - 3 * MINUTE,
      message: full.message,
      hint: full.hint,
    },
    service: { ...service, active: 'active' },
  }),
  killed: ended(unfelt('oom-kill'), {
    status: { ...unplugged, at_ms: AT - 12 * MINUTE },
    reasons: unplugged.verdict.reasons.map((reason) => ({ ...reason, since_ms: AT - 40 * MINUTE })),
    service: { ...service, active: 'failed', result: 'oom-kill', restarts: 1 },
  }),
  watchdog: ended(unfelt('watchdog')),
  power: ended(unfelt(null, 'another')),
  hangs: down(afterRun, {
    pid: 812,
    error: {
      code: 'daemon_silent',
      message: 'the daemon on /run/footfall/footfall.sock gave no answer within 5000 ms',
      hint: 'Its process may be stuck or the box overloaded; its log says more: journalctl -u footfall',
    },
  }),
} as const satisfies Record<string, Down>;
