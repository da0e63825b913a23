import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AgentError } from '../../errors.ts';
import { bringIntoForce, type Finish, nextSteps } from './finish.ts';
import { Script } from './script.fixture.ts';

const PATH = '/etc/footfall/footfall.yaml';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'finish-'));
});
afterEach(() => rmSync(root, { recursive: true }));

async function finish(parts: Partial<Finish>) {
  const said: string[] = [];
  const request = async () => {
    throw new AgentError('daemon_not_running', 'no daemon');
  };
  const say = (line: string) => void said.push(line);
  const state = await bringIntoForce({ path: PATH, socket: '/s', asker: null, say, request, root, ...parts });
  return { state, said: said.join('\n') };
}

describe('bringIntoForce', () => {
  it('names the unit only where systemd runs, has it, and it reads this file', async () => {
    expect((await finish({})).said).toContain('Start it: footfall run --settings /etc/footfall/footfall.yaml');
    for (const folder of ['run/systemd/system', 'usr/lib/systemd/system'])
      mkdirSync(join(root, folder), { recursive: true });
    expect((await finish({})).said).toContain('footfall run');
    writeFileSync(join(root, 'usr/lib/systemd/system/footfall.service'), '');
    expect((await finish({})).said).toContain('sudo systemctl enable --now footfall');
    expect((await finish({ path: '/home/me/shop.yaml' })).said).toContain('footfall run --settings /home/me/shop.yaml');
  });

  it('asks before it reloads, and says what that came to', async () => {
    const request: Finish['request'] = async (_socket, method) => (method === 'GET' ? { v: 1 } : { state: 'current' });
    expect(await finish({ request })).toEqual({ state: 'reloaded', said: 'The daemon has read the new settings.' });
    const no = new Script([['The daemon is running', false]]);
    expect(await finish({ request, asker: no })).toMatchObject({ state: 'not_reloaded' });
    const last: Finish['request'] = async (_socket, method) => (method === 'GET' ? { v: 1 } : { state: 'last_good' });
    expect((await finish({ request: last })).said).toContain('could not use the new settings');
  });

  it('tells what keeps it from the daemon', async () => {
    const denied: Finish['request'] = async () => {
      throw new AgentError('socket_denied', 'this user may not open /s', 'Join the group.');
    };
    const { state, said } = await finish({ request: denied });
    expect(state).toBe('not_reloaded');
    expect(said).toBe('The daemon was not reloaded: this user may not open /s. Join the group.');
  });

  it('names the file in the next steps where the verbs would not find it', () => {
    expect(nextSteps(PATH, true).join()).not.toContain('--settings');
    expect(nextSteps('/home/me/shop.yaml', false).join()).toContain('footfall status --settings /home/me/shop.yaml');
  });

  it('says how the radios are started, by systemd where it starts the daemon', () => {
    expect(nextSteps(PATH, true, [], root).join()).not.toContain('radio');
    expect(nextSteps(PATH, true, ['hall', 'front'], root).join()).toContain(
      `footfall run --settings ${PATH} --start-radios`,
    );
    for (const folder of ['run/systemd/system', 'usr/lib/systemd/system'])
      mkdirSync(join(root, folder), { recursive: true });
    writeFileSync(join(root, 'usr/lib/systemd/system/footfall.service'), '');
    expect(nextSteps(PATH, true, ['hall', 'front'], root).join()).toContain(
      'sudo systemctl enable --now footfall-radio@hall footfall-radio@front',
    );
  });
});
