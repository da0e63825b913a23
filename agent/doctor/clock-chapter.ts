/** The clock, by which windows are cut and days begin, and the tmpfs on which the day's key ends with the power. */
import { fileURLToPath } from 'node:url';
import type { Context } from './context.ts';
import type { Finding } from './finding.ts';
import { factsAt, textOf } from './machine.ts';
import { mountOf, nearestExisting, VOLATILE } from './mounts.ts';
import { ChapterReport, spanOf } from './report.ts';

const APART_MS = 60_000;
const FAR_APART_MS = 86_400_000;

const report = new ChapterReport('clock');

export async function* checkClock(context: Context): AsyncGenerator<Finding> {
  yield await checkTrust(context);
  yield await checkDate(context);
  yield await checkRtc(context);
  yield* checkZone(context);
  yield await checkKeyPlace(context);
}

async function checkTrust({ settings, deps }: Context): Promise<Finding> {
  const check = { check: 'clock_trust', tried: 'whether the clock is synchronised' };
  if (settings?.clock.source === 'host') return report.ok(check, 'kept by the host (clock.source)');
  const trust = await deps.clockTrust();
  if (trust === 'synchronised') return report.ok(check, 'synchronised');
  const found =
    trust === 'rtc_only'
      ? 'not synchronised; only a real-time clock keeps it'
      : 'not synchronised, and no real-time clock';
  const mend =
    'Turn synchronisation on: sudo timedatectl set-ntp true; UDP port 123 must be open. Is the host keeping the clock? clock: { source: host }';
  return report.warning(check, found, mend);
}

/** No clock is right that stands before the day this release was put here. */
async function checkDate({ machine, nowMs }: Context): Promise<Finding> {
  const check = { check: 'date', tried: 'read the clock' };
  const release = await factsAt(machine, fileURLToPath(new URL('../version.ts', import.meta.url)));
  const found = new Date(nowMs).toISOString().replace('T', ' ').slice(0, 16);
  if (release === null || nowMs >= release.modifiedMs) return report.ok(check, `${found} UTC`);
  const mend = 'Set it: sudo timedatectl set-ntp true, or by hand: sudo date --set "2026-12-24 09:00"';
  return report.error(
    check,
    `${found} UTC, ${spanOf(release.modifiedMs - nowMs)} before this release was installed`,
    mend,
  );
}

async function checkRtc({ machine, clock }: Context): Promise<Finding> {
  const check = { check: 'rtc', tried: 'read the real-time clock' };
  const text = await textOf(machine, '/sys/class/rtc/rtc0/since_epoch');
  if (text === null || !/^\d+\s*$/.test(text)) {
    return report.skipped(check, 'there is none: after a power cut the clock is wrong until the network sets it');
  }
  const apart = Math.abs(Number(text) * 1_000 - clock.wall());
  const mend =
    'Set it from the system clock, once that is right: sudo hwclock --systohc. Does it lose time? Replace its battery.';
  if (apart > FAR_APART_MS) return report.error(check, `${spanOf(apart)} off the system clock`, mend);
  if (apart > APART_MS) return report.warning(check, `${spanOf(apart)} off the system clock`, mend);
  return report.ok(check, `agrees with the system clock within ${Math.max(1, Math.ceil(apart / 1_000))} s`);
}

function* checkZone({ settings, daemon, nowMs }: Context): Generator<Finding> {
  const zone = settings?.store.timeZone ?? ('document' in daemon ? daemon.document.time_zone : undefined);
  if (zone === undefined) return;
  const check = { check: 'time_zone', subject: zone, tried: 'told the time in the store' };
  try {
    const format = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      weekday: 'long',
      hour: '2-digit',
      minute: '2-digit',
    });
    yield report.ok(check, format.format(nowMs));
  } catch {
    const mend = 'Name an IANA zone, such as Europe/Prague, as store.time_zone.';
    yield report.error(check, 'this Node knows no such time zone', mend);
  }
}

async function checkKeyPlace({ machine, runtimeDirectory }: Context): Promise<Finding> {
  const check = { check: 'key_place', subject: runtimeDirectory, tried: "looked where the day's key is" };
  const mount = await mountOf(machine, await nearestExisting(machine, runtimeDirectory));
  if (mount === null) return report.skipped(check, 'the kernel does not tell');
  if (VOLATILE.includes(mount.type)) return report.ok(check, `on ${mount.type}: gone at power-off`);
  const mend = 'Point "runtime_directory" at a tmpfs, such as /run/footfall.';
  return report.warning(check, `on ${mount.type}, a disk: the day's key would outlive a power-off`, mend);
}
