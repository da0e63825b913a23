import { describe, expect, it } from 'vitest';
import { smooth } from './smoothing.ts';

describe('smooth', () => {
  it('takes the first measurement as it is', () => {
    expect(smooth(null, 7)).toBe(7);
  });

  it('moves slowly within the noise and fast over a step', () => {
    expect(smooth(10, 14)).toBeCloseTo(11.2);
    expect(smooth(4, 8)).toBeCloseTo(5.2);
    expect(smooth(4, 9)).toBeCloseTo(8.5);
    expect(smooth(20, 30)).toBeCloseTo(23);
    expect(smooth(20, 31)).toBeCloseTo(29.9);
    expect(smooth(20, 0)).toBeCloseTo(2);
  });
});
