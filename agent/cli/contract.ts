/** `footfall contract`: what gateways and platforms say to each other, as schemas, topics and examples. */
import { readFileSync } from 'node:fs';
import { Argument, type Command } from 'commander';
import { AgentError } from '../errors.ts';
import { endingWith, WRONG_USE } from './exit-codes.ts';

const SCHEMAS = ['batch', 'gap', 'probe', 'state', 'ack', 'config'];
const OTHERS = ['record', 'asyncapi', 'topics', 'examples'];
const COMMON = 'ff/v1/{tenant}/{gateway}/';

export function register(program: Command): void {
  program
    .command('contract')
    .description('print the contract with the central platform: schemas, topics, examples')
    .addArgument(new Argument('[what]', 'what of it (default: an overview)').choices([...SCHEMAS, ...OTHERS]))
    .argument('[name]', 'kind of a record, or name of an example')
    .option('--json', 'print overview, topics and names of examples as JSON; all else is JSON anyway')
    .addHelpText(
      'after',
      `
batch, gap, probe, state, ack, config: the JSON Schema (2020-12) of that message. record KIND: that of a kind of record.
asyncapi: an AsyncAPI 3.0 document of all of it. topics: what to subscribe to. examples [NAME]: real messages.
The rules in words are in agent/contract/README.md.

Exit codes: 0 printed, 64 wrong use.

Examples:
  footfall contract
  footfall contract batch > batch.schema.json
  footfall contract record door
  footfall contract examples batch | jq .data.records
  footfall contract asyncapi > asyncapi.json`,
    )
    .action(contract);
}

async function contract(what: string | undefined, name: string | undefined, { json = false }: { json?: boolean }) {
  if (what === 'record')
    return print('record', name, (await namesOf()).records, (kind) => `schema/record-${kind}.json`);
  if (what === 'examples' && name !== undefined) {
    return print('examples', name, (await namesOf()).examples, (example) => `examples/${example}.json`);
  }
  if (name !== undefined) throw wrongUse(`expected nothing behind ${what}, received "${name}"`, 'Leave it out.');
  if (what === 'examples') return list((await namesOf()).examples, json);
  if (what === 'asyncapi') return write('asyncapi.json');
  if (what !== undefined && SCHEMAS.includes(what)) return write(`schema/${what}.json`);
  await overview(what === 'topics', json);
}

/** A file that was generated (`npm run contract`). */
function write(path: string): void {
  process.stdout.write(readFileSync(new URL(`../contract/${path}`, import.meta.url), 'utf8'));
}

function print(what: string, name: string | undefined, names: string[], pathOf: (name: string) => string): void {
  if (name !== undefined && names.includes(name)) {
    write(pathOf(name));
    return;
  }
  const received = name === undefined ? 'none' : `"${name}"`;
  throw wrongUse(
    `expected one of ${names.join(', ')}, received ${received}`,
    `For example: footfall contract ${what} ${names[0]}`,
  );
}

function list(names: string[], json: boolean): void {
  process.stdout.write(json ? `${JSON.stringify(names, null, 2)}\n` : `${names.join('\n')}\n`);
}

async function namesOf(): Promise<{ records: string[]; examples: string[] }> {
  const [{ MESSAGES }, { RECORD_KINDS }] = await Promise.all([
    import('../contract/catalogue.ts'),
    import('../contract/records.ts'),
  ]);
  return { records: [...RECORD_KINDS.keys()], examples: MESSAGES.flatMap(({ examples }) => examples) };
}

/** The messages, or each topic once. */
async function overview(topicsOnly: boolean, json: boolean): Promise<void> {
  const { overviewRows } = await import('../contract/catalogue.ts');
  const all = overviewRows();
  const rows = topicsOnly
    ? [...Map.groupBy(all, ({ topic }) => topic)].map(([topic, here]) => {
        const [{ from, qos, retained }] = here;
        return { topic, from, qos, retained, messages: here.map(({ message }) => message) };
      })
    : all;
  if (json) {
    process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    return;
  }
  const [{ renderTable }, { painter, terminalOf }] = await Promise.all([
    import('./view/table.ts'),
    import('./view/style.ts'),
  ]);
  const { width, colour } = terminalOf(process.stdout, process.env);
  const cells = rows.map((row) => Object.values(row).map(cellOf));
  const titles = Object.keys(rows[0]).map((title) => ({ title: title === 'qos' ? 'QoS' : title }));
  const lines = renderTable(titles, cells, { width, paint: painter(colour) });
  process.stdout.write(`${lines.join('\n')}\n\nTopics are below ${COMMON}\n`);
}

function cellOf(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return Array.isArray(value) ? value.join(', ') : String(value).replace(COMMON, '');
}

function wrongUse(message: string, hint: string): AgentError {
  return endingWith(new AgentError('wrong_use', message, hint), WRONG_USE);
}
