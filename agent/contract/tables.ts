/** The parts of the README that are generated: the overview of messages, the fields of each record kind, the consumer. */
import { overviewRows } from './catalogue.ts';
import { type JsonSchema, recordSchemas } from './json-schema.ts';

/** Names of the parts; each stands between `<!-- generated: NAME -->` and `<!-- end -->`. */
type Part = 'messages' | 'key' | 'records' | 'consumer';

const PART = /(<!-- generated: (\w+) -->\n)[\s\S]*?(<!-- end -->)/g;

/** The README with its generated parts as they should be. @param consumer the text of consumer.py. */
export function filledIn(readme: string, consumer: string): string {
  const parts: Record<Part, () => string> = {
    messages: () => messageTable(),
    key: keyTable,
    records: recordTables,
    consumer: () => `\`\`\`python\n${consumer}\`\`\`\n`,
  };
  return readme.replace(PART, (_whole, start: string, name: Part, end: string) => `${start}${parts[name]()}${end}`);
}

function messageTable(): string {
  const rows = overviewRows().map(({ message, topic, from, qos, retained, schema }) => [
    ...[message, `\`${topic}\``, from, String(qos), retained ? 'yes' : 'no', `\`${schema}\``],
  ]);
  return table(['message', 'topic', 'from', 'QoS', 'retained', 'schema'], rows);
}

/** What every record has. */
function keyTable(): string {
  const [first] = recordSchemas().values();
  return fieldTable(first, (_name, isOwn) => !isOwn);
}

/** What each kind has besides. */
function recordTables(): string {
  const sections = [...recordSchemas()].map(([kind, schema]) => {
    const fields = fieldTable(schema, (_name, isOwn) => isOwn);
    return `### ${kind}\n\n${schema.description}\n\n${fields}`;
  });
  return sections.join('\n');
}

function fieldTable(schema: JsonSchema, wanted: (name: string, isOwn: boolean) => boolean): string {
  const shared = sharedNames();
  const fields = Object.entries(schema.properties ?? {}) as [string, JsonSchema][];
  const rows = fields
    .filter(([name]) => wanted(name, !shared.has(name)))
    .map(([name, field]) => [
      `\`${name}\``,
      text(field['x-unit']),
      text(field['x-merge']),
      text(field.description).replaceAll('|', '\\|'),
    ]);
  return table(['field', 'unit', 'merges', 'meaning'], rows);
}

/** Fields that all kinds have. */
function sharedNames(): Set<string> {
  const [first, ...others] = [...recordSchemas().values()].map(({ properties }) => Object.keys(properties ?? {}));
  return new Set(first.filter((name) => others.every((names) => names.includes(name))));
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |\n`;
  return [line(head), `|${' --- |'.repeat(head.length)}\n`, ...rows.map(line)].join('');
}
