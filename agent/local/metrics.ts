/**
 * The status document as metrics. Base units and names by the Prometheus naming practices: seconds, bytes and ratios,
 * `_total` for what only grows, `_timestamp_seconds` for moments (UTC). A state is one series for each value it can
 * have, 1 for the one it has. What is not known is left out, not zero. Paths and messages stay out: they are for people,
 * and the name of a port can hold the address of the adapter.
 */
import type { SensorStatus, StatusDocument } from './document.ts';
import { type Family, renderFamilies, type Sample } from './prometheus.ts';

type Value = Sample['value'];

/** Prometheus text format 0.0.4. */
export function metricsOf(document: StatusDocument): string {
  return renderFamilies([
    ...verdict(document),
    ...sensors(document.sensors),
    ...counts(document),
    ...outbox(document),
    ...uplink(document),
    ...box(document),
    ...program(document),
  ]);
}

function verdict({ verdict: { state, since_ms, reasons } }: StatusDocument): Family[] {
  // The longest-standing of those that are alike: one series each.
  const sorted = reasons.toSorted((a, b) => a.since_ms - b.since_ms);
  const labelled = (value: (since_ms: number) => number): Sample[] =>
    sorted.map(({ code, subject, since_ms }) => ({ labels: { code, subject }, value: value(since_ms) }));
  return [
    gauge('up', 'The daemon answers.', 1),
    states('verdict', 'Whether the box counts.', 'state', ['counting', 'degraded', 'not_counting'], state),
    gauge('verdict_since_timestamp_seconds', 'Since when the verdict is what it is.', seconds(since_ms)),
    many(
      'gauge',
      'reason',
      'Something is wrong; the subject is a sensor, or empty for the box.',
      labelled(() => 1),
    ),
    many('gauge', 'reason_since_timestamp_seconds', 'Since when it is wrong.', labelled(secondsOf)),
  ];
}

function sensors(list: SensorStatus[]): Family[] {
  const each = (value: (sensor: SensorStatus) => Value): Sample[] =>
    list.map((sensor) => ({ labels: { sensor: sensor.id }, value: value(sensor) }));
  const info = list.map(({ id, driver, role, place }) => ({ labels: { sensor: id, driver, role, place }, value: 1 }));
  const state = list.flatMap(({ id, state }) => stateSamples('state', ['up', 'silent', 'down'], state, { sensor: id }));
  const rejected = list.flatMap(({ id, rejected }) =>
    Object.entries(rejected).map(([reason, value]) => ({ labels: { sensor: id, reason }, value })),
  );
  return [
    many('gauge', 'sensor_info', 'A configured sensor, and what it feeds.', info),
    many('gauge', 'sensor_state', 'Whether the line is open and valid frames come.', state),
    many(
      'gauge',
      'sensor_state_since_timestamp_seconds',
      'Since when.',
      each((sensor) => secondsOf(sensor.since_ms)),
    ),
    many(
      'counter',
      'sensor_received_bytes_total',
      'Bytes read.',
      each((sensor) => sensor.bytes),
    ),
    many(
      'counter',
      'sensor_frames_accepted_total',
      'Valid frames or lines.',
      each((sensor) => sensor.accepted),
    ),
    many('counter', 'sensor_frames_rejected_total', 'Frames or runs of bytes rejected, by reason.', rejected),
    many(
      'gauge',
      'sensor_last_frame_timestamp_seconds',
      'When the last valid frame came.',
      each((sensor) => seconds(sensor.last_frame_ms)),
    ),
  ];
}

