import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { StatusDocument } from '../../local/document.ts';
import { DOWN } from './down.fixture.ts';
import { renderDown } from './down.ts';
import { DEGRADED, degraded, notCounting, well } from './samples.fixture.ts';
import { type RenderOptions, renderStatus } from './status.ts';
import { displayWidth } from './width.ts';

type Render = (options: RenderOptions) => string;

const STATUS: Record<string, StatusDocument> = { well, degraded, 'not-counting': notCounting, ...DEGRADED };
const SCREENS: [name: string, render: Render][] = [
  ...Object.entries(STATUS).map(([name, document]): [string, Render] => [
    name,
    (options) => renderStatus(document, options),
  ]),
  ...Object.entries(DOWN).map(([name, down]): [string, Render] => [
    `down-${name}`,
    (options) => renderDown(down, options),
  ]),
];

describe.each(SCREENS)('the status screen: %s', (name, render) => {
  it.each([80, 120])('looks right at %i columns', async (width) => {
    const file = `./__snapshots__/status-${name}-${width}`;
    await expect(render({ width, colour: false })).toMatchFileSnapshot(`${file}.txt`);
    await expect(render({ width, colour: true })).toMatchFileSnapshot(`${file}.ansi`);
  });

  it('is the same text with and without colour', () => {
    for (const width of [72, 80, 120]) {
      const plain = render({ width, colour: false });
      expect(stripVTControlCharacters(render({ width, colour: true }))).toBe(plain);
      expect(stripVTControlCharacters(plain)).toBe(plain);
    }
  });

  it('is never wider than the terminal, has no space at a line end, and fits 40 rows', () => {
    for (let width = 72; width <= 120; width++) {
      const lines = render({ width, colour: false }).trimEnd().split('\n');
      for (const line of lines) {
        expect(displayWidth(line)).toBeLessThanOrEqual(width);
        expect(line).toBe(line.trimEnd());
      }
      if (width >= 80) expect(lines.length).toBeLessThanOrEqual(40);
    }
  });
});

