import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { StatusDocument } from '../../local/document.ts';
import { degraded, notCounting, well } from './samples.fixture.ts';
import { renderStatus } from './status.ts';
import { displayWidth } from './width.ts';

const BOXES: [name: string, document: StatusDocument][] = [
  ['well', well],
  ['degraded', degraded],
  ['not counting', notCounting],
];

describe.each(BOXES)('the status screen of a box that is %s', (name, document) => {
  it.each([80, 120])('looks right at %i columns', async (width) => {
    const file = `./__snapshots__/status-${name.replace(' ', '-')}-${width}`;
    await expect(renderStatus(document, { width, colour: false })).toMatchFileSnapshot(`${file}.txt`);
    await expect(renderStatus(document, { width, colour: true })).toMatchFileSnapshot(`${file}.ansi`);
  });

  it('is the same text with and without colour', () => {
    for (const width of [72, 80, 120]) {
      const plain = renderStatus(document, { width, colour: false });
      expect(stripVTControlCharacters(renderStatus(document, { width, colour: true }))).toBe(plain);
      expect(stripVTControlCharacters(plain)).toBe(plain);
    }
  });

  it('is never wider than the terminal, and has no space at a line end', () => {
    for (let width = 72; width <= 120; width++) {
      for (const line of renderStatus(document, { width, colour: false }).split('\n')) {
        expect(displayWidth(line)).toBeLessThanOrEqual(width);
        expect(line).toBe(line.trimEnd());
      }
    }
  });
});

describe('the status screen', () => {
  const plain = (document: StatusDocument) => renderStatus(document, { width: 100, colour: false });

  it('of a well box fits a terminal of 24 lines', () => {
    expect(renderStatus(well, { width: 80, colour: false }).trimEnd().split('\n').length).toBeLessThan(25);
  });

  it('says the verdict first', () => {
    expect(plain(well)).toMatch(/^● COUNTING {2}since 08:58 \(4 h 14 min\)/);
    expect(plain(notCounting)).toMatch(/^○ NOT COUNTING/);
  });

  it('warns of a connection on which nothing is acknowledged, only while something is under way', () => {
    const warning = 'connected, but nothing acknowledged for';
    expect(plain(degraded)).toContain(`${warning} 1 d 2 h`);
    const idle = { ...degraded, uplink: { ...degraded.uplink, inFlight: 0 } };
    expect(plain(idle)).not.toContain(warning);
    const lately = { ...degraded, uplink: { ...degraded.uplink, lastAcknowledgedAt: degraded.at_ms - 5_000 } };
    expect(plain(lately)).not.toContain(warning);
  });

  it('shows a store without doors by its devices, and an uplink that is off', () => {
    expect(plain(degraded)).toContain('Inside, by radio');
    expect(plain(degraded)).toContain('– uncalibrated');
    expect(plain({ ...well, uplink: { ...well.uplink, phase: 'off' } })).toContain('UPLINK   off: nothing is sent');
  });

  it('leaves the hours that have not come empty', () => {
    const row = plain(well)
      .split('\n')
      .find((line) => line.includes('peak 142'));
    expect(row).toMatch(/█+▃+ {21,}peak 142 at 12 h$/);
  });

  it('stands a day on which nothing came', () => {
    const hours = well.today.hours.map(() => ({ entries: 0, visits: 0, passers_by: 0 }));
    expect(plain({ ...well, sensors: [], today: { ...well.today, hours } })).not.toContain('peak');
  });
});
