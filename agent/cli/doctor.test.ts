import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Pty, SOCAT } from '../../test/support/pty.ts';
import { CHAPTERS, type Finding } from '../doctor/finding.ts';
import { startLocalServer } from '../local/server.ts';
import { VERSION } from '../version.ts';
import { well } from './view/samples.fixture.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'doctor-'));
  mkdirSync(join(directory, 'store'), { mode: 0o700 });
});
afterEach(() => rmSync(directory, { recursive: true }));

function settings(port: string, more = ''): string {
  const path = join(directory, 'footfall.yaml');
  const text = `tenant: acme
gateway: gw
store: { id: shop, time_zone: UTC, hours: { daily: 24h } }
sensors: [{ id: front, driver: wifi-lines, port: ${port}, zone: shop }]
storage: { directory: ${join(directory, 'store')} }
runtime_directory: ${directory}
${more}`;
  writeFileSync(path, text, { mode: 0o640 });
  return path;
}

function start(words: string[]) {
  const child = spawn(process.execPath, [MAIN, 'doctor', ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    err += text;
  });
  const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, out, err }));
  });
  return { child, ended, out: () => out };
}

async function examine(words: string[]): Promise<{ code: number | null; findings: Finding[] }> {
  const { code, out, err } = await start([...words, '--json']).ended;
  expect(err).toBe('');
  const document = JSON.parse(out);
  const count = (outcome: string) => document.findings.filter((each: Finding) => each.outcome === outcome).length;
  expect(document).toMatchObject({ v: 1, version: VERSION, errors: count('error'), warnings: count('warning') });
  return { code, findings: document.findings };
}

const of = (findings: Finding[], check: string) => findings.find((each) => each.check === check);

describe('footfall doctor', () => {
  it('goes through every chapter of a real machine without a daemon, and ends with 2', async () => {
    const { code, findings } = await examine(['-s', settings('/dev/footfall-absent')]);
    expect(code).toBe(2);
    expect([...new Set(findings.map(({ chapter }) => chapter))]).toEqual(CHAPTERS);
    expect(of(findings, 'not_examined')).toBeUndefined();
    expect(of(findings, 'node')).toMatchObject({ outcome: 'ok', found: process.versions.node });
    for (const name of ['better-sqlite3', 'serialport']) {
      const loaded = findings.find(({ check, subject }) => check === 'native_module' && subject === name);
      expect(loaded).toMatchObject({ outcome: 'ok' });
    }
    expect(of(findings, 'settings_file')).toMatchObject({ outcome: 'ok' });
    expect(of(findings, 'daemon_not_running')).toMatchObject({ outcome: 'error' });
    expect(of(findings, 'port')).toMatchObject({ outcome: 'error', subject: 'front' });
    expect(of(findings, 'sync_time')?.found).toMatch(/ms in the middle/);
    // What was written to measure the disk is gone again.
    expect(readdirSync(join(directory, 'store'))).toEqual([]);
  });

  it('goes on where the settings are broken', async () => {
    const { code, findings } = await examine(['-s', settings('/dev/x', 'uplik: {}\n'), '--offline']);
    expect(code).toBe(2);
    expect(of(findings, 'settings_mistake')?.found).toMatch(/^7:1: .*unknown key "uplik"/);
    expect([...new Set(findings.map(({ chapter }) => chapter))]).toEqual(CHAPTERS);
  });

  it.skipIf(SOCAT === null)('sees who has a port open', async () => {
    const line = await Pty.open(join(directory, 'line'));
    try {
      const { findings } = await examine(['-s', settings(line.path), '--only', 'sensors']);
      expect(of(findings, 'port')).toMatchObject({ outcome: 'ok', subject: 'front' });
      // This process holds the pty, beside socat.
      const holders = findings.filter(({ check, outcome }) => check === 'port_holder' && outcome === 'error');
      expect(holders.map(({ found }) => found).join()).toContain(`(pid ${process.pid}) has it open`);
    } finally {
      await line.close();
    }
  });

  it('agrees with a daemon that answers', async () => {
    const path = join(directory, 'footfall.sock');
    const server = await startLocalServer({ path, routes: { status: () => ({ ...well, version: VERSION }) } });
    try {
      const { code, findings } = await examine(['--socket', path, '--only', 'daemon']);
      expect({ code, checks: findings.map(({ check }) => check) }).toEqual({
        code: 0,
        checks: ['daemon_answers', 'daemon_version', 'verdict'],
      });
    } finally {
      await server.stop();
    }
  });

  it('finds a database that is none', async () => {
    writeFileSync(
      join(directory, 'store', 'footfall.db'),
      'not a database at all, but long enough to look at'.repeat(20),
    );
    const { code, findings } = await examine(['-s', settings('/dev/x'), '--only', 'storage']);
    expect(code).toBe(2);
    expect(findings.find(({ check }) => check.startsWith('database'))).toMatchObject({ outcome: 'error' });
  });

  it('prints a report for people, without colour in a pipe and without progress', async () => {
    const file = settings('/dev/footfall-absent');
    chmodSync(file, 0o644);
    const { out, err } = await start(['-s', file, '--only', 'settings', 'sensors']).ended;
    expect(err).toBe('');
    expect(out).toMatch(/^SETTINGS\n {2}✓ .*\n[\s\S]*\n\nSENSORS\n[\s\S]*\n\n1 error, 1 warning; \d+ checks? well/);
    expect(out).not.toContain('\u001b');
  });

  it('refuses a chapter that there is not', async () => {
    const { code, err } = await start(['--only', 'coffee']).ended;
    expect(code).toBe(64);
    expect(err).toContain('program, settings, daemon');
  });

  it('ends at once when it is interrupted, and waits no longer than its limit for a daemon that hangs', async () => {
    const path = join(directory, 'footfall.sock');
    const asked: (() => void)[] = [];
    const silent = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.resume();
      asked.shift()?.();
    });
    await new Promise<void>((resolve) => silent.listen(path, resolve));
    const connected = new Promise<void>((resolve) => asked.push(resolve));
    const interrupted = start(['--socket', path, '--only', 'daemon', 'network']);
    await connected;
    interrupted.child.kill('SIGINT');
    expect(await interrupted.ended).toEqual({ code: 130, out: '', err: '' });
    const { code, findings } = await examine(['--socket', path, '--only', 'daemon', 'network']);
    expect(code).toBe(2);
    expect(of(findings, 'daemon_silent')).toMatchObject({ outcome: 'error' });
    expect(of(findings, 'default_route')).toBeDefined();
    await new Promise((resolve) => silent.close(resolve));
  });
});
