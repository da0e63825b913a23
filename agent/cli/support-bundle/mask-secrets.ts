/** Secrets that somebody wrote where none belong: into a settings file, beside the broker's address, into a comment. */
import { parseDocument } from 'yaml';
import { MASK } from './mask-addresses.ts';

const WORDS = 'pass(?:word|wd|phrase|code)?|pwd|secret|token|psk|api[_-]?key|private[_-]?key|credentials?|pin';
/** A key that holds a secret; one that ends in `file` names where it is. */
const KEY = new RegExp(`(?<![a-z])(?:${WORDS})(?![a-z])`, 'i');
const NAMES_A_PLACE = /(?:file|path|dir|directory)$/i;
/** `key: value`, in a map of either style, and `key=value`. */
const PAIR = /(["']?)([\w.-]+)\1(\s*[:=]\s*)("(?:[^"\\]|\\.)*"?|'(?:[^']|'')*'?|[^\s,{}[\]#][^,}\]\n]*)?/g;
const IN_URL = /(\b[a-z][a-z0-9+.-]{0,20}:\/\/)([^\s"'<>]*)@/gi;
/** What a comment says of a secret, or a word that could be one: long, of letters and digits mixed. */
const TELLING = new RegExp(
  `(?<![a-z])(?:${WORDS}|key|wi-?fi|wlan|ssid)(?![a-z])|(?=\\S*[a-z])(?=\\S*\\d)[\\w+/=!@$%^&*-]{16,}`,
  'i',
);
/** Shorter ones stand in ordinary words and numbers too. */
const SHORTEST = 5;
const LEAST_NUMBER = 100_000;

export interface SecretMask {
  text: string;
  masked: number;
}

/** A settings text, however broken its YAML is, with the values of keys that hold secrets and with telling comments masked. */
export function maskSettings(text: string): SecretMask {
  let masked = 0;
  let hideDeeperThan: number | null = null;
  const lines = text.split('\n').map((line) => {
    const indent = line.length - line.trimStart().length;
    if (hideDeeperThan !== null && (line.trim() === '' || indent > hideDeeperThan)) {
      // What follows a key on deeper lines is its value: a block of text, or one that goes on.
      return line.trim() === '' ? line : `${line.slice(0, indent)}${MASK.secret}`;
    }
    hideDeeperThan = null;
    const { body, comment } = splitComment(line);
    const keys = body.replace(PAIR, (whole, ...parts) => {
      const [quote, key, between, value, offset] = parts as [string, string, string, string | undefined, number];
      if (!holdsSecret(key)) return whole;
      masked++;
      // A value that the line does not end goes on in the next, deeper than its key; inside brackets at any depth.
      const goesOn = body.slice(offset + whole.length).trim() === '';
      if (goesOn) hideDeeperThan = /[{[]/.test(body.slice(0, offset)) || isOpen(value) ? indent : offset;
      return `${quote}${key}${quote}${between}${value === undefined ? '' : MASK.secret}`;
    });
    if (/^\s*\?\s/.test(body) && KEY.test(body)) hideDeeperThan = indent;
    if (comment === '' || !TELLING.test(comment)) return keys + comment;
    masked++;
    return `${keys}# (comment masked)`;
  });
  const urls = maskUrls(lines.join('\n'));
  return { text: urls.text, masked: masked + urls.masked };
}

/** User and password in front of a host. */
export function maskUrls(text: string): SecretMask {
  let masked = 0;
  const result = text.replace(IN_URL, (whole, scheme: string, user: string) => {
    if (user === MASK.secret) return whole;
    masked++;
    return `${scheme}${MASK.secret}@`;
  });
  return { text: result, masked };
}

/** The values in a settings text that are secrets, so that they can be sought everywhere else. */
export function secretsIn(text: string): string[] {
  let value: unknown;
  try {
    value = parseDocument(text, { stringKeys: true, logLevel: 'silent' }).toJS({ maxAliasCount: 100 });
  } catch {
    // Too broken to read on; the text itself is masked line by line all the same.
    return [];
  }
  return [...new Set(secretLeaves(value, false))];
}

/** Each of these texts, in the spellings a program would give it, masked. */
export function maskKnown(text: string, secrets: readonly string[]): SecretMask {
  let masked = 0;
  let result = text;
  for (const spelling of spellingsOf(secrets)) {
    const parts = result.split(spelling);
    masked += parts.length - 1;
    result = parts.join(MASK.secret);
  }
  return { text: result, masked };
}

function spellingsOf(secrets: readonly string[]): string[] {
  const all = secrets
    .filter((secret) => secret.length >= SHORTEST)
    .flatMap((secret) => {
      const bytes = Buffer.from(secret, 'utf8');
      return [
        secret,
        JSON.stringify(secret).slice(1, -1),
        encodeURIComponent(secret),
        bytes.toString('base64'),
        bytes.toString('base64url'),
        bytes.toString('hex'),
      ];
    });
  // The longer first, so that no rest of one stays behind.
  return [...new Set(all)].sort((a, b) => b.length - a.length);
}

function secretLeaves(value: unknown, below: boolean): string[] {
  if (typeof value === 'number') return below && value >= LEAST_NUMBER ? [String(value)] : [];
  if (typeof value === 'string') {
    const user = /^[a-z][a-z0-9+.-]*:\/\/(.*)@/i.exec(value)?.[1] ?? '';
    const password = user.slice(user.indexOf(':') + 1);
    return [...(below ? [value] : []), ...(user === '' ? [] : [password])];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, part]) => secretLeaves(part, below || holdsSecret(key)));
}

function holdsSecret(key: string): boolean {
  return KEY.test(key.replace(/([a-z])([A-Z])/g, '$1_$2')) && !NAMES_A_PLACE.test(key);
}

function isOpen(value = ''): boolean {
  return /^["']/.test(value) && (value.length === 1 || !value.endsWith(value[0] ?? ''));
}

/** A comment starts with a `#` at the beginning of a line or behind a space, outside quotes. */
function splitComment(line: string): { body: string; comment: string } {
  let quote = '';
  for (let i = 0; i < line.length; i++) {
    const char = line[i];
    if (quote !== '') {
      if (char === quote) quote = '';
    } else if ((char === '"' || char === "'") && /(?:^|[\s:,[{])$/.test(line.slice(0, i))) quote = char;
    else if (char === '#' && (i === 0 || /\s/.test(line[i - 1] ?? '')))
      return { body: line.slice(0, i), comment: line.slice(i) };
  }
  return { body: line, comment: '' };
}
