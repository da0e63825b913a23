import { describe, expect, it } from 'vitest';
import { counterDifference } from './doors.ts';

const last = { entered: 100, left: 90, boot: 7, time: 0 };
const now = { ...last, width: 16, time: 10_000 };

describe('counterDifference', () => {
  it('takes the first reading as the base line', () => {
    expect(counterDifference(undefined, now)).toEqual({
      entered: 0,
      left: 0,
      setAside: 0,
      reset: false,
      catchUp: false,
    });
  });

  it('takes the difference, and tells of one over a silence', () => {
    const next = { ...now, entered: 103, left: 91 };
    expect(counterDifference(last, next)).toEqual({ entered: 3, left: 1, setAside: 0, reset: false, catchUp: false });
    expect(counterDifference(last, { ...next, time: 60_001 }).catchUp).toBe(true);
  });

  it('rolls over from the top of the range only', () => {
    const rolled = counterDifference({ ...last, entered: 65_530 }, { ...now, entered: 4 });
    expect(rolled).toMatchObject({ entered: 10, reset: false });
    const fell = counterDifference({ ...last, entered: 30_000 }, { ...now, entered: 4, left: 2 });
    expect(fell).toMatchObject({ entered: 4, left: 2, reset: true });
  });

  it('counts both totals anew after another boot, even where they rose', () => {
    const rebooted = counterDifference(last, { ...now, entered: 12, left: 9, boot: 8, time: 60_000 });
    expect(rebooted).toMatchObject({ entered: 12, left: 9, reset: true });
    expect(counterDifference({ ...last, entered: 1 }, { ...now, entered: 5, boot: 8 })).toMatchObject({ entered: 5 });
  });

  it('sets an implausible jump of one direction aside and keeps the other', () => {
    // 10 s allow 5 * 10 + 20 people.
    expect(counterDifference(last, { ...now, entered: 170, left: 91 })).toMatchObject({ entered: 70, left: 1 });
    const jump = counterDifference(last, { ...now, entered: 171, left: 91 });
    expect(jump).toMatchObject({ entered: 0, left: 1, setAside: 71 });
  });
});
