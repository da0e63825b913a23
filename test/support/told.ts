/** What `footfall status` and `footfall doctor` must say of one cause. */
import { expect } from 'vitest';
import type { Finding, Outcome } from '../../agent/doctor/finding.ts';
import type { LiveBox } from './live-box.ts';

export interface Cause {
  /** The reason's code, and the sensor it is about. */
  reason: string;
  subject?: string;
  /** Of `footfall status`: 1 degraded, 2 not counting. */
  exit: 1 | 2;
  /** Words of the screen: what is wrong, and what to do. */
  screen: string[];
  /** What the doctor finds by itself, beside what the daemon says; absent where only the daemon can know. */
  finding?: { check: string; outcome: Outcome; mend: string };
}

export async function expectTold(box: LiveBox, cause: Cause): Promise<void> {
  const [status, doctor] = await Promise.all([box.status(), box.doctor()]);
  const { reason, subject = '', exit } = cause;
  const reasons = status.document.verdict.reasons.map(({ code, subject }) => ({ code, subject }));
  expect(reasons).toEqual([{ code: reason, subject }]);
  expect(status.code).toBe(exit);
  for (const words of cause.screen) expect(status.words).toContain(words);
  const outcome = exit === 2 ? 'error' : 'warning';
  expect(findingOf(doctor.findings, reason, 'daemon')).toMatchObject({
    subject,
    outcome,
    mend: expect.stringMatching(/./),
  });
  if (cause.finding === undefined) return;
  const { check, mend } = cause.finding;
  expect(findingOf(doctor.findings, check)).toMatchObject({
    outcome: cause.finding.outcome,
    mend: expect.stringContaining(mend) as string,
  });
}

export function findingOf(findings: readonly Finding[], check: string, chapter?: string): Finding | undefined {
  return findings.find((finding) => finding.check === check && (chapter === undefined || finding.chapter === chapter));
}