function counts({ today, window }: StatusDocument): Family[] {
  const { phones, fixtures, others } = today.ble_now ?? {};
  const advertisers = { phone: phones, fixture: fixtures, other: others };
  return [
    gauge('today_entries', 'People who came in, this local day.', today.entries),
    gauge('today_exits', 'People who left, this local day.', today.exits),
    gauge('occupancy', 'People inside by the doors.', today.occupancy),
    gauge('occupancy_by_radio', 'People inside by calibrated devices.', today.people),
    gauge('today_visits', 'Devices that came inside, this local day.', today.visits),
    gauge('today_passers_by', 'Devices that passed without coming inside, this local day.', today.passers_by),
    gauge('today_passing_people', 'People who passed, visitors included, this local day.', today.passing_people),
    gauge('today_entry_ratio', 'Entries by passing people, this local day.', today.entry_rate),
    gauge('today_dwell_seconds', 'Mean dwell of this local day so far.', seconds(today.dwell_ms)),
    gauge('today_transactions', 'Sales, this local day.', today.transactions),
    many(
      'gauge',
      'ble_advertisers',
      'Bluetooth advertisers above the gate in the last full minute, by what they are.',
      Object.entries(advertisers).flatMap(([advertiser, value]) =>
        value === undefined ? [] : [{ labels: { advertiser }, value }],
      ),
    ),
    gauge('window', 'Ordinal of the open window.', window.ordinal),
    gauge('window_start_timestamp_seconds', 'Start of the open window.', seconds(window.start_ms)),
    gauge('window_end_timestamp_seconds', 'End of the open window.', seconds(window.end_ms)),
  ];
}

function outbox({ buffer }: StatusDocument): Family[] {
  const hours = (value: number | null): number | null => (value === null ? null : value * 3_600);
  const untold = Object.entries(buffer.dropped_untold).map(([reason, value]) => ({ labels: { reason }, value }));
  return [
    gauge('outbox_batches', 'Sealed batches not yet acknowledged.', buffer.held),
    gauge('outbox_bytes', 'Bytes of them.', buffer.held_bytes),
    gauge('outbox_oldest_sequence', 'The oldest of them.', buffer.oldest_sequence),
    gauge('outbox_oldest_timestamp_seconds', 'When the oldest of them was sealed.', seconds(buffer.oldest_ms)),
    gauge('outbox_sealed_through_sequence', 'The newest sealed batch.', buffer.sealed_through),
    gauge(
      'outbox_dead_letters',
      'Batches that the collector rejected or that were found damaged, kept here.',
      buffer.dead_letters,
    ),
    gauge('outbox_bound_bytes', 'Bytes that may be held; beyond, the oldest batches are dropped.', buffer.bound_bytes),
    gauge(
      'outbox_time_left_seconds',
      'How long an outage of the uplink may last before batches are dropped.',
      hours(buffer.hours_left),
    ),
    counter('outbox_dropped_batches_total', 'Batches dropped over the life of the database.', buffer.dropped),
    many('gauge', 'outbox_dropped_untold_batches', 'Those of which the centre does not know yet, by reason.', untold),
    gauge('database_bytes', 'Size of the database.', buffer.database_bytes),
    gauge('uncommitted_inputs', 'Inputs taken in but not yet durable.', buffer.uncommitted),
    gauge('last_commit_timestamp_seconds', 'When inputs were last made durable.', seconds(buffer.last_commit_ms)),
    gauge(
      'storage_error',
      'Whether storage fails; counts are then kept in memory.',
      flag(buffer.storage_error !== null),
    ),
    gauge(
      'memory_time_left_seconds',
      'While storage fails: how long counting in memory can go on.',
      hours(buffer.memory_hours_left),
    ),
    gauge(
      'set_aside_databases',
      'Databases that could not be used and still lie on the disk.',
      buffer.set_aside.length,
    ),
    states(
      'epoch_origin',
      'How this run came to its epoch.',
      'origin',
      ['kept', 'new', 'moved', 'restored', 'damaged', 'newer'],
      buffer.epoch_origin,
    ),
  ];
}

