/** A YAML text as a plain value that knows where each part of it was written. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type YAMLParseError,
} from 'yaml';
import type { Mistake } from './settings.ts';

export type Path = readonly (string | number)[];

/** The library's messages can quote the text, secrets included, so only these are told, in our own words. */
const WORDS: Partial<Record<YAMLParseError['code'], string>> = {
  ALIAS_PROPS: 'an alias cannot carry a tag or an anchor',
  BAD_ALIAS: 'this alias has no anchor before it; a value that starts with * needs quotes',
  BAD_DQ_ESCAPE: 'unknown escape in a double-quoted text; use single quotes',
  BAD_INDENT: 'wrong indentation; the keys of one map start in the same column',
  BAD_SCALAR_START: 'a value cannot start with this character; put it in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a map cannot start here; a value that holds ": " needs quotes, a nested key its own line',
  BLOCK_IN_FLOW: 'a block cannot start inside { } or [ ]',
  MISSING_CHAR: 'a character is missing; expected a comma, or ":" after a key',
  MULTIPLE_ANCHORS: 'a value can carry one anchor only',
  MULTIPLE_DOCS: 'expected one document, found a second one after "---"',
  NON_STRING_KEY: 'a key must be a plain text',
  TAB_AS_INDENT: 'a tab cannot indent; use spaces',
};
const NOT_CLOSED = 'the quote or bracket that opens here is not closed where it should be';
const OTHERWISE = 'this does not fit here; check quotes, brackets and indentation';

export class YamlSource {
  /** The plain value; undefined where the syntax is too broken to read on. */
  readonly value: unknown;
  /** Syntax mistakes, keys written twice included. */
  readonly mistakes: Mistake[] = [];
  readonly #document: Document;
  readonly #lines = new LineCounter();

  constructor(text: string) {
    const document = parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      stringKeys: true,
      logLevel: 'error',
    });
    this.#document = document;
    let readable = true;
    let told = -1;
    for (const error of document.errors) {
      if (error.code !== 'DUPLICATE_KEY') readable = false;
      // Of several errors at one place the later ones follow from the first.
      if (error.pos[0] === told) continue;
      told = error.pos[0];
      this.mistakes.push(this.#explain(error, text));
    }
    if (readable) this.value = this.#plain(document);
  }

  /** Line and column, from 1, of the value at `path`, or of its key; of the nearest holder where there is none. */
  positionOf(path: Path, what: 'value' | 'key' = 'value'): { line: number; column: number } {
    let node: unknown = this.#document.contents;
    let offset = startOf(node) ?? 0;
    for (const [depth, step] of path.entries()) {
      if (isAlias(node)) node = node.resolve(this.#document);
      if (isMap(node)) {
        const pair = node.items.findLast((item) => isScalar(item.key) && String(item.key.value) === String(step));
        if (!pair) break;
        const empty = isScalar(pair.value) && pair.value.source === '';
        const wantKey = empty || isMap(pair.value) || isSeq(pair.value) || what === 'key' || pair.value === null;
        const last = depth === path.length - 1;
        offset = (last && wantKey ? startOf(pair.key) : startOf(pair.value)) ?? offset;
        node = pair.value;
      } else if (isSeq(node) && typeof step === 'number') {
        node = node.items[step];
        offset = startOf(node) ?? offset;
      } else break;
    }
    return this.#at(offset);
  }

  /** The plain value at `path` as far as it can be made out, however broken the rest is. */
  peek(path: Path): unknown {
    try {
      return this.#document.getIn(path);
    } catch {
      return undefined;
    }
  }

  #plain(document: Document): unknown {
    const lost: Mistake[] = [];
    visit(document, {
      Alias: (_key, alias) => {
        if (!alias.resolve(document)) lost.push(this.#mistake(alias.range?.[0] ?? 0, WORDS.BAD_ALIAS ?? OTHERWISE));
      },
    });
    this.mistakes.push(...lost);
    if (lost.length > 0) return undefined;
    try {
      return document.toJS({ maxAliasCount: 100 });
    } catch {
      this.mistakes.push(this.#mistake(0, 'too many aliases; write the values out'));
      return undefined;
    }
  }

  #at(offset: number): { line: number; column: number } {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  #mistake(offset: number, message: string): Mistake {
    return { ...this.#at(offset), path: '', message };
  }

  #explain(error: YAMLParseError, text: string): Mistake {
    const offset = error.pos[0];
    if (error.code === 'DUPLICATE_KEY') {
      const key = /^["']?([\w.-]+)/.exec(text.slice(offset, offset + 80))?.[1] ?? '';
      return this.#mistake(offset, `the key "${key}" is written twice; keep one`);
    }
    const opened =
      error.code === 'MISSING_CHAR' || error.code === 'BAD_INDENT' ? this.#openedBefore(offset) : undefined;
    if (opened !== undefined) return this.#mistake(opened, NOT_CLOSED);
    return this.#mistake(offset, WORDS[error.code] ?? OTHERWISE);
  }

  /** Start of the innermost quote or bracket that is still open at `offset`: the parser tells only where it gave up. */
  #openedBefore(offset: number): number | undefined {
    let start: number | undefined;
    visit(this.#document, {
      Node: (_key, node) => {
        const opens = isScalar(node) ? node.type?.startsWith('QUOTE') : (isMap(node) || isSeq(node)) && node.flow;
        if (opens && node.range && node.range[0] < offset && node.range[1] >= offset) start = node.range[0];
      },
    });
    return start;
  }
}

function startOf(node: unknown): number | undefined {
  if (isScalar(node) || isMap(node) || isSeq(node) || isAlias(node)) return node.range?.[0];
  return undefined;
}
