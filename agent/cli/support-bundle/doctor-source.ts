/** The doctor's findings: everything a gateway needs, examined now. */
import type { Finding } from '../../doctor/finding.ts';
import { asJson, LIMITS, type Source } from './source.ts';

export function doctorSource(options: { settings?: string; socket?: string }): Source {
  return {
    name: 'doctor.json',
    why: 'everything this box needs, examined, and how to mend it',
    async gather() {
      const [{ examine }, { realDeps }] = await Promise.all([
        import('../../doctor/examine.ts'),
        import('../../doctor/real.ts'),
      ]);
      const signal = AbortSignal.timeout(LIMITS.doctor);
      const deps = realDeps(async (places) => (await import('../../last-known.ts')).lastKnown(places), signal);
      const findings: Finding[] = [];
      for await (const finding of examine({ ...options, signal }, deps)) findings.push(finding);
      return asJson({ v: 1, findings, cut_short: signal.aborted });
    },
  };
}
