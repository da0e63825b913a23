/** Dwell distributions as logarithmic buckets 2 % wide: they merge by adding, over windows, gateways and days. */

const LOG_BASE = Math.log(1.02);
/** Bucket of a week: whatever claims to be longer is a clock's mistake and must not grow the histogram. */
const MAX_BUCKET = Math.floor(Math.log(7 * 86_400) / LOG_BASE);

/** Counts by bucket. Integer keys of an object come in ascending order, so the same counts are the same JSON. */
export type Histogram = Record<number, number>;

/** The bucket of a dwell: floor(ln(seconds) / ln(1.02)); less than a second is told as one second, bucket 0. */
export function bucketOf(ms: number): number {
  return ms <= 1000 ? 0 : Math.min(MAX_BUCKET, Math.floor(Math.log(ms / 1000) / LOG_BASE));
}

export function addToHistogram(histogram: Histogram, bucket: number, count: number): void {
  histogram[bucket] = (histogram[bucket] ?? 0) + count;
}

/** [bucket, count] in ascending order of bucket, as it goes on the wire. */
export function histogramEntries(histogram: Histogram): [number, number][] {
  return Object.entries(histogram).map(([bucket, count]) => [Number(bucket), count]);
}

/** Adds `entries` to `into`. */
export function mergeHistogram(into: Histogram, entries: readonly (readonly [number, number])[]): void {
  for (const [bucket, count] of entries) addToHistogram(into, bucket, count);
}

/**
 * The quantile in milliseconds, within 1 %: the geometric middle of the bucket it falls in. Null for no counts.
 * @param q from 0 to 1; 0.5 is the median.
 */
export function quantile(entries: readonly (readonly [number, number])[], q: number): number | null {
  const total = entries.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return null;
  const rank = Math.max(1, Math.ceil(q * total));
  let seen = 0;
  for (const [bucket, count] of [...entries].sort((one, other) => one[0] - other[0])) {
    seen += count;
    if (seen >= rank) return Math.round(1000 * Math.exp((bucket + 0.5) * LOG_BASE));
  }
  return null;
}
