import { describe, expect, it } from 'vitest';
import type { StatusDocument } from '../../local/document.ts';
import { type VerdictFacts, verdictOf } from '../../verdict.ts';
import { DEGRADED } from './samples.fixture.ts';

/** What a verdict would rest on where the box is as this document says. */
function factsOf(document: StatusDocument): VerdictFacts {
  const { buffer, clock, disk, box, uplink, verdict } = document;
  // Two facts that the document does not tell but for the reasons.
  const codes = verdict.reasons.map(({ code }) => code);
  const storageErrorCode = codes.includes('disk_full')
    ? 'storage_full'
    : codes.includes('disk_read_only')
      ? 'storage_read_only'
      : (codes.find((code) => code === 'database_damaged') ?? null);
  return {
    nowMs: document.at_ms,
    startedMs: document.started_ms,
    virtual: clock.virtual,
    sensors: document.sensors,
    uplink,
    topicRoot: `ff/v1/${document.tenant}/${document.gateway}`,
    buffer,
    storageErrorCode,
    storageErrorSinceMs: 0,
    storageBusySinceMs: codes.includes('storage_stalled') ? 0 : null,
    keyOnTmpfs: clock.key !== 'not_tmpfs',
    settings: document.settings,
    disk,
    temperatureC: box.temperature_c,
    clockTrust: clock.trust,
  };
}

describe('the samples of the screens', () => {
  it.each(Object.entries(DEGRADED))('say of %s what the daemon says', (_name, document) => {
    const words = (reasons: StatusDocument['verdict']['reasons']) =>
      reasons.map(({ code, subject, message, hint }) => ({ code, subject, message, hint }));
    expect(words([...document.verdict.reasons])).toEqual(words(verdictOf(factsOf(document)).reasons));
  });
});
