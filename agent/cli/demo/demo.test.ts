import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Summary } from './summary.ts';

const MAIN = fileURLToPath(new URL('../../main.ts', import.meta.url));

function demo(...words: string[]) {
  const child = spawn(process.execPath, [MAIN, 'demo', ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, out, err }));
  });
  return { child, ended };
}

/** The scratch directory of that very process: where it holds a database open; null before. */
function scratchOf(pid: number): string | null {
  try {
    for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
      const found = /^(.*\/footfall-demo-[^/]+)\/data\//.exec(readlinkSync(`/proc/${pid}/fd/${descriptor}`));
      if (found !== null) return found[1];
    }
  } catch {
    // A descriptor, or the process, went away while it was looked at.
  }
  return null;
}

describe('footfall demo', () => {
  it('loses nothing and counts what was simulated', async () => {
    const { code, out, err } = await demo('--for', '3', '--speed', '3000', '--json').ended;
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const { batches, entering, passing } = JSON.parse(out) as Summary;
    expect(batches.lost).toBe(0);
    expect(batches.sealed).toBeGreaterThan(0);
    expect(batches.stored).toBe(batches.sealed);
    expect(batches.acknowledged).toBe(batches.sealed);
    expect(passing.simulated).toBeGreaterThan(entering.simulated);
    expect(Math.abs(entering.counted - entering.simulated)).toBeLessThanOrEqual(0.15 * entering.simulated);
  });

  it('leaves nothing behind when it is stopped by Ctrl-C', async (context) => {
    if (!existsSync('/proc/self/fd')) context.skip('no /proc on this system');
    const { child, ended } = demo('--for', '60', '--speed', '600', '--json');
    let scratch: string | null = null;
    while (scratch === null && child.exitCode === null) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      scratch = scratchOf(child.pid ?? 0);
    }
    expect(scratch).not.toBeNull();
    // In the middle: it has begun to count.
    await new Promise((resolve) => setTimeout(resolve, 500));
    child.kill('SIGINT');
    const { code, out, err } = await ended;
    expect({ code, out }).toEqual({ code: 130, out: '' });
    expect(err).toBe('Stopped before the end of the day; nothing is kept.\n');
    expect(existsSync(scratch ?? '')).toBe(false);
  });

  it.each([
    [1, ['--for', '2', '--speed', '10'], 'simulated hours'],
    [64, ['--speed', '0'], 'above 0'],
    [64, ['--for', '1'], 'expected 2 to 86400 seconds'],
    [64, ['--seed', 'x'], 'whole number'],
  ])('ends with %i for %j and says why', async (expected, words, said) => {
    const { code, out, err } = await demo(...words).ended;
    expect({ code, out }).toEqual({ code: expected, out: '' });
    expect(err).toContain(said);
  });
});
