/** The Wi-Fi of the box, for whoever looks for a better place for it or sets it up. */
import { NONE } from './format.ts';
import { type Paint, painter, type Tone } from './style.ts';
import { renderTable } from './table.ts';
import { clean } from './width.ts';

/** A network in the air. */
export interface Heard {
  ssid: string;
  /** Percent. */
  signal: number;
  channel: number;
  /** MHz. */
  frequencyMhz: number;
  security: string;
  active: boolean;
}

/** The network that an adapter is in. */
export interface Linked extends Heard {
  device: string;
  rate: string;
}

interface Terminal {
  width: number;
  colour: boolean;
}

/** From this many percent on, and what it is good for; NetworkManager draws its bars by the same steps. */
const QUALITIES: [least: number, word: string, tone: Tone][] = [
  [80, 'excellent', 'good'],
  [55, 'good', 'good'],
  [30, 'weak: windows may be sent late', 'warn'],
  [0, 'very weak: expect outages', 'bad'],
];

/** One block an adapter. Ends in a newline. */
export function renderLinks(links: readonly Linked[], { colour }: Terminal): string {
  const paint = painter(colour);
  return `${links.map((link) => linkLines(link, paint).join('\n')).join('\n\n')}\n`;
}

function linkLines(link: Linked, paint: Paint): string[] {
  const [, word, tone] = qualityOf(link.signal);
  return [
    `${paint('strong', clean(nameOf(link)))} on ${link.device}`,
    `  signal    ${link.signal} %, ${paint(tone, word)}`,
    `  rate      ${link.rate || NONE}`,
    `  channel   ${link.channel} (${bandOf(link.frequencyMhz)})`,
    `  security  ${securityOf(link)}`,
  ];
}

/** Ends in a newline. */
export function renderNetworks(networks: readonly Heard[], { width, colour }: Terminal): string {
  const columns = [
    { title: '' },
    { title: 'NETWORK', shrinkTo: 16 },
    { title: 'SIGNAL', align: 'right' as const },
    { title: 'CHANNEL', align: 'right' as const },
    { title: 'BAND' },
    { title: 'SECURITY' },
  ];
  const rows = networks.map((network) => [
    network.active ? '*' : '',
    clean(nameOf(network)),
    { text: `${network.signal} %`, tone: qualityOf(network.signal)[2] },
    String(network.channel),
    bandOf(network.frequencyMhz),
    securityOf(network),
  ]);
  return `${renderTable(columns, rows, { width, paint: painter(colour) }).join('\n')}\n`;
}

function qualityOf(signal: number): [number, string, Tone] {
  return QUALITIES.find(([least]) => signal >= least) ?? [0, 'unknown', 'plain'];
}

function nameOf({ ssid }: Heard): string {
  return ssid === '' ? '(hides its name)' : ssid;
}

function securityOf({ security }: Heard): string {
  return security === '' ? 'open' : security;
}

/** IEEE 802.11: 2.4 GHz, 5 GHz, 6 GHz (Wi-Fi 6E). */
function bandOf(frequencyMhz: number): string {
  if (frequencyMhz < 3_000) return '2.4 GHz';
  return frequencyMhz < 5_925 ? '5 GHz' : '6 GHz';
}