describe('the status screen', () => {
  const plain = (document: StatusDocument) => renderStatus(document, { width: 100, colour: false });
  const { uplink, buffer, disk, at_ms: at } = well;

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
    expect(plain({ ...degraded, uplink: { ...degraded.uplink, inFlight: 0 } })).not.toContain(warning);
    const lately = { ...degraded, uplink: { ...degraded.uplink, lastAcknowledgedAt: at - 5_000 } };
    expect(plain(lately)).not.toContain(warning);
  });

  it('shows a store without doors by its devices, and an uplink that is off', () => {
    expect(plain(degraded)).toContain('Inside, by radio');
    expect(plain(degraded)).toContain('– uncalibrated');
    expect(plain({ ...well, uplink: { ...uplink, phase: 'off' } })).toContain('UPLINK   off: nothing is sent');
  });

  it('shows the phones that Bluetooth hears now, in a line of its own, only where there is Bluetooth', () => {
    const heard = { ...well, today: { ...well.today, ble_now: { phones: 17, fixtures: 4, others: 2 } } };
    expect(plain(heard)).toMatch(/\n {2}BLE phones now +17\n/);
    expect(plain(heard).split('\n')).toHaveLength(plain(well).split('\n').length + 1);
    expect(plain(well)).not.toContain('BLE');
    // As an older release kept it.
    const { ble_now: _none, ...today } = well.today;
    expect(plain({ ...well, today: today as StatusDocument['today'] })).toBe(plain(well));
  });

  it('tells each kind of trouble before the further cases of one, and names what it leaves out', () => {
    const screen = plain(notCounting);
    expect(screen).toContain('Not connected to the broker');
    expect(screen).toMatch(/and \d more: .*sensor down side-door/);
  });

  it.each([
    [null, ''],
    [0.4, 'no room left for an outage of the uplink'],
    [76.4, 'room for 3 d 4 h without uplink'],
    [9_000, 'room for over a year without uplink'],
  ])('tells how long an outage may last: %s hours', (hours, text) => {
    const screen = plain({ ...well, buffer: { ...buffer, hours_left: hours } });
    if (text === '') expect(screen).not.toContain('room');
    else expect(screen).toContain(text);
  });

  it('tells the first certificate to expire, and each one that needs a renewal', () => {
    const day = 86_400_000;
    const until = (...days: number[]) =>
      plain({
        ...well,
        uplink: {
          ...uplink,
          certificates: days.map((each, index) => ({
            what: index === 0 ? 'broker' : 'authority',
            expires_ms: at + each * day,
          })),
        },
      });
    expect(until(84, 40)).toContain('certificate good for 40 d');
    expect(until(29, 400)).toContain("the broker's certificate expires in 29 d");
    expect(until(29, 400)).not.toContain('authority');
    expect(until(-2, 12)).toMatch(/broker's certificate expired 2 d ago.*certificate authority expires in 12 d/);
    expect(until()).not.toContain('certificate');
  });

  it('says of the disk and the heat what is out of order, and leaves out what is not known', () => {
    const box = (free: number | null, wear: number | null, celsius: number | null) =>
      plain({
        ...well,
        disk: { ...disk, free_bytes: free, wear_percent: wear },
        box: { ...well.box, temperature_c: celsius },
      })
        .split('\n')
        .find((line) => line.startsWith('BOX'));
    expect(box(400 * 1_048_576, 95, 81.6)).toContain('only 400 MiB free, 95 % worn · hot: 82 °C');
    expect(box(0, null, null)).toContain('disk full · clock');
    expect(box(null, null, 40)).toContain('up 4 h · 40 °C · clock synchronised');
  });

  it('tells which settings of the central platform are in force, or why they are not', () => {
    const asked = { revision: 'r7\u001b[2J', reasons: [], overridden: [], locked: [] };
    const remote = (part: object) =>
      plain({ ...well, settings: { ...well.settings, remote: { ...asked, ...part } } as never });
    expect(remote({ state: 'applied' })).toContain('SETTINGS remote revision r7');
    const rejected = remote({
      state: 'rejected',
      reasons: ['at counting.grace_seconds: expected less', 'two', 'three'],
    });
    expect(rejected).toMatch(
      /SETTINGS remote revision r7.* rejected\n {9}at counting.grace_seconds: expected less\n {9}two\n/,
    );
    expect(rejected).not.toContain('\u001b');
    expect(remote({ state: 'rejected', revision: '' })).toContain('unreadable remote settings rejected');
    // As an older release kept it.
    const { remote: _none, ...settings } = well.settings;
    expect(plain({ ...well, settings: settings as StatusDocument['settings'] })).toBe(plain(well));
  });

  it('tells how the last run ended for a day, unless it was in order', () => {
    const end = { how: 'power', at_ms: null, message: 'The power went.', hint: '' } as const;
    const afterHours = (hours: number) =>
      plain({ ...well, started_ms: at - hours * 3_600_000, box: { ...well.box, last_end: end } });
    expect(plain(well)).not.toContain('LAST RUN');
    expect(afterHours(23)).toContain('LAST RUN lost its power before 1 Mar 14:12');
    expect(afterHours(25)).not.toContain('LAST RUN');
  });

  it('leaves the hours that have not come, and those that nothing was counted in, empty', () => {
    const rows = plain(well).split('\n');
    expect(rows.find((line) => line.includes('peak 142'))).toMatch(/█+▃+ {21,}peak 142 at 12 h$/);
    expect(rows.find((line) => line.includes('peak 22'))).toMatch(/^ {2}Inside {20,}·+▃/);
  });

  it('stands a day on which nothing came', () => {
    const hours = well.today.hours.map(() => ({ entries: 0, visits: 0, passers_by: 0, inside: null }));
    expect(plain({ ...well, sensors: [], today: { ...well.today, hours } })).not.toContain('peak');
  });
});

describe('the screen while no daemon answers', () => {
  const plain = (name: keyof typeof DOWN) => renderDown(DOWN[name], { width: 100, colour: false });

  it('leads a new box to its set-up, and no other', () => {
    expect(plain('first-start')).toMatch(/^○ FIRST START: nothing has run here yet/);
    expect(plain('first-start')).toMatch(/sudo footfall setup\n.*sudo systemctl start footfall/);
    expect(plain('stopped')).not.toContain('setup');
  });

  it('tells every mistake that kept it from starting, once', () => {
    const screen = plain('failed-settings');
    expect(screen.match(/unknown key "ulr"/g)).toHaveLength(1);
    expect(screen).toContain('received "fast"');
    expect(plain('first-start-broken').match(/unknown key "ulr"/g)).toHaveLength(1);
  });

  it('keeps what the database holds apart from what the last status said', () => {
    expect(plain('stopped')).toContain('2 batches held (19 KiB) · sealed through 17');
    expect(plain('failed-database')).toContain('DATABASE cannot be read\n         expected a whole database');
  });

  it('says of a daemon that hangs which process it is', () => {
    expect(plain('hangs')).toMatch(/^○ NOT ANSWERING/);
    expect(plain('hangs')).toContain('process 812');
    const unknown = { ...DOWN.hangs, pid: null, known: DOWN['first-start'].known };
    expect(renderDown(unknown, { width: 100, colour: false })).toMatch(/^○ NOT ANSWERING/);
  });
});
