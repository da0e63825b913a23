/** Every way in which an address, an SSID or a key could stand in a file, a log or a message. */

export interface Spelling {
  name: string;
  /** As a program would write it. */
  written: Buffer;
  /** The part of it that does not depend on its neighbours (base64 shares characters with them): what to look for. */
  sought: Buffer;
}

type Format = [name: string, bytes: Uint8Array];

/** @param address six octets in transmission order. */
export function spellAddress(address: Uint8Array): Spelling[] {
  const texts = addressTexts(address);
  const reversed = Buffer.from(address).reverse();
  const binary: Format[] = [
    ['raw', address],
    ['raw, reversed', reversed],
    ['two 24-bit numbers', words((address[0] << 16) | (address[1] << 8) | address[2], lowHalf(address, 3, 3))],
    ['a 64-bit number in two words', words((address[0] << 8) | address[1], lowHalf(address, 2, 4))],
  ];
  return unique([
    ...[...texts, ...binary].map(whole),
    ...texts.flatMap(excerpts),
    ...texts.flatMap(([name, bytes]) => hexadecimal(`${name}, in hex`, bytes)),
    ...[...texts, ...binary.slice(0, 2)].flatMap(([name, bytes]) => base64(name, bytes)),
  ]);
}

export function spellSsid(ssid: string): Spelling[] {
  const bytes = Buffer.from(ssid, 'utf8');
  const escaped = [...JSON.stringify(ssid).slice(1, -1)]
    .map((char) => (char < '\u0080' ? char : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`))
    .join('');
  return unique([
    whole(['UTF-8', bytes]),
    whole(['JSON', Buffer.from(JSON.stringify(ssid).slice(1, -1))]),
    whole(['JSON in ASCII', Buffer.from(escaped)]),
    whole(['percent-encoded', Buffer.from(encodeURIComponent(ssid))]),
    // UTF-8 taken for Latin-1, as by a decoder of text lines.
    whole(['mojibake', Buffer.from(bytes.toString('latin1'), 'utf8')]),
    whole(['UTF-16', Buffer.from(ssid, 'utf16le')]),
    ...hexadecimal('hex', bytes),
    ...base64('UTF-8', bytes),
  ]);
}

export function spellKey(key: Uint8Array): Spelling[] {
  return unique([whole(['raw', key]), ...hexadecimal('hex', key), ...base64('raw', key)]);
}

/** What a table of columns holds of an address, where its halves stand apart: four octets of a word. */
export function splitAddress(address: Uint8Array): { low32: Buffer[]; low24: Buffer[] } {
  const [low32, low24] = [4, 3].map((length) => {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32LE(lowHalf(address, 6 - length, length), 0);
    bytes.writeUInt32BE(lowHalf(address, 6 - length, length), 4);
    return [bytes.subarray(0, 4), bytes.subarray(4)];
  });
  return { low32, low24 };
}

function addressTexts(address: Uint8Array): Format[] {
  const octets = [...address].map((octet) => octet.toString(16).padStart(2, '0'));
  const hex = octets.join('');
  const texts = [
    ['colons', octets.join(':')],
    ['dashes', octets.join('-')],
    ['dots', `${hex.slice(0, 4)}.${hex.slice(4, 8)}.${hex.slice(8)}`],
    ['bare', hex],
    ['spaces', octets.join(' ')],
    ['colons, reversed', octets.toReversed().join(':')],
    ['bare, reversed', octets.toReversed().join('')],
  ];
  const decimals = [
    ['octets as numbers', [...address].join(',')],
    ['octets as numbers, spaced', [...address].join(', ')],
    ['one number', BigInt(`0x${hex}`).toString()],
  ];
  return [
    ...texts.map(([name, text]): Format => [`${name}, lower case`, Buffer.from(text)]),
    ...texts.map(([name, text]): Format => [`${name}, upper case`, Buffer.from(text.toUpperCase())]),
    ...decimals.map(([name, text]): Format => [name, Buffer.from(text)]),
  ];
}

function lowHalf(address: Uint8Array, from: number, length: number): number {
  return Buffer.from(address).readUIntBE(from, length);
}

/** Two 32-bit words as typed arrays and the database's blobs hold them: little-endian. */
function words(high: number, low: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(high, 0);
  bytes.writeUInt32LE(low, 4);
  return bytes;
}

function whole([name, bytes]: Format): Spelling {
  return { name, written: Buffer.from(bytes), sought: Buffer.from(bytes) };
}

/** Ten characters of either end, which is what the JSON parser quotes of a text in its errors. */
function excerpts([name, bytes]: Format): Spelling[] {
  if (!/^(colons|dashes), (upper|lower)/.test(name)) return [];
  return [whole([`beginning of ${name}`, bytes.subarray(0, 10)]), whole([`end of ${name}`, bytes.subarray(-10)])];
}

function hexadecimal(name: string, bytes: Uint8Array): Spelling[] {
  const hex = Buffer.from(bytes).toString('hex');
  return [
    whole([`${name}, lower case`, Buffer.from(hex)]),
    whole([`${name}, upper case`, Buffer.from(hex.toUpperCase())]),
  ];
}

/** Base64 with 0, 1 or 2 octets before it in its group of three: only characters made of nothing else are sought. */
function base64(name: string, bytes: Uint8Array): Spelling[] {
  return (['base64', 'base64url'] as const).flatMap((encoding) =>
    [0, 1, 2].map((before): Spelling => {
      const text = Buffer.concat([Buffer.alloc(before, 0x7b), bytes, Buffer.alloc(3, 0x7d)]).toString(encoding);
      const first = Math.ceil((before * 8) / 6);
      const end = Math.floor(((before + bytes.length) * 8) / 6);
      return {
        name: `${name}, in ${encoding} behind ${before} octets`,
        written: Buffer.from(text),
        sought: Buffer.from(text.slice(first, end)),
      };
    }),
  );
}

/** Of spellings that look for the same octets, the first. */
function unique(spellings: Spelling[]): Spelling[] {
  return [...new Map(spellings.map((spelling) => [spelling.sought.toString('latin1'), spelling])).values()];
}
