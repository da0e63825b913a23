/** A recording under way, and what has become of it, for people. */
import { formatBytes, formatCount, formatDuration } from './format.ts';
import { cut } from './width.ts';

export interface RecordProgress {
  id: string;
  bytes: number;
  frames: number;
  leftMs: number;
}

/** What `footfall record --json` prints; times in milliseconds UTC. */
export interface RecordSummary {
  file: string;
  sensor: string;
  driver: string;
  source: 'daemon' | 'line';
  start_ms: number;
  end_ms: number;
  /** Why it ended. */
  end: string;
  /** Nothing went wrong. */
  whole: boolean;
  bytes: number;
  chunks: number;
  frames: number;
  file_bytes: number;
  expires_ms: number;
}

/** What an end says to people. */
export const ENDS: Readonly<Record<string, string>> = {
  asked: 'as asked',
  time: 'after the time that was set',
  size: 'at the size that was set',
  behind: 'as this end could not keep up with the sensor: what came later is not in it',
  sensor_stopped: 'as the daemon stopped the sensor: its settings changed, or the daemon ended',
  daemon_ended: 'as the daemon ended, or its connection broke',
};

/** One line that fits, to be written over the one before. */
export function renderProgress({ id, bytes, frames, leftMs }: RecordProgress, width: number): string {
  const heard = `${formatBytes(bytes)}, ${formatCount(frames)} frames`;
  const line = `recording ${id}: ${heard}, ${formatDuration(Math.max(0, leftMs))} left (Ctrl-C ends it)`;
  // The last column stays free: some terminals go on to the next line with it.
  return cut(line, width - 1);
}

export function renderRecorded(summary: RecordSummary): string {
  const { file, sensor, driver, start_ms, end_ms, bytes, chunks, frames, expires_ms } = summary;
  const from = summary.source === 'line' ? ' from its own line' : '';
  const lines = [
    `${file}: ${formatDuration(end_ms - start_ms)} of ${sensor} (${driver})${from}, ${formatBytes(bytes)} in ${formatCount(chunks)} reads, ${formatCount(frames)} frames`,
    `Ended ${ENDS[summary.end] ?? summary.end}.`,
  ];
  if (bytes > 0 && frames === 0) lines.push('None of it is a valid frame: is the driver or the speed right?');
  if (bytes === 0) lines.push('The sensor said nothing.');
  lines.push(
    `It holds addresses, encrypted. It cannot be read after ${new Date(expires_ms).toISOString()}: delete it by then.`,
    `What is in it: footfall replay ${file} --decode`,
  );
  return `${lines.join('\n')}\n`;
}
