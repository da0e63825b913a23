import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Agenda } from './agenda.ts';

describe('Agenda', () => {
  it('runs tasks by time, ties in the order they were made, however the time is cut', () => {
    const times = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 200 });
    fc.assert(
      fc.property(times, fc.array(fc.integer({ min: 0, max: 60 })), (due, cuts) => {
        const agenda = new Agenda(0);
        const ran: { at: number; index: number; now: number }[] = [];
        due.forEach((at, index) => {
          agenda.at(at, () => ran.push({ at, index, now: agenda.now }));
        });
        for (const cut of [...cuts].sort((a, b) => a - b)) agenda.run(cut);
        agenda.run(60);
        const expected = due
          .map((at, index) => ({ at, index, now: at }))
          .sort((a, b) => a.at - b.at || a.index - b.index);
        expect(ran).toEqual(expected);
        expect(agenda.pending).toBe(0);
      }),
    );
  });

  it('runs what a task asks for within the same run, and never goes back', () => {
    const agenda = new Agenda(100);
    const ran: number[] = [];
    agenda.at(110, () => agenda.at(105, () => ran.push(agenda.now)));
    agenda.run(110);
    agenda.run(50);
    expect(ran).toEqual([110]);
    expect(agenda.now).toBe(110);
  });
});
