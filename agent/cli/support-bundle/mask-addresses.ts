/**
 * The last look at everything that goes into a bundle: hardware addresses and names of networks are masked wherever they
 * stand. Nothing of the kind is expected, so each one that was masked is counted, and told in the manifest as a fault.
 */

export interface Masked {
  text: string;
  /** Addresses that are not this box's own. */
  addresses: number;
  /** Addresses of this box's own adapters, as udev writes them into the names of ports and interfaces. */
  own: number;
  /** Values of keys that hold the name of a network. */
  networks: number;
}

/** What each masked text is replaced by. */
export const MASK = { address: '(address masked)', network: '(network masked)', secret: '(secret masked)' } as const;

const PAIR = '[0-9a-f]{2}';
/** Six to eight pairs (EUI-48, EUI-64): a certificate's fingerprint, 20 or 32 of them, is not an address. */
const paired = (separator: string, before: string, after: string) =>
  new RegExp(
    `(?<!\\b${PAIR}${separator})${before}${PAIR}(?:${separator}${PAIR}){5,7}(?!${separator}${PAIR}\\b)${after}`,
    'gi',
  );
const SEPARATORS = [':', '-', '_', '%3a', '\\\\x3a', '\\\\u003a'];
const SPELLINGS = [
  ...SEPARATORS.map((separator) => paired(separator, '(?<![0-9a-z])', '(?![0-9a-z])')),
  // With something of what it stood in stuck to it, as in half a line.
  ...SEPARATORS.map((separator) => paired(separator, '', '')),
  // Cisco's three groups of four.
  /(?<![0-9a-f.])[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}(?![0-9a-f.])/gi,
  // As systemd.net-naming-scheme(7) builds names of interfaces.
  /(?<=\b(?:en|wl|ww)x)[0-9a-f]{12}(?![0-9a-f])/gi,
  // Bare digits, beside a word that says what they are.
  /(?<=\b\w*(?:mac|addr(?:ess)?|[be]?ssid|station|sta|source|src|dest(?:ination)?|dst|peer|client|ether)["']?[\s:=]{1,3}["']?)[0-9a-f]{12}(?![0-9a-f])/gi,
];
/** Not every twelve digits are an address: a size in bytes, the end of a UUID. */
const BARE = /(?<![\w-])(?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{12}(?![\w-])/gi;
const SPACED = new RegExp(`(?<![0-9a-f] )(?<![\\w])${PAIR}(?: ${PAIR}){5}(?! ?[0-9a-f])`, 'gi');
/** A key and its value, in JSON (also in JSON that stands in a text of JSON), YAML and logs. */
const NETWORK =
  /((?:\b|_)[be]?ssid\b\\?["']?\s*[:=]\s*)("(?:[^"\\]|\\.)*"|\\"(?:\\\\\\"|[^"\\]|\\[^"])*\\"|'[^']*'|[^\s,;}\]]+)/gi;

/**
 * @param own addresses of this box, twelve lower-case hexadecimal digits each.
 * @param harmless words of this box that only look like an address, such as its host name.
 */
export function maskAddresses(
  text: string,
  { own = new Set(), harmless = new Set() }: { own?: ReadonlySet<string>; harmless?: ReadonlySet<string> } = {},
): Masked {
  const counts = { addresses: 0, own: 0, networks: 0 };
  const address = (found: string): string => {
    const digits = digitsOf(found);
    if (harmless.has(found.toLowerCase())) return found;
    if (own.has(digits)) counts.own++;
    else counts.addresses++;
    return MASK.address;
  };
  let masked = text.replace(NETWORK, (whole, key: string, value: string) => {
    if (isEmpty(value) || value.includes(MASK.network)) return whole;
    counts.networks++;
    return `${key}${quoteOf(value)}${MASK.network}${quoteOf(value)}`;
  });
  for (const spelling of SPELLINGS) masked = masked.replace(spelling, address);
  masked = masked.replace(BARE, address);
  // Counts in a row look like it too, as long as no letter is among them.
  masked = masked.replace(SPACED, (found) => (/[a-f]/i.test(found) ? address(found) : found));
  return { text: masked, ...counts };
}

/** The addresses in a text, twelve lower-case digits each. */
export function addressesIn(text: string): Set<string> {
  return new Set(SPELLINGS.flatMap((spelling) => text.match(spelling) ?? []).map(digitsOf));
}

function digitsOf(found: string): string {
  return found.toLowerCase().replace(/%3a|\\x3a|\\u003a|[^0-9a-f]/g, '');
}

function isEmpty(value: string): boolean {
  return /^\\?["']?\\?["']?$/.test(value) || value === 'null';
}

function quoteOf(value: string): string {
  return /^\\?["']/.exec(value)?.[0] ?? '';
}
