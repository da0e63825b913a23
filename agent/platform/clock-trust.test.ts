import { describe, expect, it } from 'vitest';
import { VirtualClock } from './clock.ts';
import { type ClockHost, ClockTrustWatch, readClockTrust } from './clock-trust.ts';

const CHRONY = 'A29FC87B,162.159.200.123,4,1732000000.1,0.0001,0.0001,0.0002,1.5,0.01,0.05,0.02,0.0005,64.2';
const MINUTE = 60_000;

/** A machine that has these files and whose programs print these texts; a program without one is missing. */
class ScriptedHost implements ClockHost {
  files = new Set<string>();
  prints: Record<string, string> = {};
  ran: string[] = [];

  exists(path: string): boolean {
    return this.files.has(path);
  }

  run(program: string): Promise<string | null> {
    this.ran.push(program);
    return Promise.resolve(this.prints[program] ?? null);
  }
}

function hostWith(files: string[], prints: Record<string, string> = {}): ScriptedHost {
  return Object.assign(new ScriptedHost(), { files: new Set(files), prints });
}

describe('the trust in the clock', () => {
  it.each([
    ['timesyncd has synchronised', ['/run/systemd/timesync', '/run/systemd/timesync/synchronized'], {}, 'synchronised'],
    ['timesyncd runs and has not', ['/run/systemd/timesync', '/dev/rtc0'], { timedatectl: 'yes\n' }, 'rtc_only'],
    ['chrony has synchronised', ['/run/chrony/chronyd.pid'], { chronyc: `${CHRONY},Normal\n` }, 'synchronised'],
    [
      'chrony awaits a leap second',
      ['/run/chrony/chronyd.pid'],
      { chronyc: `${CHRONY},Insert second\n` },
      'synchronised',
    ],
    [
      'chrony only runs',
      ['/run/chrony/chronyd.pid'],
      { chronyc: `${CHRONY},Not synchronised\n`, timedatectl: 'yes\n' },
      'unknown',
    ],
    ['chrony does not answer', ['/run/chrony/chronyd.pid', '/dev/rtc0'], {}, 'rtc_only'],
    ['chrony says nothing', ['/run/chrony/chronyd.pid'], { chronyc: '' }, 'unknown'],
    ['chrony answers others only', ['/run/chrony/chronyd.pid'], { timedatectl: 'yes\n' }, 'synchronised'],
    ['the kernel is disciplined', [], { timedatectl: 'yes\n' }, 'synchronised'],
    ['the kernel is not', ['/dev/rtc0'], { timedatectl: 'no\n' }, 'rtc_only'],
    ['nobody knows', [], {}, 'unknown'],
    ['there is a real-time clock', ['/dev/rtc0'], {}, 'rtc_only'],
  ])('where %s', async (_, files, prints, trust) => {
    expect(await readClockTrust(hostWith(files, prints))).toBe(trust);
  });

  it('is told for this machine within its patience', async () => {
    expect(['synchronised', 'rtc_only', 'unknown']).toContain(await readClockTrust());
  });
});

describe('the watch over the clock', () => {
  it('has an answer before it was started, and follows what it hears each minute', async () => {
    const clock = new VirtualClock(0);
    const host = hostWith(['/dev/rtc0', '/run/systemd/timesync']);
    const watch = new ClockTrustWatch({ clock, source: 'auto', host });
    expect(watch.trust).toBe('rtc_only');
    await watch.start();
    expect(watch.trust).toBe('rtc_only');
    host.files.add('/run/systemd/timesync/synchronized');
    await clock.advanceTo(MINUTE - 1);
    expect(watch.trust).toBe('rtc_only');
    await clock.advanceTo(MINUTE);
    expect(watch.trust).toBe('synchronised');
    watch.stop();
    host.files.delete('/run/systemd/timesync/synchronized');
    await clock.advanceTo(10 * MINUTE);
    expect(watch.trust).toBe('synchronised');
  });

  it('asks timedatectl at the start and every tenth minute only', async () => {
    const clock = new VirtualClock(0);
    const host = hostWith([], { timedatectl: 'no\n' });
    const watch = new ClockTrustWatch({ clock, source: 'auto', host });
    await watch.start();
    host.prints = { timedatectl: 'yes\n' };
    await clock.advanceTo(9 * MINUTE);
    expect([host.ran.length, watch.trust]).toEqual([1, 'unknown']);
    await clock.advanceTo(10 * MINUTE);
    expect([host.ran.length, watch.trust]).toEqual([2, 'synchronised']);
    watch.stop();
  });

  it('trusts the host unasked when told to, and asks again when that is taken back', async () => {
    const clock = new VirtualClock(0);
    const host = hostWith(['/dev/rtc0']);
    const watch = new ClockTrustWatch({ clock, source: 'host', host });
    await watch.start();
    expect([watch.trust, host.ran]).toEqual(['synchronised', []]);
    watch.setSource('auto');
    expect(watch.trust).toBe('rtc_only');
    await clock.advanceTo(MINUTE);
    expect(host.ran).toEqual(['timedatectl']);
    watch.stop();
  });
});
