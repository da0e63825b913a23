import { describe, expect, it } from 'vitest';
import { conforms, hearChecked } from './conformance.testing.ts';
import type { Driver } from './driver.ts';
import { DRIVERS } from './registry.ts';
import { hasCounterpart, subjectsOf } from './sample.ts';

const drivers = [...DRIVERS.values()];
const dialects = drivers.filter(hasCounterpart).map(subjectsOf);
const others = dialects.flat().map((subject) => hearChecked(subject));

it.each(drivers)('$name has a simulated counterpart', (driver: Driver) => {
  expect(subjectsOf(driver)).not.toEqual([]);
});

describe('every driver', () => {
  for (const [first, ...further] of dialects) {
    conforms(first, { others });
    for (const subject of further) conforms(subject, { others, quick: true });
  }
});