/** Nothing where nothing is to be sent. */
function uplink({ uplink }: StatusDocument): Family[] {
  if (uplink.url === '') return [];
  const error = uplink.lastErrorKind === null ? [] : [{ labels: { kind: uplink.lastErrorKind }, value: 1 }];
  const certificates = uplink.certificates
    .toSorted((a, b) => a.expires_ms - b.expires_ms)
    .map(({ what, expires_ms }) => ({ labels: { what }, value: secondsOf(expires_ms) }));
  return [
    gauge('uplink_connected', 'Whether the broker is connected.', flag(uplink.phase === 'connected')),
    gauge('uplink_phase_since_timestamp_seconds', 'Since when it is or is not.', seconds(uplink.since)),
    many('gauge', 'uplink_error', 'The last attempt or session failed; what it is about.', error),
    gauge('uplink_last_published_timestamp_seconds', 'The last batch sent.', seconds(uplink.lastPublishedAt)),
    gauge('uplink_last_acknowledged_timestamp_seconds', 'The last one taken.', seconds(uplink.lastAcknowledgedAt)),
    gauge('uplink_in_flight_batches', 'Batches published and not yet acknowledged.', uplink.inFlight),
    counter('uplink_published_batches_total', 'Batches published, repetitions aside.', uplink.published),
    counter('uplink_acknowledged_batches_total', 'Batches the collector took.', uplink.acknowledged),
    counter('uplink_rejected_batches_total', 'Batches the collector rejected.', uplink.rejected),
    counter('uplink_resent_batches_total', 'Batches published again.', uplink.resent),
    gauge(
      'uplink_paused_until_timestamp_seconds',
      'Until when the collector asked to publish nothing.',
      seconds(uplink.pausedUntil),
    ),
    many(
      'counter',
      'uplink_ignored_acknowledgements_total',
      'Acknowledgements, or entries of them, that were not taken, by reason.',
      Object.entries(uplink.ignoredAcks).map(([reason, value]) => ({ labels: { reason }, value })),
    ),
    many(
      'gauge',
      'uplink_certificate_expiry_timestamp_seconds',
      'When a certificate of the link expires: of the broker, or of the authority it is trusted by.',
      certificates,
    ),
  ];
}

function box({ disk, box, clock }: StatusDocument): Family[] {
  const wear = disk.wear_percent === null ? null : disk.wear_percent / 100;
  return [
    gauge('disk_free_bytes', 'Free on the disk of the database.', disk.free_bytes),
    gauge('disk_size_bytes', 'Size of the disk of the database.', disk.total_bytes),
    gauge('disk_wear_ratio', "Used part of the flash's rated life.", wear),
    gauge('temperature_celsius', 'The hottest sensor of the box.', box.temperature_c),
    states(
      'clock_trust',
      'How far the clock can be trusted.',
      'trust',
      ['synchronised', 'rtc_only', 'unknown'],
      clock.trust,
    ),
  ];
}

function program({ settings, process, ...document }: StatusDocument): Family[] {
  const { version, tenant, gateway, store } = document;
  return [
    states(
      'settings',
      'Which settings are in use.',
      'state',
      ['current', 'last_good', 'restart_needed'],
      settings.state,
    ),
    gauge('settings_loaded_timestamp_seconds', 'When the settings were last read.', seconds(settings.loaded_ms)),
    gauge('settings_mistakes', 'Mistakes in the settings file.', settings.mistakes.length),
    many('gauge', 'build_info', 'The running version.', [{ labels: { version }, value: 1 }]),
    many('gauge', 'gateway_info', 'Which box of which store this is.', [
      { labels: { tenant, gateway, store }, value: 1 },
    ]),
    gauge('start_timestamp_seconds', 'When the daemon started.', seconds(document.started_ms)),
    gauge('uptime_seconds', 'How long it has run.', seconds(document.at_ms - document.started_ms)),
    gauge('process_resident_memory_bytes', 'Resident memory.', process.rss_bytes),
    gauge('process_heap_bytes', 'Heap in use.', process.heap_bytes),
    gauge('longest_stall_seconds', 'Longest time the event loop stood still.', seconds(process.longest_stall_ms)),
    counter('inputs_total', 'Inputs taken in over the life of the database.', process.ordinal),
  ];
}

function many(type: Family['type'], name: string, help: string, samples: Sample[]): Family {
  return { name: `footfall_${name}`, type, help, samples };
}

function gauge(name: string, help: string, value: Value): Family {
  return many('gauge', name, help, [{ labels: {}, value }]);
}

function counter(name: string, help: string, value: Value): Family {
  return many('counter', name, help, [{ labels: {}, value }]);
}

function states<T extends string>(name: string, help: string, label: string, all: readonly T[], is: T): Family {
  return many('gauge', name, help, stateSamples(label, all, is, {}));
}

function stateSamples<T extends string>(label: string, all: readonly T[], is: T, others: Sample['labels']): Sample[] {
  return all.map((value) => ({ labels: { ...others, [label]: value }, value: flag(value === is) }));
}

function flag(is: boolean): number {
  return is ? 1 : 0;
}

function secondsOf(ms: number): number {
  return ms / 1_000;
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : secondsOf(ms);
}
