import { describe, expect, it } from 'vitest';
import { editDistance, nearest } from './nearest.ts';

describe('nearest', () => {
  it.each([
    ['baud', 'baud', 0],
    ['buad', 'baud', 1],
    ['', 'baud', 4],
    ['kitten', 'sitting', 3],
  ])('measures %s to %s', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
    expect(editDistance(b, a)).toBe(distance);
  });

  it('finds what was meant, and nothing where nothing is near', () => {
    const known = ['time_zone', 'hours', 'id'];
    expect(nearest('timezone', known)).toBe('time_zone');
    expect(nearest('time-zone', known)).toBe('time_zone');
    expect(nearest('hour', known)).toBe('hours');
    expect(nearest('colour', known)).toBeNull();
  });
});
