import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Child, findProgram, until } from '../../test/support/processes.ts';
import { loadSettings } from '../settings/load.ts';
import { DRIVER_KEYS, DRIVER_NAMES } from '../settings/sensor-drivers.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const SOCAT = findProgram('socat');
const NOBODY = 65_534;
const FLAGS = [
  ...['--tenant', 'acme', '--gateway', 'gw', '--store', 'shop', '--time-zone', 'UTC', '--hours', 'daily=24h'],
  ...['--sensor', 'id=a,driver=wifi-lines,port=/dev/a,zone=shop'],
];

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'setup-'));
  path = join(directory, 'footfall.yaml');
});
afterEach(() => rmSync(directory, { recursive: true }));

function run(words: string[], options: { uid?: number } = {}) {
  return new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    const child = spawn(process.execPath, [MAIN, 'setup', '--settings', path, ...words], {
      ...options,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [out, err] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    child.once('close', (code) => resolve({ code, out, err }));
  });
}

describe('footfall setup', () => {
  it('tells every driver and key in its help', async () => {
    const { out } = await run(['--help']);
    const told = out.slice(out.indexOf('Keys of --sensor'), out.indexOf('Exit codes'));
    expect([...DRIVER_NAMES, ...DRIVER_KEYS].filter((word) => !new RegExp(`\\b${word}\\b`).test(told))).toEqual([]);
  });

  it('writes settings by flags alone, and says what is next', async () => {
    const { code, out, err } = await run([...FLAGS, '--runtime-directory', directory, '--no-broker', '--yes']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain(`Written: ${path}\nNo daemon is running. Start it: footfall run --settings ${path}\n`);
    expect(out).toContain(`footfall status --settings ${path}`);
    expect(loadSettings(path)).toMatchObject({ tenant: 'acme', sensors: [{ id: 'a', place: 'shop' }] });
  });

  it('ends with 64 and the missing flags where nobody can be asked', async () => {
    const { code, out, err } = await run(FLAGS.slice(2));
    expect({ code, out }).toEqual({ code: 64, out: '' });
    expect(err).toContain('missing: --tenant, --broker or --no-broker\n');
    expect(existsSync(path)).toBe(false);
  });

  it('ends with 2 when the broker does not answer, and keeps JSON apart from the rest', async () => {
    const words = [...FLAGS, '--runtime-directory', directory, '--broker', 'mqtt://127.0.0.1:1', '--yes', '--json'];
    const { code, out, err } = await run(words);
    expect(code).toBe(2);
    expect(JSON.parse(out)).toMatchObject({ path, written: true, broker: { reached: false }, daemon: 'not_running' });
    expect(err).toContain('connection refused');
    const strict = await run(['--gateway', 'other', '--require-broker', '--yes']);
    expect(strict).toMatchObject({ code: 1 });
    expect(loadSettings(path).gateway).toBe('gw');
    expect(await run(['--no-test', '--require-broker', '--yes'])).toMatchObject({ code: 64, out: '' });
  });

  it('tells a user who may not write there to use sudo', async () => {
    const root = process.getuid?.() === 0;
    chmodSync(directory, root ? 0o755 : 0o555);
    const { code, out, err } = await run([...FLAGS, '--no-broker', '--yes'], root ? { uid: NOBODY } : {});
    chmodSync(directory, 0o755);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain(`expected to write ${path}, found that this user may not`);
    expect(err).toContain('sudo footfall setup');
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe.skipIf(SOCAT === null)('footfall setup at a terminal (needs socat)', () => {
  const PASSWORD = 'correct-horse-battery';
  let terminal: Terminal;

  /** The command on a pty of its own, as a person has it. */
  class Terminal {
    readonly child: Child;
    #seen = 0;

    constructor(words: string[]) {
      // By way of the environment: a comma would end the address.
      const env = {
        ...process.env,
        COMMAND: [process.execPath, MAIN, 'setup', '--settings', path, ...words].join(' '),
      };
      const address = 'SYSTEM:$COMMAND; echo code $?,pty,setsid,ctty,stderr';
      this.child = new Child('setup', SOCAT ?? '', ['-t1', '-', address], { env });
    }

    /** Waits for a question that was not there yet, and answers it. */
    async answer(question: string, keys: string): Promise<void> {
      await until(`the question "${question}"`, () => {
        const at = this.child.output.indexOf(question, this.#seen);
        if (at < 0) return false;
        this.#seen = at + question.length;
        return true;
      });
      this.child.process.stdin?.write(keys);
    }
  }

  afterEach(() => terminal.child.end('SIGKILL'));

  it('asks what the flags leave open, hides the password, and writes', async () => {
    terminal = new Terminal([...FLAGS, '--no-test', '--runtime-directory', directory]);
    await terminal.answer('Send the figures', '\r');
    await terminal.answer('Its address', 'mqtts://broker.example\r');
    await terminal.answer('User name', 'shop\r');
    await terminal.answer('Password', `${PASSWORD}\r`);
    await terminal.answer('certificate', '\r');
    await terminal.answer('What should be changed', '\r');
    await terminal.answer('Write ', '\r');
    await terminal.child.ended;
    expect(terminal.child.output).toContain(`Written: ${path}`);
    const secret = join(directory, 'broker-password');
    expect(loadSettings(path).uplink).toMatchObject({ username: 'shop', passwordFile: secret });
    expect(readFileSync(secret, 'utf8')).toBe(`${PASSWORD}\n`);
    for (const text of [terminal.child.output, readFileSync(path, 'utf8')]) expect(text).not.toContain(PASSWORD);
  });

  it.each([
    ['Ctrl-C', '\u0003'],
    ['Ctrl-D', '\u0004'],
  ])('leaves nothing behind at %s', async (_name, key) => {
    terminal = new Terminal(['--tenant', 'acme']);
    await terminal.answer('Whose gateway', '\r');
    await terminal.answer('Name of this gateway', key);
    await terminal.child.ended;
    expect(terminal.child.output).toMatch(/Ended: nothing was written\.\s+code 130\s/);
    expect(readdirSync(directory)).toEqual([]);
  });
});
