/** What `footfall sensors detect` found, for people. */
import type { SensorStatus } from '../../local/document.ts';
import { formatBytes, formatCount } from './format.ts';
import { type Paint, painter, type Tone } from './style.ts';
import { clean, fold } from './width.ts';

/** One sensor on a port; as drivers/detect tells it, with what to write into the settings. */
export interface FoundSensor {
  driver: string;
  line: { baudRate: number; parity?: 'none' | 'even' | 'odd'; stopBits?: 1 | 2 };
  variant: string;
  profile: string;
  unit: number | null;
  confidence: 'possible' | 'likely' | 'certain';
  evidence: {
    how: 'heard' | 'asked';
    accepted: number;
    rejected: number;
    explained: number | null;
    bytes: number;
    ms: number;
  };
  sample: {
    probes: number;
    advertisements: number;
    crossings: { in: number; out: number };
    totals: { in: number; out: number } | null;
    rssi: { weakest: number; strongest: number } | null;
    channels: number[];
  };
  note: string;
  /** One entry of `sensors` in YAML; null where more must be known first. */
  settings: string | null;
}

export interface HeardBytes {
  line: { baudRate: number };
  bytes: number;
  ms: number;
  text: boolean;
  failure: string;
}

export type PortReport = { port: string; device: string; product: string } & (
  | { state: 'found' | 'unknown'; found: FoundSensor[]; heard: HeardBytes[]; asked: boolean }
  /** The daemon has it open. */
  | { state: 'in_use'; sensors: Pick<SensorStatus, 'id' | 'driver' | 'state' | 'per_minute'>[] }
  | { state: 'failed'; error: { code: string; message: string; hint: string } }
);

export interface RadioReport {
  adapter: string;
  kind: 'bluetooth' | 'wifi';
  product: string;
  /** A driver that could use it; null where it is what connects this box. */
  driver: string | null;
  settings: string | null;
}

interface Terminal {
  width: number;
  colour: boolean;
}

const TONES: Record<FoundSensor['confidence'], Tone> = { certain: 'good', likely: 'plain', possible: 'warn' };
const INDENT = '  ';
const LABEL = 10;

/** Ends in a newline. */
export function renderPort(report: PortReport, { width, colour }: Terminal): string {
  const paint = painter(colour);
  const device = report.device === report.port ? '' : report.device;
  const about = [device, report.product].filter((word) => word !== '').map(clean);
  const title = `${paint('strong', clean(report.port))}${about.length > 0 ? ` (${about.join(', ')})` : ''}`;
  return `${[title, ...bodyOf(report, width, paint)].join('\n')}\n`;
}

/** Ends in a newline. */
export function renderRadio({ adapter, product, driver, settings }: RadioReport, { colour }: Terminal): string {
  const paint = painter(colour);
  const lines = [`${paint('strong', clean(adapter))} (${clean(product)})`];
  if (driver !== null) lines.push(`${INDENT}could be used by ${driver}`);
  if (settings !== null) lines.push(...settingsLines(settings, paint));
  return `${lines.join('\n')}\n`;
}

function bodyOf(report: PortReport, width: number, paint: Paint): string[] {
  if (report.state === 'in_use') {
    return report.sensors.map(({ id, driver, state, per_minute }) => {
      const rate = `${formatCount(per_minute)} frames a minute`;
      return `${INDENT}in use by the daemon: ${clean(id)} (${driver}), ${state}, ${rate}`;
    });
  }
  if (report.state === 'failed') {
    const { message, hint } = report.error;
    return [message, ...(hint === '' ? [] : [hint])].flatMap((text) =>
      fold(text, width - 2).map((line, at) => INDENT + (at === 0 && text === message ? paint('bad', line) : line)),
    );
  }
  if (report.state === 'found') return report.found.flatMap((found) => foundLines(found, width, paint));
  return unknownLines(report.heard, report.asked).flatMap((text) => fold(text, width - 2).map((line) => INDENT + line));
}

