import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Health } from './health.ts';
import type { Reason } from './local/document.ts';
import type { HealthChange } from './storage/storage.ts';

const MINUTE = 60_000;
const START = 1_700_000_000_000;

const reason = (subject: string, since_ms: number, code = 'sensor_down'): Reason => ({
  code,
  subject,
  message: `${subject} is down`,
  hint: '',
  since_ms,
});
const began = (atMs: number, subject: string): HealthChange => ({
  atMs,
  code: 'sensor_down',
  subject,
  change: 'began',
  message: `${subject} is down`,
});
const brief = (changes: HealthChange[]): string[] =>
  changes.map(({ change, subject, atMs }) => `${change} ${subject} ${atMs - START}`);

function takeAll(health: Health): HealthChange[] {
  const all: HealthChange[] = [];
  for (let next = health.takeChanges(); next.length > 0; next = health.takeChanges()) all.push(...next);
  return all;
}

describe('Health', () => {
  it('tells a beginning and an end once, and since when all is well', () => {
    const health = new Health({ open: [], nowMs: START });
    expect(health.observe([], START)).toEqual({ reasons: [], wellSinceMs: START });
    const seen = health.observe([reason('wifi', START + 5_000)], START + 6_000);
    expect(seen.reasons).toEqual([reason('wifi', START + 5_000)]);
    health.observe([reason('wifi', START + 7_000)], START + 8_000);
    expect(health.observe([], START + 9_000).wellSinceMs).toBe(START + 9_000);
    expect(health.observe([], START + 99_000).wellSinceMs).toBe(START + 9_000);
    expect(brief(takeAll(health))).toEqual(['began wifi 5000', 'ended wifi 9000']);
    expect(takeAll(health)).toEqual([]);
  });

  it('keeps the first time while a reason lasts, whatever later times it is told with', () => {
    const health = new Health({ open: [], nowMs: START });
    for (let now = START; now < START + 10_000; now += 1_000) {
      expect(health.observe([reason('wifi', now)], now).reasons[0].since_ms).toBe(START);
    }
  });

  it('believes no beginning in the future', () => {
    const health = new Health({ open: [began(START + 1e9, 'door')], nowMs: START });
    const { reasons } = health.observe([reason('door', START), reason('wifi', START + 1e9)], START + 1);
    expect(reasons.map(({ since_ms }) => since_ms - START)).toEqual([0, 1]);
  });

  it('tells apart what has the same code and another subject', () => {
    const health = new Health({ open: [], nowMs: START });
    health.observe([reason('wifi', START), reason('door', START)], START);
    health.observe([reason('door', START)], START + 1_000);
    expect(brief(takeAll(health))).toEqual(['began wifi 0', 'began door 0', 'ended wifi 1000']);
  });

  it('goes on with what an earlier run left open, and ends it when it does not come back', () => {
    const open = [began(START - 5 * MINUTE, 'wifi'), began(START - 9 * MINUTE, 'door')];
    const health = new Health({ open, nowMs: START, settleMs: 150_000 });
    health.observe([], START);
    const { reasons } = health.observe([reason('door', START + 1_000)], START + 1_000);
    expect(reasons).toEqual([reason('door', START - 9 * MINUTE)]);
    health.observe([reason('door', START + 1_000)], START + 149_000);
    expect(takeAll(health)).toEqual([]);
    health.observe([reason('door', START + 1_000)], START + 150_000);
    expect(brief(takeAll(health))).toEqual(['ended wifi 150000']);
    // What was seen again needs no patience any more.
    health.observe([], START + 151_000);
    expect(brief(takeAll(health))).toEqual(['ended door 151000']);
  });

  it('notes events, and takes back what could not be stored in front of what came since', () => {
    const health = new Health({ open: [], nowMs: START });
    health.event('daemon_started', 'version 0.2.0', START);
    health.observe([reason('wifi', START)], START);
    const taken = health.takeChanges();
    health.observe([], START + 1_000);
    health.giveBack(taken);
    expect(takeAll(health).map(({ code, change }) => `${code} ${change}`)).toEqual([
      'daemon_started event',
      'sensor_down began',
      'sensor_down ended',
    ]);
  });

  it('tells at most 20 changes a minute, counts the rest, and ends with the truth', () => {
    const health = new Health({ open: [], nowMs: START });
    const told: HealthChange[] = [];
    let now = START;
    for (let second = 0; second < 600; second++, now += 1_000) {
      health.observe(second % 2 === 0 ? [reason('wifi', now)] : [], now);
      told.push(...takeAll(health));
    }
    const perMinute = Array.from(
      { length: 10 },
      (_, minute) => told.filter(({ atMs }) => Math.floor((atMs - START) / MINUTE) === minute).length,
    );
    expect(Math.max(...perMinute)).toBeLessThanOrEqual(21);
    const noted = told.filter(({ code }) => code === 'changes_left_out');
    expect(noted.length).toBe(9);
    expect(noted[0].message).toMatch(/^40 /);

    health.observe([reason('wifi', now)], now);
    health.observe([reason('wifi', now)], now + MINUTE);
    told.push(...takeAll(health));
    expect(told.at(-1)).toEqual(began(now, 'wifi'));
  });

  it('tells a crowd that comes at once bit by bit, and nothing as left out', () => {
    const health = new Health({ open: [], nowMs: START });
    const crowd = Array.from({ length: 50 }, (_, index) => reason(`s${index}`, START));
    for (let minute = 0; minute < 3; minute++) {
      health.observe(crowd, START + minute * MINUTE);
      expect(takeAll(health)).toHaveLength([20, 20, 10][minute]);
    }
  });

  it('lets what lasts not wait for ever behind others that flap', () => {
    const health = new Health({ open: [], nowMs: START });
    let toldAfter: number | null = null;
    for (let second = 0; second < 20 * 60; second++) {
      const now = START + second * 1_000;
      const flapping = Array.from({ length: 60 }, (_, index) => reason(`s${index}`, now));
      health.observe([...(second % 2 === 0 ? flapping : []), reason('steady', START)], now);
      if (takeAll(health).some(({ subject }) => subject === 'steady')) toldAfter = second;
    }
    // Behind at most 61 others, each with an end and a beginning, of which 20 a minute are told.
    expect(toldAfter).toBeGreaterThan(0);
    expect(toldAfter).toBeLessThanOrEqual(7 * 60);
  });

  it('holds a bounded number of changes while storage takes none, and tells the truth afterwards', () => {
    const health = new Health({ open: [], nowMs: START });
    let now = START;
    let taken: HealthChange[] = [];
    for (let step = 0; step < 3 * 24 * 60 * 6; step++, now += 10_000) {
      const reasons = Array.from({ length: 10 }, (_, index) => reason(`s${index}`, now));
      health.observe(step % 2 === 0 ? reasons : [], now);
      health.event('poked', '', now);
      // Each attempt to store is under way for a while, and then fails.
      if (step % 6 === 0) {
        health.giveBack(taken);
        taken = health.takeChanges();
      }
    }
    health.giveBack(taken);
    const waiting = takeAll(health);
    expect(waiting.length).toBeLessThanOrEqual(1_200);
    for (let minute = 0; minute < 3; minute++) {
      health.observe([reason('s3', now)], now + minute * MINUTE);
      waiting.push(...takeAll(health));
    }
    const last = new Map(waiting.filter(({ change }) => change !== 'event').map((each) => [each.subject, each]));
    for (const { subject, change } of last.values()) expect(change).toBe(subject === 's3' ? 'began' : 'ended');
    expect(last.get('s3')?.atMs).toBe(now);
  });
});

