import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { findingsOf, only, type Preparation } from './machine.testing.ts';

const MEMORY = (availableKb: number) => ({
  '/proc/meminfo': `MemTotal:  1000000 kB\nMemAvailable:  ${availableKb} kB\n`,
});
const UNIT = (lines: string) => ({ 'systemctl show': { out: `LoadState=loaded\n${lines}\n` } });

const check = async (name: string, prepared: Preparation) => only(await findingsOf('program', prepared), name);

describe('the program', () => {
  it('runs on the Node that package.json asks for, and no other', async () => {
    const { engines } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(engines.node).toBe('>=24.21.0 <25');
    for (const [nodeVersion, outcome] of [
      ['24.21.0', 'ok'],
      ['24.22.3', 'ok'],
      ['24.20.9', 'error'],
      ['20.19.0', 'error'],
      ['25.0.0', 'error'],
    ]) {
      expect(await check('node', { machine: { nodeVersion } })).toMatchObject({ outcome });
    }
  });

  it('needs native modules that load', async () => {
    const deps = {
      loadModule: async (name: string) =>
        name === 'serialport' ? { loads: false as const, reason: 'loading it crashes Node' } : { loads: true as const },
    };
    const findings = await findingsOf('program', { deps });
    expect(only(findings, 'native_module', 'better-sqlite3')?.outcome).toBe('ok');
    expect(only(findings, 'native_module', 'serialport')).toMatchObject({
      outcome: 'error',
      found: 'loading it crashes Node',
    });
  });

  it('needs memory, and is made for two architectures', async () => {
    expect(await check('memory', { files: MEMORY(500_000) })).toMatchObject({ outcome: 'ok' });
    expect(await check('memory', { files: MEMORY(80_000) })).toMatchObject({ outcome: 'warning' });
    expect(await check('memory', { files: MEMORY(20_000) })).toMatchObject({
      outcome: 'error',
      found: '20 MiB available of 977 MiB',
    });
    expect(await check('memory', {})).toMatchObject({ outcome: 'skipped' });
    expect(await check('release', {})).toMatchObject({ outcome: 'ok' });
    expect(await check('release', { machine: { architecture: 'riscv64' } })).toMatchObject({ outcome: 'warning' });
  });

  it('tells who runs it, with its groups', async () => {
    const files = { '/etc/passwd': 'tech:x:1000:1000::/:/bin/sh\n', '/etc/group': 'dialout:x:20:\ntech:x:1000:\n' };
    const machine = { user: { uid: 1000, gids: [1000, 20] } };
    expect(await check('user', { files, machine })).toMatchObject({ found: 'tech (groups tech, dialout)' });
  });
});

describe('the unit', () => {
  it.each([
    ['ActiveState=active\nUnitFileState=enabled', 'ok', 'active, enabled'],
    ['ActiveState=active\nUnitFileState=enabled\nNRestarts=1', 'ok', 'active, enabled, 1 restart'],
    [
      'ActiveState=active\nUnitFileState=enabled\nNRestarts=7',
      'warning',
      'active, enabled, 7 restarts since it was started',
    ],
    ['ActiveState=active\nUnitFileState=disabled', 'warning', 'active, disabled: it will not start after a power cut'],
    ['ActiveState=failed\nResult=watchdog\nUnitFileState=enabled', 'error', 'failed (watchdog)'],
  ])('%j is %s', async (lines, outcome, found) => {
    expect(await check('service', { programs: UNIT(lines) })).toMatchObject({ outcome, found });
  });

  it('is missed where systemd runs without it, and not elsewhere', async () => {
    const programs = { 'systemctl show': { out: 'LoadState=not-found\nActiveState=inactive\n' } };
    expect(await check('service', { programs })).toMatchObject({ outcome: 'warning' });
    expect(await check('service', {})).toMatchObject({ outcome: 'skipped' });
    const offline = { 'systemctl show': { code: 1, err: 'System has not been booted with systemd' } };
    expect(await check('service', { programs: offline })).toMatchObject({ outcome: 'skipped' });
  });
});
