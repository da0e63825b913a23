import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readClockTrust } from '../../agent/platform/clock-trust.ts';
import { type BoxSettings, LiveBox, needsTmpfs, TEST_PATIENCE } from '../support/live-box.ts';
import { Pty, SOCAT } from '../support/pty.ts';
import { expectTold, findingOf } from '../support/told.ts';

const missing = (SOCAT === null ? 'needs socat' : null) ?? needsTmpfs;
const suffix = missing === null ? '' : ` (${missing})`;

describe.skipIf(missing !== null).concurrent(`a sensor or a clock that fails, for real${suffix}`, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'footfall-sensors-'));
  const boxes: LiveBox[] = [];
  const ptys: Pty[] = [];

  afterAll(async () => {
    for (const box of boxes) await box.close();
    for (const pty of ptys) await pty.close();
    rmSync(scratch, { recursive: true, force: true });
  });

  function boxNamed(name: string, settings: BoxSettings = {}): LiveBox {
    const box = new LiveBox(join(scratch, name), settings);
    boxes.push(box);
    return box;
  }

  it('none: status and doctor find nothing wrong with a box that is well', { timeout: TEST_PATIENCE }, async () => {
    const box = boxNamed('well');
    await box.startWell();
    await box.pass(4);
    await box.when('four counted', ({ today }) => today.entries === 4);
    const [status, { findings }] = await Promise.all([box.status(), box.doctor()]);
    expect(status.code).toBe(0);
    expect(status.words).toContain('COUNTING');
    expect(status.document).toMatchObject({ verdict: { state: 'counting', reasons: [] }, today: { entries: 4 } });
    const chapters = ['settings', 'daemon', 'broker'];
    const wrong = findings.filter(({ outcome }) => outcome === 'error' || outcome === 'warning');
    expect(wrong.filter(({ chapter }) => chapters.includes(chapter))).toEqual([]);
    expect(findingOf(findings, 'verdict')).toMatchObject({ outcome: 'ok' });
    // The programs that play the sensor hold its pty: the one fault of its port.
    const ofPort = wrong.filter(({ chapter }) => chapter === 'sensors').map(({ check }) => check);
    expect([...new Set(ofPort)]).toEqual(['port_holder']);
  });

  it('the only sensor unplugged', { timeout: TEST_PATIENCE }, async () => {
    const box = boxNamed('unplugged');
    await box.startWell();
    await box.unplug();
    await box.when('its absence', ({ sensors: [{ detail }] }) => detail?.includes('not plugged in') ?? false);
    await expectTold(box, {
      reason: 'sensor_down',
      subject: 'entrance',
      exit: 2,
      screen: ['NOT COUNTING', `Check the plug and the cable of ${box.doorPath}`],
      finding: { check: 'port', outcome: 'error', mend: 'Plug the sensor in' },
    });
    await box.plugIn();
    await box.whenWell();
    await box.pass(3);
    await box.when('three counted', ({ today }) => today.entries === 3);
  });

  it('one of two sensors unplugged: the box is degraded and counts on', { timeout: TEST_PATIENCE }, async () => {
    const path = join(scratch, 'radio');
    ptys.push(await Pty.open(path));
    const radio = `{ id: window, driver: wifi-lines, port: ${path}, zone: shop }`;
    const box = boxNamed('one-of-two', { moreSensors: [radio] });
    await box.startWell();
    await box.unplug();
    await box.when('its absence', ({ sensors: [{ detail }] }) => detail?.includes('not plugged in') ?? false);
    await expectTold(box, {
      reason: 'sensor_down',
      subject: 'entrance',
      exit: 1,
      screen: ['DEGRADED', `Check the plug and the cable of ${box.doorPath}`],
      finding: { check: 'port', outcome: 'error', mend: 'Plug the sensor in' },
    });
    await box.plugIn();
    await box.whenWell();
  });

  it('a sensor that falls silent', { timeout: TEST_PATIENCE }, async () => {
    const box = boxNamed('silent', { silentMinutes: 1 });
    await box.startWell();
    await box.whenReason('sensor_silent');
    await expectTold(box, {
      reason: 'sensor_silent',
      subject: 'entrance',
      exit: 1,
      screen: ['the line is open, but no valid frame came', 'Check the power of the sensor, and driver and baud'],
    });
    await box.pass(2);
    await box.when('heard again', ({ verdict, today }) => verdict.state === 'counting' && today.entries === 2);
  });

  it('a clock that nobody keeps', { timeout: TEST_PATIENCE }, async ({ skip }) => {
    skip((await readClockTrust()) === 'synchronised', "this machine's clock is synchronised");
    const box = boxNamed('clock', { clock: 'auto' });
    await box.start();
    await box.whenReason('clock_unsynchronised');
    await expectTold(box, {
      reason: 'clock_unsynchronised',
      exit: 1,
      screen: ['The clock is not synchronised', 'timedatectl set-ntp true'],
      finding: { check: 'clock_trust', outcome: 'warning', mend: 'clock: { source: host }' },
    });
    box.settings = { clock: 'host' };
    box.write();
    expect(await box.reload()).toMatchObject({ code: 0, words: expect.stringContaining('clock.source') as string });
    await box.whenWell();
    const { findings } = await box.doctor();
    expect(findingOf(findings, 'clock_trust')).toMatchObject({ outcome: 'ok' });
  });
});
