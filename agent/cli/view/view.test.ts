import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAgo, formatBytes, formatCount, formatDate, formatDuration, formatPercent, LocalTime } from './format.ts';
import { sparkline } from './sparkline.ts';
import { painter, terminalOf } from './style.ts';
import { renderTable } from './table.ts';
import { clean, cut, displayWidth, fold, pad } from './width.ts';

describe('format', () => {
  it.each([
    [0, '0'],
    [999, '999'],
    [1_000, '1,000'],
    [12_345_678, '12,345,678'],
    [null, '–'],
  ])('counts %s', (count, text) => expect(formatCount(count)).toBe(text));

  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1_000, '1.0 KiB'],
    [1_048_576, '1.0 MiB'],
    [88_080_384, '84 MiB'],
    [5e12, '4657 GiB'],
  ])('sizes %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it.each([
    [-5, '0 s'],
    [400, '<1 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [200_000, '3 min 20 s'],
    [3_600_000, '1 h'],
    [15_120_000, '4 h 12 min'],
    [183_600_000, '2 d 3 h'],
    [null, '–'],
  ])('lengths %s', (ms, text) => expect(formatDuration(ms)).toBe(text));

  it('shares and ages', () => {
    expect([formatPercent(0.0789), formatPercent(null)]).toEqual(['7.9 %', '–']);
    expect(formatAgo(null, 5)).toBe('never');
    expect([0, -900, -3_600_000].map((ahead) => formatAgo(10_000 - ahead, 10_000))).toEqual([
      'just now',
      'just now',
      'just now',
    ]);
    expect(formatAgo(0, 260_000)).toBe('4 min ago');
  });

  it('times in the store, with the date only where it is another day', () => {
    const now = Date.UTC(2026, 2, 2, 0, 30);
    const prague = new LocalTime('Europe/Prague');
    expect(prague.time(now - 5_400_000, now)).toBe('00:00');
    expect(prague.time(now, now)).toBe('01:30');
    expect(prague.time(now - 3_600_000, now)).toBe('00:30');
    expect(prague.time(now - 7_200_000, now)).toBe('1 Mar 23:30');
    expect(new LocalTime('Asia/Shanghai').hour(now)).toBe(8);
    expect(formatDate('2026-03-02')).toBe('Monday 2 March');
  });
});

describe('width', () => {
  it('knows wide and combining characters', () => {
    expect(['abc', '入店率', 'e\u0301', '●', '한국', '🙂'].map(displayWidth)).toEqual([3, 6, 1, 1, 4, 2]);
  });

  it('never exceeds what was asked, and never cuts a character in two', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 30 }), (text, width) => {
        expect(displayWidth(cut(text, width))).toBeLessThanOrEqual(width);
        expect(displayWidth(pad(cut(text, width), width))).toBe(width);
        for (const line of fold(text, width)) expect(displayWidth(line)).toBeLessThanOrEqual(width);
      }),
    );
  });

  it('lets no control character through', () => {
    expect(clean('up\u001b[2J\r\ndown\u009b1m ')).toBe('up [2J down 1m');
  });
});

describe('sparkline', () => {
  it('tells nothing, zero, little and most apart', () => {
    expect(sparkline([null, 0, 1, 50, 100])).toBe(' ·▁▄█');
    expect(sparkline([0, 0])).toBe('··');
    expect(sparkline([5, 10], { highest: 40, repeat: 2 })).toBe('▁▁▂▂');
  });
});

describe('table', () => {
  const columns = [
    { title: 'NAME', shrinkTo: 6 },
    { title: 'N', align: 'right' as const },
  ];

  it('aligns by display width and cuts what may shrink', () => {
    const rows = [
      ['收银台', '5'],
      ['a-long-name', { text: '1,234', tone: 'good' as const }],
    ];
    expect(renderTable(columns, rows, { width: 16, paint: painter(false) })).toEqual([
      'NAME           N',
      '收银台         5',
      'a-long-n…  1,234',
    ]);
  });

  it('paints the text, not the space around it', () => {
    const [, line] = renderTable(columns, [[{ text: 'x', tone: 'bad' }, '1']], { width: 40, paint: painter(true) });
    expect(line).toBe('\u001b[31mx\u001b[0m     1');
  });
});

describe('terminal', () => {
  it('has colour only when it is one, and nobody asked for none', () => {
    const tty = { isTTY: true, columns: 200 };
    expect(terminalOf(tty, {})).toEqual({ width: 120, colour: true });
    expect(terminalOf(tty, { NO_COLOR: '1' }).colour).toBe(false);
    expect(terminalOf(tty, { TERM: 'dumb' }).colour).toBe(false);
    expect(terminalOf({}, {})).toEqual({ width: 80, colour: false });
  });
});
