import { describe, expect, it } from 'vitest';
import { Calendar, nextKeyChange } from './calendar.ts';
import { HOUR, MINUTE, parametersOf } from './fold.testing.ts';

const week = (span: [number, number][]): [number, number][][] => Array.from({ length: 7 }, () => span);
const utc = (text: string): number => Date.parse(text);

describe('Calendar', () => {
  it('has days of 23 and 25 hours and keeps opening hours on the wall clock over the change', () => {
    const calendar = new Calendar({ timeZone: 'Europe/Prague', hours: { week: week([[540, 1200]]), exceptions: {} } });
    const spring = calendar.day(utc('2026-03-29T12:00:00Z'));
    expect(spring.end - spring.start).toBe(23 * HOUR);
    expect(spring.open).toEqual([[utc('2026-03-29T07:00:00Z'), utc('2026-03-29T18:00:00Z')]]);
    const autumn = calendar.day(utc('2026-10-25T12:00:00Z'));
    expect(autumn.end - autumn.start).toBe(25 * HOUR);
    expect(autumn.open).toEqual([[utc('2026-10-25T08:00:00Z'), utc('2026-10-25T19:00:00Z')]]);
    expect(autumn.settlement).toBe(autumn.closing + 30 * MINUTE);
  });

  it('knows split days, closed days and exceptions, asked in any order', () => {
    const hours = {
      week: week([
        [840, 1080],
        [540, 720],
      ]),
      exceptions: { '2026-05-01': [] as [number, number][] },
    };
    const calendar = new Calendar({ timeZone: 'UTC', hours });
    const asked: [string, boolean][] = [
      ['2026-04-30T08:59:59Z', false],
      ['2026-04-30T09:00:00Z', true],
      ['2026-04-30T12:00:00Z', false],
      ['2026-04-30T14:00:00Z', true],
      ['2026-04-30T18:00:00Z', false],
      ['2026-05-01T10:00:00Z', false],
      ['2026-05-02T10:00:00Z', true],
    ];
    for (const [time, open] of [...asked, ...asked.toReversed()]) expect(calendar.isOpen(utc(time)), time).toBe(open);
    expect(calendar.day(utc('2026-05-01T10:00:00Z')).settlement).toBe(utc('2026-05-02T04:00:00Z'));
  });

  it('settles round-the-clock days and hours past midnight at 04:00, each date once and in order', () => {
    const bar = week([
      [0, 120],
      [1080, 1440],
    ]);
    bar[0] = [[0, 120]];
    for (const span of [week([[0, 1440]]), week([]), week([[480, 1320]]), bar]) {
      const calendar = new Calendar({ timeZone: 'Europe/Prague', hours: { week: span, exceptions: {} } });
      let time = utc('2026-03-20T00:00:00Z');
      let date = '';
      for (let day = 0; day < 14; day++) {
        const next = calendar.nextSettlement(time, date);
        expect(next.settlement).toBeGreaterThan(time);
        expect(next.settlement).toBeLessThanOrEqual(next.end + 4 * HOUR);
        if (date !== '') expect(utc(next.date) - utc(date)).toBe(24 * HOUR);
        expect(calendar.isOpen(next.settlement)).toBe(span[0]?.[0]?.[1] === 1440);
        ({ settlement: time, date } = next);
      }
    }
  });

  it('changes the key at closing', () => {
    const parameters = parametersOf({ timeZone: 'UTC' });
    expect(nextKeyChange(parameters, utc('2026-03-02T12:00:00Z'))).toBe(utc('2026-03-02T20:00:00Z'));
    expect(nextKeyChange(parameters, utc('2026-03-02T20:00:00Z'))).toBe(utc('2026-03-03T20:00:00Z'));
  });
});
