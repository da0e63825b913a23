/** Answers written into a settings file's text: what is not answered stays as it is, comments included. */
import { isDeepStrictEqual } from 'node:util';
import {
  type Document,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  type Node,
  Pair,
  parseDocument,
  Scalar,
  stringify,
  visit,
  YAMLMap,
} from 'yaml';
import { AgentError } from '../../errors.ts';
import { type Answers, answersOf, type Hours } from './answers.ts';
import { type Change, changesTo } from './changes.ts';

/** Every value is one to be answered. */
const SKELETON = `# yaml-language-server: $schema=./footfall.schema.json
#
# Settings of this Footfall gateway, made by "footfall setup"; run it again to change them, or edit by hand and check:
#   footfall config check FILE
# footfall.example.yaml explains every key and its default.

# Who the gateway belongs to, and its own name: together they name it to the central platform.
tenant: name
gateway: name

store:
  # The store keeps its name when the gateway is replaced.
  id: name
  # Decides where a store day begins and ends, summer time included.
  time_zone: UTC
  # Days: mon to sun, ranges such as mon-fri, or daily. Several hours as "09:00-12:00, 13:00-18:00"; closed; 24h.
  hours: {}

# One entry a sensor. Its id stays the same for the life of the gateway: replace the hardware, keep the id.
sensors: []
`;
/** What is written above a part that a file did not have. */
const INTRODUCTIONS: Record<string, string> = {
  uplink: ' The broker of the central platform. The password is never written here: it is in its own file.',
  storage: ' The database; a directory of its own.',
  runtime_directory: ' Holds the socket of "footfall status".',
};

/**
 * The text with the answers in it. Throws `setup_edit` where the file is written in a way that cannot be edited.
 * @param text the present file; null for a new one.
 */
export function writeAnswers(text: string | null, answers: Answers): string {
  let written: string;
  try {
    written = edit(text ?? SKELETON, answers);
  } catch (error) {
    throw notEditable(error);
  }
  const told = answersOf(parse(written).toJS());
  if (!isDeepStrictEqual(comparable(told), comparable({ ...told, ...answers }))) throw notEditable();
  return written;
}

function edit(text: string, answers: Answers): string {
  const changes = changesTo(parse(text).toJS(), answers);
  // A value that takes the place of another is put into the text itself, so that no other line can change.
  const { text: spliced, left } = splice(text, changes);
  if (left.length === 0) return spliced;
  const document = parse(spliced);
  for (const change of left) apply(document, change);
  return document.toString({ lineWidth: 0, ...habitsOf(spliced) });
}

function splice(text: string, changes: readonly Change[]): { text: string; left: Change[] } {
  const document = parse(text);
  const left: Change[] = [];
  const spots: { start: number; end: number; words: string }[] = [];
  for (const change of changes) {
    const node = document.getIn(change.path, true);
    const { value } = change;
    const range = isScalar(node) && !node.anchor && !node.tag ? node.range : undefined;
    const old = range ? text.slice(range[0], range[1]) : '';
    if (value === undefined || typeof value === 'object' || !isScalar(node) || !range || old === '' || /\n/.test(old)) {
      left.push(change);
    } else {
      const spoken = spokenLike(node, nodeOf(document, change.path, value));
      spots.push({
        start: range[0],
        end: range[1],
        words: stringify({ spoken }, { lineWidth: 0, aliasDuplicateObjects: false }).slice('spoken: '.length).trimEnd(),
      });
    }
  }
  let result = text;
  for (const { start, end, words } of spots.sort((a, b) => b.start - a.start)) {
    result = result.slice(0, start) + words + result.slice(end);
  }
  return { text: result, left };
}

/** A new value in the manner of the old one; a comma or bracket may stand in a flow map, and needs quotes there. */
function spokenLike(old: Scalar, spoken: Node): Node {
  if (!isScalar(spoken) || typeof spoken.value !== 'string') return spoken;
  if (old.type === Scalar.QUOTE_DOUBLE || old.type === Scalar.QUOTE_SINGLE) spoken.type = old.type;
  else if (/[,[\]{}]/.test(spoken.value)) spoken.type = Scalar.QUOTE_DOUBLE;
  return spoken;
}

function apply(document: Document, { path, value }: Change): void {
  if (value === undefined) {
    document.deleteIn(path);
    return;
  }
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const key = path.at(-1);
  const node = nodeOf(document, path, value);
  if (isMap(parent) && typeof key === 'string' && !parent.has(key)) {
    const name = new Scalar(key);
    if (/^\d/.test(key)) name.type = Scalar.QUOTE_DOUBLE;
    if (path.length === 1) Object.assign(name, { commentBefore: INTRODUCTIONS[key], spaceBefore: true });
    parent.add(new Pair(name, node));
  } else if (path.length > 1 && !isCollection(parent)) {
    apply(document, { path: path.slice(0, -1), value: {} });
    apply(document, { path, value });
  } else if (isSeq(parent)) {
    if (isMap(node) && parent.flow !== true) node.spaceBefore = true;
    parent.add(node);
  } else {
    document.setIn(path, node);
  }
}

/** Hours are quoted: other readers of YAML take 09:00 for a number. */
function nodeOf(document: Document, path: Change['path'], value: unknown): Node {
  const hours = path[0] === 'store' && (path[1] === 'hours' || path[1] === 'exceptions');
  if (!hours) {
    const node = document.createNode(value) as Node;
    // A list of channels is one line.
    visit(node, {
      Seq: (_key, list) => {
        list.flow = list.items.every(isScalar);
      },
    });
    return node;
  }
  if (typeof value === 'string') return hourNode(value);
  const map = new YAMLMap();
  for (const [key, text] of Object.entries(value as Hours)) {
    const name = new Scalar(key);
    if (path[1] === 'exceptions') name.type = Scalar.QUOTE_DOUBLE;
    map.add(new Pair(name, hourNode(text)));
  }
  return map;
}

function hourNode(text: string): Scalar {
  const node = new Scalar(text);
  if (text.includes(':')) node.type = Scalar.QUOTE_DOUBLE;
  return node;
}

/** How the file is indented, so that a rewrite keeps to it. */
function habitsOf(text: string): { indent: number; indentSeq: boolean } {
  const below = String.raw`:[^\n]*\n(?:[ \t]*(?:#[^\n]*)?\n)*( *)`;
  const nested = new RegExp(`^(?:store|uplink|counting)${below}\\S`, 'm').exec(text)?.[1].length ?? 2;
  const dash = new RegExp(`^sensors${below}- `, 'm').exec(text)?.[1].length ?? 2;
  return { indent: Math.min(Math.max(nested, 2), 8), indentSeq: dash > 0 };
}

/** Without the order of the sensors, and the difference between nothing and an empty map. */
function comparable({ sensors = [], ...answers }: Answers): Answers {
  const sorted = sensors.toSorted((a, b) => String(a.id).localeCompare(String(b.id)));
  return { ...answers, sensors: sorted, hours: answers.hours ?? {}, exceptions: answers.exceptions ?? {} };
}

function notEditable(cause?: unknown): AgentError {
  return new AgentError(
    'setup_edit',
    'the settings file is written in a way that cannot be edited by program (anchors, aliases or several documents)',
    'Edit it by hand, then: footfall config check FILE. Or write a new one: footfall setup --force',
    { cause },
  );
}

function parse(text: string): Document {
  return parseDocument(text, { stringKeys: true, logLevel: 'error' });
}
