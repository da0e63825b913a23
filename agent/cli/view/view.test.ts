import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HealthEntry } from '../../local/routes.ts';
import { formatAgo, formatBytes, formatCount, formatDate, formatDuration, formatPercent, LocalTime } from './format.ts';
import { renderHistory } from './history.ts';
import { fitRows } from './live-screen.ts';
import { sparkline } from './sparkline.ts';
import { painter, terminalOf } from './style.ts';
import { renderTable } from './table.ts';
import { clean, cleanLines, cut, displayWidth, fold, pad } from './width.ts';

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

describe('texts of several lines', () => {
  it('break a path that is longer than the line instead of losing its end', () => {
    expect(fold('at /dev/serial/by-id/usb here', 10)).toEqual(['at', '/dev/seria', 'l/by-id/us', 'b here']);
    expect(cleanLines('one\r\n\u001b[2Jtwo\n\n')).toEqual(['one', '[2Jtwo']);
  });
});

describe('a screen of few rows', () => {
  const texts = (lines: string[], height: number, foot = '') => fitRows(lines, height, foot).map(({ text }) => text);

  it('cuts what does not fit and says so, and shows the foot where there is room', () => {
    expect(texts(['a', 'b', 'c'], 3, 'foot')).toEqual(['a', 'b', 'c']);
    expect(texts(['a', 'b', 'c'], 2)).toEqual(['a', '... 2 more lines: make the terminal higher']);
    expect(texts(['a'], 4, 'foot')).toEqual(['a', '', '', 'foot']);
    expect(texts(['a', 'b'], 1)).toHaveLength(1);
  });
});

describe('the history of health', () => {
  const at = Date.UTC(2026, 2, 2, 12);
  const change = (minutesAgo: number, code: string, what: HealthEntry['change']): HealthEntry => ({
    at_ms: at - minutesAgo * 60_000,
    code,
    subject: '',
    change: what,
    message: what === 'event' ? 'version 1' : `${code} happened`,
  });

  it('pairs each beginning with its own end, and says what has not ended', () => {
    const changes = [
      change(5, 'clock', 'began'),
      change(10, 'uplink', 'ended'),
      change(20, 'daemon_started', 'event'),
      change(70, 'disk', 'ended'),
      change(130, 'uplink', 'began'),
    ];
    expect(renderHistory(changes, { width: 80, colour: false, timeZone: 'UTC', now: at })).toBe(
      [
        'TIME   CHANGE        LASTED  WHAT',
        '11:55  began   5 min so far  clock happened',
        '11:50  ended            2 h  uplink happened',
        '11:40                        daemon started: version 1',
        '10:50  ended                 disk happened',
        '09:50  began            2 h  uplink happened',
        '',
      ].join('\n'),
    );
    expect(renderHistory([], { width: 80, colour: false, timeZone: 'UTC', now: at })).toContain('no change');
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
    // A serial console knows no size.
    expect(terminalOf({ isTTY: true, columns: 0 }, {}).width).toBe(80);
  });
});
