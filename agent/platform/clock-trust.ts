import { existsSync } from 'node:fs';

export type ClockTrust = 'synchronised' | 'rtc_only' | 'unknown';

/**
 * How far the wall clock can be trusted: synchronised when systemd-timesyncd says so (its flag file, systemd-timesyncd(8))
 * or chrony runs; kept by a real-time clock only; else unknown.
 */
export function readClockTrust(exists: (path: string) => boolean = existsSync): ClockTrust {
  if (exists('/run/systemd/timesync/synchronized') || exists('/run/chrony/chronyd.pid')) return 'synchronised';
  if (exists('/dev/rtc0')) return 'rtc_only';
  return 'unknown';
}