type Step = { do: 'observe'; ids: number; own: number; ms: number } | { do: 'store' | 'fail' | 'restart' };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant('observe' as const),
        ids: fc.nat(15),
        own: fc.oneof(fc.constant(0), fc.nat(300_000)),
        ms: fc.oneof(fc.nat(3_000), fc.nat(200_000)),
      }),
    },
    { weight: 3, arbitrary: fc.constant({ do: 'store' as const }) },
    { weight: 1, arbitrary: fc.constant({ do: 'fail' as const }) },
    { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
  ),
  { maxLength: 200 },
);

describe('whatever happens', () => {
  it('stored changes alternate, and a reason never begins later than it did', () => {
    fc.assert(
      fc.property(steps, (script) => {
        let now = START;
        const stored = new Map<string, HealthChange>();
        const known = new Map<string, number>();
        let health = new Health({ open: [], nowMs: now });
        const store = (): void => {
          for (const change of takeAll(health).filter((each) => each.change !== 'event')) {
            expect(stored.has(change.subject)).toBe(change.change === 'ended');
            if (change.change === 'began') stored.set(change.subject, change);
            else stored.delete(change.subject);
          }
        };
        const observe = (subjects: string[], own: number): void => {
          const result = health.observe(
            subjects.map((subject) => reason(subject, now - own)),
            now,
          );
          for (const subject of known.keys()) if (!subjects.includes(subject)) known.delete(subject);
          for (const { subject, since_ms } of result.reasons) {
            expect(since_ms).toBeLessThanOrEqual(known.get(subject) ?? now);
            known.set(subject, since_ms);
          }
          expect(result.wellSinceMs).toBeLessThanOrEqual(now);
        };
        const bits = (ids: number): string[] => ['a', 'b', 'c', 'd'].filter((_, bit) => (ids >> bit) & 1);
        for (const step of script) {
          if (step.do === 'observe') {
            now += step.ms;
            observe(bits(step.ids), step.own);
          } else if (step.do === 'store') {
            store();
          } else if (step.do === 'fail') {
            health.giveBack(health.takeChanges());
          } else {
            // A crash: what was not stored is forgotten, and so is its beginning.
            for (const subject of known.keys()) if (!stored.has(subject)) known.delete(subject);
            for (const [subject, { atMs }] of stored) if (known.has(subject)) known.set(subject, atMs);
            health = new Health({ open: [...stored.values()], nowMs: now });
          }
        }
        // With quiet and a storage that works, what is stored becomes what is.
        for (let minute = 0; minute < 4; minute++) {
          observe(['b'], 0);
          store();
          now += MINUTE;
        }
        expect([...stored.keys()]).toEqual(['b']);
        expect(stored.get('b')?.atMs).toBe(known.get('b'));
      }),
      { numRuns: 500 },
    );
  });
});
