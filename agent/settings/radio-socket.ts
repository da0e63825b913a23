/**
 * Where the helper of a radio listens: beside the daemon's own folder and not in it, as another user runs it. In
 * systemd/footfall-radio@.service it is RuntimeDirectory=footfall-radio.
 */
export function radioSocketOf(runtimeDirectory: string, sensorId: string): string {
  return `${runtimeDirectory}-radio/${sensorId}.sock`;
}
