/**
 * Fingerprints of device models: the information elements of their probe requests in the order they are sent
 * (IEEE 802.11-2020, 9.4.2). A model is a list of `id:body` in hexadecimal and of the parts that change from frame to
 * frame: `ssid`, `ds` (channel), `fils` (extension 2), `ms8` (vendor 00:50:F2:08) and `wps` (vendor 00:50:F2:04).
 */
type Part = number[] | 'ssid' | 'ds' | 'fils' | 'ms8' | 'wps';

const B_RATES = '1:02040b16';
const B_RATES_BASIC = '1:82848b96';
const G_RATES = '1:82848b0c12961824';
const A_RATES = '1:02040b0c12161824';
const EXTENDED = '32:0c1218243048606c';
const EXTENDED_TAIL = '32:3048606c';

/** HT capabilities (element 45): information field, A-MPDU parameters and the receive streams, the rest zero. */
const ht = (information: string, ampdu: string, streams: number) =>
  `45:${information}${ampdu}${'ff'.repeat(streams)}${'00'.repeat(16 - streams)}${'00'.repeat(7)}`;
/** VHT capabilities (element 191): information field and receive/transmit MCS sets. */
const vht = (information: string, mcs: string) => `191:${information}${mcs}0000${mcs}0000`;
/** HE capabilities (extension 35): MAC field (6 octets), start of the PHY field (7 of 11 octets), MCS sets. */
const he = (mac: string, phy: string) => `255:23${mac}${phy}00000000fafffaff`;
const extended = (hex: string) => `127:${hex}`;
const vendor = (hex: string) => `221:${hex}`;

/** Phones by falling share. */
const PHONES = [
  [
    'ssid',
    B_RATES,
    EXTENDED,
    'ds',
    ht('2d40', '17', 1),
    extended('0400080400000040'),
    'fils',
    vendor('0017f20a00010400000000'),
    'ms8',
    he('010802404000', '0460080900018f'),
  ],
  [
    'ssid',
    G_RATES,
    'ds',
    EXTENDED_TAIL,
    ht('ef11', '1b', 2),
    extended('0400488000000040'),
    vht('b2398033', 'eaff'),
    'ms8',
  ],
  [
    'ssid',
    B_RATES,
    EXTENDED,
    ht('2d00', '17', 1),
    'ds',
    extended('0000080400000040'),
    vendor('0017f20a00010400000000'),
    'ms8',
    vendor('00101802000010000000'),
  ],
  [
    'ssid',
    B_RATES_BASIC,
    EXTENDED,
    'ds',
    ht('ad01', '17', 2),
    extended('00000a0201004040'),
    'wps',
    vendor('506f9a0902020025'),
  ],
  [
    'ssid',
    B_RATES,
    EXTENDED,
    'ds',
    ht('6f00', '13', 1),
    extended('04000a8201400040'),
    'fils',
    he('031208001008', '0c60000000010f'),
    'ms8',
  ],
  [
    'ssid',
    A_RATES,
    EXTENDED_TAIL,
    'ds',
    ht('6e10', '03', 1),
    extended('0000000000000040'),
    vendor('8cfdf0040000494c'),
    'ms8',
  ],
  [
    'ssid',
    B_RATES,
    EXTENDED,
    'ds',
    ht('2d40', '1b', 2),
    extended('0400080400000040'),
    vht('92f98133', 'faff'),
    vendor('0017f20a00010400000000'),
    'ms8',
  ],
  [
    'ssid',
    G_RATES,
    EXTENDED_TAIL,
    ht('fe19', '1f', 1),
    extended('00000000000000c0'),
    'wps',
    vendor('506f9a16030101650101'),
  ],
  [
    'ssid',
    B_RATES_BASIC,
    EXTENDED,
    'ds',
    ht('6300', '17', 1),
    vendor('00904c0408bf0cb2598103'),
    vendor('00101802000000100000'),
  ],
  ['ssid', B_RATES, EXTENDED, 'ds', ht('2c01', '03', 1), extended('010008004000'), 'ms8'],
  [
    'ssid',
    A_RATES,
    EXTENDED_TAIL,
    'ds',
    ht('7e10', '1b', 2),
    extended('00000000000000400000'),
    'fils',
    vht('b271910f', 'eaff'),
    he('010802404000', '4460080900018f'),
  ],
  ['ssid', B_RATES, EXTENDED, ht('0100', '02', 1), 'wps'],
] as const;

/** Installed things: a till, a printer, a television, an access point's own scan. */
const THINGS = [
  ['ssid', B_RATES, 'ds'],
  ['ssid', B_RATES_BASIC, EXTENDED, ht('0c00', '13', 1), 'wps'],
  ['ssid', G_RATES, EXTENDED_TAIL, ht('ee11', '1f', 2), extended('0000080000000040'), vendor('00904c33ee111fffff0000')],
  ['ssid', B_RATES, EXTENDED, 'ds', ht('6e01', '17', 1)],
] as const;

/** Number of phone models; they are the models 0 to PHONE_MODELS - 1. */
export const PHONE_MODELS = PHONES.length;
/** Number of all models; those from PHONE_MODELS on are installed things. */
export const MODELS = PHONES.length + THINGS.length;

/** Weights of the phone models: Zipf with exponent 1.1, which gives the first one 35 %. */
export const PHONE_MODEL_WEIGHTS: readonly number[] = PHONES.map((_, index) => (index + 1) ** -1.1);

const PARTS: readonly (readonly Part[])[] = [...PHONES, ...THINGS].map((parts) => parts.map(parsePart));

function parsePart(text: string): Part {
  const colon = text.indexOf(':');
  if (colon < 0) return text as Part;
  const body = Buffer.from(text.slice(colon + 1), 'hex');
  return [Number(text.slice(0, colon)), body.length, ...body];
}

/** What may differ between two frames of one model. */
export interface ElementFields {
  /** Network asked for; empty for any. At most 32 bytes of UTF-8. */
  ssid: string;
  /** Channel of the DS parameter element, which need not be the one the frame is captured on. */
  dsChannel: number;
  /** Fills the bodies that carry counters and identifiers: 32 bits. */
  variation: number;
}

/** Appends the information elements of `model` (0 to MODELS - 1) to `out`. */
export function appendElements(out: number[], model: number, fields: ElementFields): void {
  for (const part of PARTS[model]) {
    if (typeof part !== 'string') out.push(...part);
    else appendVarying(out, part, fields);
  }
}

function appendVarying(out: number[], part: 'ssid' | 'ds' | 'fils' | 'ms8' | 'wps', fields: ElementFields): void {
  const v = fields.variation;
  const octets = [v & 0xff, (v >>> 8) & 0xff, (v >>> 16) & 0xff, v >>> 24];
  if (part === 'ssid') {
    const name = Buffer.from(fields.ssid, 'utf8');
    out.push(0, name.length, ...name);
  } else if (part === 'ds') {
    out.push(3, 1, fields.dsChannel);
  } else if (part === 'fils') {
    out.push(255, 3, 2, octets[0], octets[1]);
  } else if (part === 'ms8') {
    out.push(221, 7, 0x00, 0x50, 0xf2, 0x08, octets[0], octets[1], octets[2]);
  } else {
    // Wi-Fi Simple Configuration 2.0.8: version (104A), request type (103A), UUID-E (1047).
    out.push(221, 34, 0x00, 0x50, 0xf2, 0x04, 0x10, 0x4a, 0, 1, 0x10, 0x10, 0x3a, 0, 1, 0, 0x10, 0x47, 0, 16);
    for (let i = 0; i < 4; i++) out.push(...octets);
  }
}
