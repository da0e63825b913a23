/** A try of the broker with the settings as they shall be. */
import type { BrokerDeps, BrokerTarget } from '../../doctor/broker-step.ts';
import type { Finding } from '../../doctor/finding.ts';
import { AgentError } from '../../errors.ts';
import { readPassword } from '../../settings/load.ts';
import type { Settings } from '../../settings/settings.ts';
import type { Paint, Tone } from '../view/style.ts';
import { fold } from '../view/width.ts';

/** `checkBroker` of agent/doctor/broker.ts. */
export type CheckBroker = (target: BrokerTarget, deps: BrokerDeps) => AsyncIterable<Finding>;

const MARKS: Record<Finding['outcome'], [string, Tone]> = {
  ok: ['ok', 'good'],
  warning: ['warning', 'warn'],
  error: ['error', 'bad'],
  skipped: ['skipped', 'dim'],
};

/**
 * Every finding, told as it comes; none where the settings send nothing.
 * @param typed the password when it is not in its file yet.
 */
export async function testConnection(
  { tenant, gateway, uplink }: Settings,
  typed: string | undefined,
  check: CheckBroker,
  deps: BrokerDeps,
  tell: (finding: Finding) => void,
): Promise<Finding[]> {
  if (!uplink) return [];
  const findings: Finding[] = [];
  const take = (finding: Finding) => {
    findings.push(finding);
    tell(finding);
  };
  try {
    const password = typed ?? readPassword({ uplink });
    const { url, username, caFile, ack } = uplink;
    const target: BrokerTarget = {
      ...{ url, tenant, gateway, ack },
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(caFile === undefined ? {} : { caFile }),
    };
    for await (const finding of check(target, deps)) take(finding);
  } catch (error) {
    // A password file that cannot be read is an answer too.
    if (!(error instanceof AgentError)) throw error;
    const { code, message, hint } = error;
    take({
      chapter: 'broker',
      check: code,
      subject: '',
      outcome: 'error',
      tried: 'the broker',
      found: message,
      mend: hint,
    });
  }
  return findings;
}

export function isReached(findings: readonly Finding[]): boolean {
  return findings.every(({ outcome }) => outcome !== 'error');
}

const INDENT = 11;

/** A finding in lines of at most `width` columns; none for what was not tried. */
export function renderFinding({ outcome, tried, found, mend }: Finding, width: number, paint: Paint): string[] {
  if (outcome === 'skipped') return [];
  const [word, tone] = MARKS[outcome];
  const [first = '', ...rest] = fold(`${tried}: ${found}`, width - INDENT);
  const below = [...rest, ...(mend === '' ? [] : fold(mend, width - INDENT))];
  return [`  ${paint(tone, word.padEnd(8))} ${first}`, ...below.map((line) => ' '.repeat(INDENT) + line)];
}
