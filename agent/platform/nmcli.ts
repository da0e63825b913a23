/** Runs nmcli(1), NetworkManager's command, and reads what it prints. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AgentError } from '../errors.ts';

export interface NmcliResult {
  code: number | null;
  out: string;
  err: string;
}

const LIST_LIMIT_MS = 30_000;
/** A file system in memory, shm_overview(7). */
const MEMORY = '/dev/shm';
/** nmcli translates its words, and in the C locale replaces every character of a name beyond ASCII. */
export const LOCALE = { LC_ALL: 'C.UTF-8', LANGUAGE: '' };

interface RunOptions {
  limitMs?: number;
  /** What it finds in its standard input, a file that has no name any more. */
  input?: string;
}

/** @throws AgentError `nmcli_missing` or `wifi_silent`; a failure of its own is in the result. */
export function nmcli(
  words: readonly string[],
  { limitMs = LIST_LIMIT_MS, input }: RunOptions = {},
): Promise<NmcliResult> {
  const file = input === undefined ? null : namelessFile(input);
  return new Promise<NmcliResult>((resolve, reject) => {
    const env = { ...process.env, ...LOCALE };
    const child = spawn('nmcli', words, {
      env,
      timeout: limitMs,
      killSignal: 'SIGKILL',
      stdio: [file ?? 'ignore', 'pipe', 'pipe'],
    });
    const result: NmcliResult = { code: null, out: '', err: '' };
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      result.out += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      result.err += text;
    });
    child.once('error', (error: NodeJS.ErrnoException) => reject(error.code === 'ENOENT' ? missing() : error));
    child.once('close', (code) => (code === null ? reject(silent(limitMs)) : resolve({ ...result, code })));
  }).finally(() => {
    if (file !== null) closeSync(file);
  });
}

/** A descriptor of a file in memory that nobody else can open: its name is gone before it holds anything. */
function namelessFile(content: string): number {
  const path = join(existsSync(MEMORY) ? MEMORY : tmpdir(), `footfall-${randomUUID()}`);
  const file = openSync(path, 'wx+', 0o600);
  unlinkSync(path);
  writeSync(file, content);
  return file;
}

/** Rows of `nmcli -t -e yes`: fields parted by colons; a colon or backslash in one has a backslash before it. */
export function rowsOf(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const fields = [''];
      for (let i = 0; i < line.length; i++) {
        if (line[i] === ':') fields.push('');
        else fields[fields.length - 1] += line[i] === '\\' ? (line[++i] ?? '') : line[i];
      }
      return fields;
    });
}

function missing(): AgentError {
  return new AgentError(
    'nmcli_missing',
    'expected the program nmcli, found none',
    "Install it: sudo apt install network-manager. Or this box's network is configured by other means.",
  );
}

function silent(limitMs: number): AgentError {
  const hint = 'The log says more: journalctl -u NetworkManager';
  return new AgentError('wifi_silent', `nmcli gave no answer within ${limitMs / 1_000} s`, hint);
}
