import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { LastKnown } from '../../agent/local/last-known.ts';
import { LiveBox, needsTmpfs, oneLine, TEST_PATIENCE } from '../support/live-box.ts';
import { until } from '../support/processes.ts';
import { SOCAT } from '../support/pty.ts';
import { footfall } from '../support/shop.ts';
import { type Cause, expectTold, findingOf } from '../support/told.ts';

const missing = (SOCAT === null ? 'needs socat' : null) ?? needsTmpfs;
const suffix = missing === null ? '' : ` (${missing})`;

describe.skipIf(missing !== null)(`a settings file that is broken, for real${suffix}`, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'footfall-settings-'));
  const boxes: LiveBox[] = [];

  afterAll(async () => {
    for (const box of boxes) await box.close();
    rmSync(scratch, { recursive: true, force: true });
  });

  function boxNamed(name: string): LiveBox {
    const box = new LiveBox(join(scratch, name));
    boxes.push(box);
    return box;
  }

  /** Two mistakes, and where they are: `file:line:column:`. */
  function spoil(box: LiveBox): string[] {
    const text = box.text().replace('tenant: lab', 'tenant: LAB').replace('window_minutes: 1,', 'window_minutes: 7,');
    box.write(text);
    return ['tenant: ', 'window_minutes: '].map((key) => {
      const before = text.slice(0, text.indexOf(key) + key.length).split('\n');
      return `${box.settingsPath}:${before.length}:${(before.at(-1) ?? '').length + 1}:`;
    });
  }

  it('under a running daemon, and at its next start', { timeout: TEST_PATIENCE }, async () => {
    const box = boxNamed('running');
    await box.startWell();
    await box.pass(2);
    await box.when('all durable', ({ today, buffer }) => today.entries === 2 && buffer.uncommitted === 0);
    const places = spoil(box);
    const told: Cause = {
      reason: 'settings_broken',
      exit: 1,
      screen: [
        `The settings file is broken, the last good settings are in use: ${places[0]}`,
        '(and 1 more)',
        `Correct ${box.settingsPath}, see footfall config check, then: footfall reload`,
      ],
      finding: { check: 'settings_in_use', outcome: 'warning', mend: 'Correct the file, then: footfall reload' },
    };

    const refused = await box.reload();
    expect(refused.code).toBe(1);
    for (const place of places) expect(refused.words).toContain(place);
    expect(refused.words).toContain('2 mistakes: the daemon goes on with the settings it has');
    await box.whenReason('settings_broken');
    await expectTold(box, told);
    const { findings } = await box.doctor();
    const mistakes = findings.filter(({ check }) => check === 'settings_mistake');
    expect(mistakes.map(({ outcome }) => outcome)).toEqual(['error', 'error']);
    for (const [index, { subject, found }] of mistakes.entries()) {
      expect(`${subject}:${found}`).toMatch(new RegExp(`^${places[index]} at `));
    }

    await box.daemon?.end('SIGKILL');
    await box.start();
    await box.whenReason('settings_broken');
    await expectTold(box, told);
    const { settings, today } = (await box.status()).document;
    expect(settings).toMatchObject({ path: box.settingsPath, state: 'last_good' });
    expect(settings.mistakes).toHaveLength(2);
    expect(today.entries).toBe(2);

    box.write();
    expect(await box.reload()).toMatchObject({ code: 0 });
    await box.whenWell();
    await box.pass(1);
    await box.when('counting on', ({ today }) => today.entries === 3);
  });

  it('at the first start ever', { timeout: TEST_PATIENCE }, async () => {
    const box = boxNamed('first');
    const places = spoil(box);
    const run = box.run();
    expect(await run.ended).toEqual({ code: 1, signal: null });
    await until('its last words', () => run.output.includes('hint: '));
    for (const place of places) expect(run.output).toContain(place);
    expect(existsSync(box.storage)).toBe(false);

    const [screen, json, { findings }] = await Promise.all([
      footfall('status', '--settings', box.settingsPath),
      footfall('status', '--json', '--settings', box.settingsPath),
      box.doctor(),
    ]);
    expect([screen.code, json.code]).toEqual([3, 3]);
    const words = oneLine(screen.output);
    expect(words).toContain('FIRST START: nothing has run here yet');
    expect(words).toContain(`${box.settingsPath} cannot be used`);
    for (const place of places) expect(words).toContain(place);
    expect(words).toContain(`Correct these 2 places, then try: footfall config check ${box.settingsPath}`);
    const document = JSON.parse(json.output) as LastKnown & { running: boolean; settings: { error: { code: string } } };
    expect(document).toMatchObject({ running: false, end: null, settings: { error: { code: 'settings_invalid' } } });
    expect(findings.filter(({ check }) => check === 'settings_mistake')).toHaveLength(2);
    expect(findingOf(findings, 'settings_in_use')).toMatchObject({
      outcome: 'error',
      found: expect.stringContaining('cannot start') as string,
      mend: expect.stringContaining('Correct the file') as string,
    });

    box.write();
    await box.start();
    await box.whenWell();
  });
});
