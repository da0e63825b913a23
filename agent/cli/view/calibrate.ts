/** The result of a calibration, for people: the gate, what speaks for it, and how to set it. */
import type { Calibration } from '../sensors/calibrate-run.ts';
import type { GateEvidence } from '../sensors/gate.ts';
import { formatCount, formatPercent } from './format.ts';
import type { RenderOptions } from './status.ts';
import { painter, type Tone } from './style.ts';
import { fold } from './width.ts';

const STRENGTHS: Record<GateEvidence['strength'], { words: string; tone: Tone }> = {
  good: { words: '● GOOD EVIDENCE', tone: 'good' },
  fair: { words: '◐ FAIR EVIDENCE', tone: 'warn' },
  weak: { words: '◐ WEAK EVIDENCE', tone: 'warn' },
  none: { words: '○ NO GATE FOUND', tone: 'bad' },
};
const PHONES = {
  address: 'its address',
  fingerprint: 'what it says it can do',
  strongest: 'being the strongest around',
} as const;

export function renderCalibration(calibration: Calibration, { width, colour }: RenderOptions): string {
  const paint = painter(colour);
  const { sensor, nowDbm, gateDbm, evidence, message, hint, line, appliedUntilMs } = calibration;
  const { words, tone } = STRENGTHS[evidence.strength];
  const settings =
    appliedUntilMs === null
      ? [`In the settings, at the sensor ${sensor}:`, `  ${line}`, 'then: footfall reload']
      : [
          `Set as an override until ${new Date(appliedUntilMs).toISOString()}. To keep it, in the settings:`,
          `  ${line}`,
        ];
  const lines = [
    '',
    `${paint(tone, words)}  ${sensor}`,
    ...fold(message, width - 2).map((part) => `  ${part}`),
    ...(hint === '' ? [] : fold(hint, width - 2).map((part) => paint('dim', `  ${part}`))),
    '',
    `gate now   ${nowDbm} dBm`,
    `proposed   ${gateDbm === null ? 'none' : `${gateDbm} dBm${range(evidence)}`}`,
    ...detail(evidence),
    ...(gateDbm === null ? [] : ['', ...settings]),
  ];
  return `${lines.join('\n')}\n`;
}

function range({ threshold, valley }: GateEvidence): string {
  const { low, high } = threshold ?? valley ?? { low: null, high: null };
  return low === null || high === null ? '' : `, in nine of ten resamples ${low} to ${high}`;
}

function detail({ bursts, phone, threshold, valley }: GateEvidence): string[] {
  const heard =
    'heard' in bursts
      ? `${formatCount(bursts.heard)}, ${formatCount(bursts.used)} of them used`
      : `${bursts.near} at the sensor, ${bursts.inside} inside, ${bursts.outside} outside`;
  const lines = [`bursts     ${heard}`];
  if (phone !== null) lines.push(`phone by   ${PHONES[phone]}`);
  if (threshold !== null) {
    const { youden, youdenLow } = threshold;
    lines.push(`parts by   J ${youden.toFixed(2)}, at least ${youdenLow.toFixed(2)} (0 a coin, 1 without error)`);
  }
  if (valley !== null && valley.gateDbm !== null) {
    lines.push(
      `valley     ${formatPercent(valley.depth)} deep, found again in ${formatPercent(valley.stability)} of resamples`,
    );
  }
  return lines;
}
