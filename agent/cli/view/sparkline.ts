/** A row of small bars. */
const BARS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/**
 * One bar a value, each `repeat` columns wide, up to `highest` (by default the largest value). Zero is a dot and null (not
 * measured, not yet come) a space, so that both can be told from little.
 */
export function sparkline(
  values: readonly (number | null)[],
  options: { highest?: number; repeat?: number } = {},
): string {
  const highest = options.highest ?? Math.max(0, ...values.map((value) => value ?? 0));
  return values.map((value) => barOf(value, highest).repeat(options.repeat ?? 1)).join('');
}

function barOf(value: number | null, highest: number): string {
  if (value === null) return ' ';
  if (value <= 0) return '·';
  const step = Math.ceil((value / Math.max(highest, value)) * BARS.length);
  return BARS[Math.min(Math.max(step, 1), BARS.length) - 1];
}
