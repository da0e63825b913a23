import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SensorSettings } from '../../settings/settings.ts';
import { renderWalk } from '../view/walk.ts';
import { judgeWalk, type Passage } from './walk.ts';

function doorOf(more: Partial<SensorSettings> = {}): SensorSettings {
  return {
    ...{ id: 'main', driver: 'door-lines', line: 'serial', port: '/dev/ttyUSB0', baud: 115_200, role: 'door' },
    ...{ place: 'main', gateDbm: -70, swap: false, silentMinutes: 15, options: {} },
    ...more,
  } as SensorSettings;
}

/** One passage a word: what was walked, then what was counted, as in `in:+` or `out:-`; `0` nobody. */
function passages(...words: string[]): Passage[] {
  return words.map((word) => {
    const [expected, marks] = word.split(':');
    const count = (mark: string): number => [...marks].filter((each) => each === mark).length;
    return { expected: expected as 'in' | 'out', counted: { in: count('+'), out: count('-') } };
  });
}

describe('a walk through a door', () => {
  it('is right where each passage is one person the right way', () => {
    const summary = judgeWalk(doorOf(), passages('in:+', 'out:-', 'in:+', 'out:-'));
    expect(summary).toMatchObject({ verdict: 'right', suggestion: null, causes: [] });
    expect(summary.in).toEqual({ asked: 2, right: 2, wrong: 0, missing: 0, extra: 0 });
    expect(summary.out).toEqual({ asked: 2, right: 2, wrong: 0, missing: 0, extra: 0 });
  });

  it('suggests to swap a counter that looks the other way round, and to swap back one that was swapped', () => {
    const reversed = passages('in:-', 'out:+', 'in:-', 'out:+', 'in:-', 'out:0');
    expect(judgeWalk(doorOf(), reversed)).toMatchObject({
      verdict: 'reversed',
      suggestion: { key: 'sensors.main.swap', value: true, line: 'swap: true' },
      out: { wrong: 2, missing: 1 },
    });
    expect(judgeWalk(doorOf({ swap: true }), reversed).suggestion?.line).toBe('swap: false');
  });

  it('does not suggest it for a counter that knows one direction only', () => {
    const summary = judgeWalk(doorOf(), passages('in:+', 'out:+', 'in:+', 'out:+'));
    expect(summary).toMatchObject({ verdict: 'faulty', suggestion: null, in: { right: 2 }, out: { wrong: 2 } });
    expect(summary.causes.join()).toMatch(/one direction only/);
    const contact = judgeWalk(doorOf({ driver: 'door-contact' }), passages('in:+', 'out:+'));
    expect(contact.causes.join()).toMatch(/counts: in, out or both/);
  });

  it('tells who is missing and who is counted twice', () => {
    const missing = judgeWalk(doorOf(), passages('in:+', 'out:-', 'in:0', 'out:-'));
    expect(missing).toMatchObject({ verdict: 'faulty', in: { asked: 2, right: 1, missing: 1 } });
    expect(missing.causes).toHaveLength(1);
    const twice = judgeWalk(doorOf({ driver: 'door-radar' }), passages('in:++', 'out:-+'));
    expect(twice).toMatchObject({ verdict: 'faulty', in: { right: 1, extra: 1 }, out: { right: 1, extra: 1 } });
    expect(twice.causes.join()).toMatch(/hysteresis_mm/);
    const deaf = judgeWalk(doorOf({ driver: 'door-modbus' }), passages('in:+', 'out:0', 'in:+', 'out:0'));
    expect(deaf.causes.join()).toMatch(/out_channel/);
  });

  it('tells a counter that counts nobody', () => {
    expect(judgeWalk(doorOf(), passages('in:0', 'out:0'))).toMatchObject({ verdict: 'silent', suggestion: null });
  });

  it('adds up whatever was counted, gives a cause for every fault, and fits the screen', () => {
    const passage = fc.record({
      expected: fc.constantFrom<('in' | 'out')[]>('in', 'out'),
      counted: fc.record({ in: fc.nat(3), out: fc.nat(3) }),
    });
    fc.assert(
      fc.property(fc.array(passage, { minLength: 1, maxLength: 20 }), fc.boolean(), (walked, swap) => {
        const summary = judgeWalk(doorOf({ swap }), walked);
        for (const { asked, right, wrong, missing } of [summary.in, summary.out]) {
          expect(right + wrong + missing).toBe(asked);
        }
        expect(summary.in.asked + summary.out.asked).toBe(walked.length);
        expect(summary.causes.length === 0).toBe(summary.verdict === 'right');
        expect(summary.suggestion === null).toBe(summary.verdict !== 'reversed');
        const screen = renderWalk(summary, { width: 80, colour: false });
        expect(screen.split('\n').every((line) => line.length <= 80)).toBe(true);
      }),
    );
  });
});
