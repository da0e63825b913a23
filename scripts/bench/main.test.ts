import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type PipelineReport, renderReport } from './report.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const run = promisify(execFile);

describe('npm run bench pipeline', () => {
  let scratch = '';

  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), 'footfall-bench-test-'));
  });

  afterEach(() => rmSync(scratch, { recursive: true, force: true }));

  const bench = (...args: string[]) =>
    run(process.execPath, [MAIN, ...args], { env: { ...process.env, TMPDIR: scratch } });

  it('measures every variant against the naive agent and leaves no file behind', async () => {
    const { stdout } = await bench('pipeline', '--rounds', '1', '--seconds', '0.2', '--json');
    const report = JSON.parse(stdout) as PipelineReport;
    expect(report.rounds).toBe(1);
    expect(report.variants.map(({ agent }) => agent)).toEqual(['footfall', 'footfall', 'footfall', 'naive']);
    for (const { agent, windows, sightings, ratio, cpu_us: cpu } of report.variants) {
      expect(sightings).toBeGreaterThan(0);
      expect(cpu.median).toBeGreaterThan(0);
      if (agent === 'naive') continue;
      expect(windows).toBeGreaterThanOrEqual(1);
      expect(ratio?.median).toBeGreaterThan(0);
    }
    expect(readdirSync(scratch)).toEqual([]);

    const [titles, ...lines] = renderReport(report, { width: 80, colour: false }).split('\n');
    expect(titles).toMatch(/x naive$/);
    expect(lines[0]).toMatch(/^pcap .* [\d,]+$/);
    for (const line of [titles, ...lines.slice(0, 2 * report.variants.length)])
      expect(line.length).toBeLessThanOrEqual(80);
  }, 120_000);

  it('says what is wrong with its arguments', async () => {
    await expect(bench('pipeline', '--rounds', '0')).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--rounds'),
    });
    await expect(bench('nothing')).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('pipeline') });
  });
});
