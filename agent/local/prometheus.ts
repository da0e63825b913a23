/**
 * Prometheus text format 0.0.4, written as its exposition formats page says: every family once, with HELP and TYPE in
 * front of its samples, label values escaped.
 */

export interface Family {
  /** `[a-zA-Z_:][a-zA-Z0-9_:]*`; a counter's ends in `_total`. */
  name: string;
  type: 'counter' | 'gauge';
  /** One line for people. */
  help: string;
  samples: Sample[];
}

export interface Sample {
  labels: Readonly<Record<string, string>>;
  /** A sample whose value is absent or no number is left out. */
  value: number | null | undefined;
}

/** The whole exposition. A family without a sample is left out; of two samples with the same labels the first stays. */
export function renderFamilies(families: readonly Family[]): string {
  return families.map(renderFamily).join('');
}

function renderFamily({ name, type, help, samples }: Family): string {
  const lines = new Map<string, string>();
  for (const { labels, value } of samples) {
    if (value === null || value === undefined || !Number.isFinite(value)) continue;
    const series = `${name}${renderLabels(labels)}`;
    if (!lines.has(series)) lines.set(series, `${series} ${value}\n`);
  }
  if (lines.size === 0) return '';
  return `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n${[...lines.values()].join('')}`;
}

function renderLabels(labels: Sample['labels']): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeValue(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapeValue(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
