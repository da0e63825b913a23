/** What decoders made of a recording, for people. */
import { formatBytes, formatCount, NONE } from './format.ts';
import { ENDS } from './record.ts';
import { painter } from './style.ts';
import { type Column, renderTable } from './table.ts';

/** What `footfall replay --decode --json` prints; times in milliseconds UTC. */
export interface DecodedRecording {
  file: string;
  start_ms: number;
  /** Until when it was listened, and why no longer; null where the recording does not say. */
  end_ms: number | null;
  end: string | null;
  /** The footfall that recorded it. */
  version: string | null;
  expires_ms: number | null;
  sensors: {
    id: string;
    driver: string;
    chunks: number;
    bytes: number;
    accepted: number;
    rejected: Record<string, number>;
    readings: Record<string, { count: number; first_ms: number; last_ms: number }>;
  }[];
}

const COLUMNS: Column[] = [
  { title: 'READING' },
  { title: 'COUNT', align: 'right' },
  { title: 'FIRST' },
  { title: 'LAST' },
];
const AS_MEANT: readonly (string | null)[] = [null, 'asked', 'time', 'size'];

export function renderDecoded(
  decoded: DecodedRecording,
  { width, colour }: { width: number; colour: boolean },
): string {
  const paint = painter(colour);
  const { file, start_ms, end_ms, version, expires_ms } = decoded;
  const made = version === null ? '' : `, by footfall ${version}`;
  const expires = expires_ms === null ? '' : `, expires ${timeOf(expires_ms)}`;
  const until = end_ms === null ? '' : ` to ${timeOf(end_ms)}`;
  const lines = [`${file}: from ${timeOf(start_ms)}${until}${made}${expires}`];
  for (const { id, driver, chunks, bytes, accepted, rejected, readings } of decoded.sensors) {
    const refused = Object.entries(rejected).map(([reason, count]) => `${formatCount(count)} ${reason}`);
    lines.push('', paint('strong', `${id} (${driver})`));
    lines.push(`${formatBytes(bytes)} in ${formatCount(chunks)} reads, ${formatCount(accepted)} frames accepted`);
    lines.push(refused.length === 0 ? 'none rejected' : `rejected: ${refused.join(', ')}`);
    const rows = Object.entries(readings).map(([kind, { count, first_ms, last_ms }]) => [
      kind,
      formatCount(count),
      timeOf(first_ms),
      timeOf(last_ms),
    ]);
    lines.push(...(rows.length === 0 ? [`readings: ${NONE}`] : renderTable(COLUMNS, rows, { width, paint })));
  }
  return `${lines.join('\n')}\n${renderEnd(decoded.end)}`;
}

/** A line about a recording that ended early; nothing about one that ended as it was meant to. */
export function renderEnd(end: string | null): string {
  return AS_MEANT.includes(end) ? '' : `\nThe recording ended early, ${ENDS[end ?? '']}.\n`;
}

/** `2026-03-02 10:00:03Z`. */
function timeOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')}Z`;
}