function foundLines(found: FoundSensor, width: number, paint: Paint): string[] {
  const { driver, variant, profile, unit, confidence, note, settings } = found;
  const kind = [driver, profile, variant, unit === null ? '' : `unit ${unit}`].filter((word) => word !== '').join(', ');
  const item = (label: string, text: string) =>
    fold(text, width - INDENT.length * 2 - LABEL).map(
      (line, at) => INDENT.repeat(2) + (at === 0 ? label : '').padEnd(LABEL) + line,
    );
  return [
    `${INDENT}${kind}, at ${lineText(found.line)}: ${paint(TONES[confidence], confidence)}`,
    ...item(found.evidence.how, sampleText(found)),
    ...item('proof', proofText(found)),
    ...(note === '' ? [] : item('note', note)),
    ...(settings === null ? [] : settingsLines(settings, paint)),
  ];
}

function settingsLines(settings: string, paint: Paint): string[] {
  const lines = settings.trimEnd().split('\n');
  return [
    `${INDENT}${paint('dim', 'under "sensors:" in the settings:')}`,
    ...lines.map((line) => INDENT.repeat(2) + line),
  ];
}

/** `115200 8N1`, as people write it. */
export function lineText({ baudRate, parity = 'none', stopBits = 1 }: FoundSensor['line']): string {
  return `${baudRate} 8${parity[0].toUpperCase()}${stopBits}`;
}

/** What it said, in numbers. */
export function sampleText({ sample, evidence }: Pick<FoundSensor, 'sample' | 'evidence'>): string {
  const { probes, advertisements, crossings, totals, rssi, channels } = sample;
  const said = [
    counted(probes, 'probe request'),
    counted(advertisements, 'advertisement'),
    crossings.in + crossings.out > 0 ? `${crossings.in} in and ${crossings.out} out as events` : '',
    totals === null ? '' : `totals ${formatCount(totals.in)} in, ${formatCount(totals.out)} out`,
  ].filter((part) => part !== '');
  const how = [
    rssi === null ? '' : `${rssi.weakest} to ${rssi.strongest} dBm`,
    channels.length === 0 ? '' : `${channels.length === 1 ? 'channel' : 'channels'} ${channels.join(' ')}`,
  ].filter((part) => part !== '');
  const what = said.length > 0 ? said.join(', ') : evidence.how === 'asked' ? 'it answers' : 'nothing counted yet';
  return [`${what} in ${Math.max(1, Math.round(evidence.ms / 1_000))} s`, ...how].join(', ');
}

function proofText({ evidence }: FoundSensor): string {
  const { how, accepted, rejected, explained, bytes } = evidence;
  if (how === 'asked') return `${counted(accepted, 'answer') || 'no answer'}, ${rejected} missing`;
  const share =
    explained === null ? '' : `; they account for ${Math.round(explained * 100)} % of ${formatBytes(bytes)}`;
  return `${counted(accepted, 'frame')} fit, ${rejected} did not${share}`;
}

function unknownLines(heard: readonly HeardBytes[], asked: boolean): string[] {
  const text = heard.find((each) => each.text);
  const bytes = heard.reduce((sum, each) => sum + each.bytes, 0);
  if (text !== undefined) {
    return [
      `nothing known: readable text at ${text.line.baudRate}, but of no sensor of ours`,
      'A sensor that was starting: look again. A computer or modem: nothing was asked of it.',
    ];
  }
  if (bytes === 0) {
    return [
      `nothing known: silence at every speed${asked ? ', and no answer to any question' : ''}`,
      'Is the sensor powered, are its wires right (A and B, TX and RX)? Walk through the door and look again; for a longer look: --seconds 12. A contact closure sends nothing: set driver door-contact by hand.',
    ];
  }
  const most = heard.toSorted((a, b) => b.bytes - a.bytes)[0];
  return [
    `nothing known: ${formatBytes(bytes)} heard, the most at ${most.line.baudRate}, and no frame fits at any speed`,
    asked
      ? 'Is it a sensor of the list in the documentation, and is its speed a usual one?'
      : 'Nothing was asked, as a question could disturb whoever speaks there. Are A and B swapped?',
  ];
}

function counted(count: number, noun: string): string {
  return count === 0 ? '' : `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}
