import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ReloadOutcome, StatusDocument } from '../local/document.ts';
import { type LocalServer, startLocalServer } from '../local/server.ts';
import { keepLastGood, loadEffective } from '../settings/effective.ts';
import { openShop, type Shop } from '../settings/shop.fixture.ts';
import { register } from './reload.ts';
import { runVerb } from './verb.fixture.ts';
import { well } from './view/samples.fixture.ts';

const NOTHING: ReloadOutcome = { state: 'current', applied: [], restart: [], mistakes: [], notes: [] };

let shop: Shop;
let server: LocalServer | undefined;
let asked: number;
beforeEach(() => {
  shop = openShop();
  asked = 0;
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
  shop.remove();
});

/** A daemon that answers so, and that runs with the shop's settings. */
async function serve(answer: unknown, status: Partial<StatusDocument> = {}): Promise<string> {
  const path = join(shop.directory, 'footfall.sock');
  const settings = { ...well.settings, path: shop.path };
  const reload = async () => {
    asked++;
    return answer;
  };
  server = await startLocalServer({ path, routes: { status: () => ({ ...well, settings, ...status }), reload } });
  return path;
}

const reload = (...words: string[]) => runVerb(register, ['reload', ...words]);

describe('footfall reload', () => {
  it.each<[string, Partial<ReloadOutcome>, number, string]>([
    ['nothing changed', {}, 0, 'nothing changed: the daemon runs with these settings already\n'],
    ['keys in force', { applied: ['log.level', 'sensors.front'] }, 0, 'in force now:\n  log.level\n  sensors.front\n'],
    [
      'keys that wait',
      { state: 'restart_needed', applied: ['log.level'], restart: ['tenant'] },
      2,
      'in force now:\n  log.level\nwaiting for a restart (systemctl restart footfall):\n  tenant\n',
    ],
    [
      'a layer left out',
      { notes: ['remote revision r1 is left out: why'] },
      0,
      'note: remote revision r1 is left out: why\nnothing changed: the daemon runs with these settings already\n',
    ],
    [
      'a file broken meanwhile',
      { state: 'last_good', mistakes: ['f.yaml:1:1: a', 'f.yaml:2:1: b'] },
      1,
      'f.yaml:1:1: a\nf.yaml:2:1: b\n2 mistakes: the daemon goes on with the settings it has\n',
    ],
  ])('tells of %s', async (_, answer, code, out) => {
    await serve({ ...NOTHING, ...answer });
    expect(await reload('--settings', shop.path)).toEqual({ code, out, err: '' });
    expect(JSON.parse((await reload('--settings', shop.path, '--json')).out)).toEqual({ ...NOTHING, ...answer });
    expect(asked).toBe(2);
  });

  it('finds the daemon by a socket, and by a file that is broken where a good copy of it is kept', async () => {
    const socket = await serve({ ...NOTHING, applied: ['log.level'] });
    expect(await reload('--socket', socket)).toMatchObject({ code: 0, out: 'in force now:\n  log.level\n' });
    keepLastGood(loadEffective({ path: shop.path, nowMs: 0, environment: {} }), {});
    shop.edit('tenant: acme', 'tenant: ACME');
    expect(await reload('--settings', shop.path)).toMatchObject({ code: 0 });
    expect(asked).toBe(2);
  });

  it('ends with 3 when nobody answers, or not as a daemon of this release does', async () => {
    for (const words of [
      ['--settings', shop.path],
      ['--socket', join(shop.directory, 'none.sock')],
    ]) {
      const { code, out, err } = await reload(...words);
      expect({ code, out }).toEqual({ code: 3, out: '' });
      expect(err).toContain('no daemon on');
    }
    await serve({ changed: [] });
    expect(await reload('--settings', shop.path)).toMatchObject({ code: 3, out: '' });
  });
});
