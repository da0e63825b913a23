import { describe, expect, it } from 'vitest';
import { readHours } from './hours.ts';

function read(hours: Record<string, unknown>, exceptions: Record<string, unknown> = {}) {
  const told: string[] = [];
  const report = (key: string, message: string) => told.push(`${key}: ${message}`);
  const result = readHours(hours, exceptions, { hours: report, exceptions: report, missing: (day) => told.push(day) });
  expect(told).toEqual([]);
  return result;
}

const DAY = [[540, 1200]];

describe('opening hours', () => {
  it('lets a day outdo a range, and a range outdo daily, in whatever order', () => {
    const week = [DAY, DAY, [[600, 1200]], DAY, DAY, [[0, 1440]], []];
    const said = { daily: '24h', 'mon-fri': '09:00-20:00', wed: '10:00-20:00', sun: 'closed' };
    expect(read(said).week).toEqual(week);
    expect(read(Object.fromEntries(Object.entries(said).reverse())).week).toEqual(week);
  });

  it('takes a range over the end of the week, and several intervals', () => {
    const { week } = read({ 'sat-mon': '9:00 - 12:00, 13:00–18:30', 'tue-fri': 'closed' });
    const open = [
      [540, 720],
      [780, 1110],
    ];
    expect(week).toEqual([open, [], [], [], [], open, open]);
  });

  it('joins intervals that touch, and takes 24:00 as an end', () => {
    expect(read({ daily: '18:00-24:00, 12:00-18:00' }).week[0]).toEqual([[720, 1440]]);
  });

  it('carries hours past midnight into the next day, from Sunday into Monday too', () => {
    const { week } = read({ daily: 'closed', fri: '18:00-02:00', sun: '20:00-01:00' });
    expect(week).toEqual([[[0, 60]], [], [], [], [[1080, 1440]], [[0, 120]], [[1200, 1440]]]);
  });

  it('carries them into an exception, and takes them back after one', () => {
    // 2026-12-24 is a Thursday.
    const { exceptions } = read({ daily: '18:00-02:00' }, { '2026-12-24': 'closed' });
    expect(exceptions).toEqual({ '2026-12-24': [[0, 120]], '2026-12-25': [[1080, 1440]] });
  });

  it('leaves the day after an exception alone where nothing goes past midnight', () => {
    const { exceptions } = read({ daily: '09:00-20:00' }, { '2026-12-31': 'closed', '2028-02-29': '24h' });
    expect(exceptions).toEqual({ '2026-12-31': [], '2028-02-29': [[0, 1440]] });
  });

  it('carries an exception past midnight over the end of the year', () => {
    const { exceptions } = read({ daily: '09:00-20:00' }, { '2026-12-31': '09:00-03:00', '2027-01-01': 'closed' });
    expect(exceptions).toEqual({ '2026-12-31': [[540, 1440]], '2027-01-01': [[0, 180]] });
  });
});
