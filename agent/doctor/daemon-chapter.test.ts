import { describe, expect, it } from 'vitest';
import { degraded, notCounting, well } from '../cli/view/samples.fixture.ts';
import { AgentError } from '../errors.ts';
import type { RunEnd, StatusDocument } from '../local/document.ts';
import type { LastKnown } from '../local/last-known.ts';
import { VERSION } from '../version.ts';
import { findingsOf, NOW, only } from './machine.testing.ts';

const answering = (document: StatusDocument) => findingsOf('daemon', { deps: { askDaemon: async () => document } });
const failing = (code: string, end: RunEnd | null = null, waiting: LastKnown['waiting'] = null) => {
  const known: LastKnown = {
    ...{ v: 1, at_ms: NOW, started_ms: null, end, waiting, status: null, reasons: [] },
    ...{ database: null, database_error: null, service: null },
  };
  const deps = {
    askDaemon: async () => {
      throw new AgentError(code, `told as ${code}`, 'Do this.');
    },
    lastKnown: async () => known,
  };
  return findingsOf('daemon', { deps });
};

describe('a daemon that answers', () => {
  it('is well when it is counting', async () => {
    const findings = await answering({ ...well, version: VERSION });
    expect(findings.map(({ outcome }) => outcome)).toEqual(['ok', 'ok', 'ok']);
  });

  it('tells the same reasons as status: warnings where it counts, errors where it does not', async () => {
    for (const [document, outcome] of [
      [degraded, 'warning'],
      [notCounting, 'error'],
    ] as const) {
      const findings = await answering({ ...document, version: VERSION });
      const told = findings.filter((finding) => finding.outcome === outcome);
      expect(told.map(({ check, subject }) => [check, subject])).toEqual(
        document.verdict.reasons.map(({ code, subject }) => [code, subject]),
      );
      expect(told.every(({ mend }) => mend !== '')).toBe(true);
    }
  });

  it('of another release is to be restarted', async () => {
    const findings = await answering({ ...well, version: '0.0.9' });
    expect(only(findings, 'daemon_version')).toMatchObject({ outcome: 'warning' });
    const strange = await findingsOf('daemon', { deps: { askDaemon: async () => ({ v: 2 }) } });
    expect(only(strange, 'status_version')).toMatchObject({ outcome: 'error' });
  });

  it('tells how the run before ended, for a day, unless it was in order', async () => {
    const end: RunEnd = { how: 'killed', at_ms: null, message: 'ended without a word', hint: '' };
    const endedBefore = (started_ms: number, last_end: RunEnd) =>
      answering({ ...well, started_ms, box: { ...well.box, last_end } });
    expect(only(await endedBefore(well.at_ms - 3_600_000, end), 'last_run')).toMatchObject({ outcome: 'warning' });
    expect(only(await endedBefore(well.at_ms - 90_000_000, end), 'last_run')).toBeUndefined();
    expect(only(await endedBefore(well.at_ms - 3_600_000, { ...end, how: 'stopped' }), 'last_run')).toBeUndefined();
  });
});

describe('a daemon that does not answer', () => {
  it.each(['daemon_not_running', 'daemon_silent', 'daemon_unreachable'])('is an error: %s', async (code) => {
    expect(only(await failing(code), code)).toMatchObject({
      outcome: 'error',
      found: `told as ${code}`,
      mend: 'Do this.',
    });
  });

  it('is not known where this user may not ask', async () => {
    const findings = await failing('socket_denied');
    expect(findings).toMatchObject([{ check: 'daemon_answers', outcome: 'warning' }]);
  });

  it('is told with what it waits for, where it runs and cannot begin', async () => {
    const waiting = {
      at_ms: NOW - 180_000,
      message: 'the disk of /var/lib/footfall is full',
      hint: 'Make room on it.',
    };
    const findings = await failing('daemon_not_running', null, waiting);
    expect(only(findings, 'daemon_waits')).toMatchObject({
      outcome: 'error',
      found: 'it runs and tries to begin for 3 min: the disk of /var/lib/footfall is full',
      mend: 'Make room on it.',
    });
    expect(only(findings, 'last_run')).toBeUndefined();
  });

  it('is told with how the last run ended', async () => {
    const end: RunEnd = { how: 'failed', at_ms: NOW, message: 'the database is damaged', hint: 'Keep a copy.' };
    expect(only(await failing('daemon_not_running', end), 'last_run')).toMatchObject({
      outcome: 'error',
      found: 'the database is damaged',
      mend: 'Keep a copy.',
    });
    const stopped = await failing('daemon_not_running', { ...end, how: 'stopped', message: 'stopped in order' });
    expect(only(stopped, 'last_run')).toMatchObject({ outcome: 'ok' });
    expect(only(await failing('daemon_not_running'), 'last_run')).toMatchObject({ outcome: 'skipped' });
  });
});
