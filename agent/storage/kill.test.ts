import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Owner } from './owner.ts';
import { temporaryDirectory } from './samples.fixture.ts';

const WRITER = fileURLToPath(new URL('./writer.fixture.ts', import.meta.url));

/** Runs the writer, kills it once it has said this many lines, and gives the last commit and close it told of. */
async function runAndKill(path: string, lines: number): Promise<{ commit: number; close: number }> {
  const writer = spawn(process.execPath, [WRITER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(writer, 'exit');
  let said = '';
  for await (const chunk of writer.stdout) {
    said += chunk;
    if (said.split('\n').length > lines) writer.kill('SIGKILL');
  }
  const [, signal] = await exited;
  expect(signal).toBe('SIGKILL');
  const last = (what: string) => Number([...said.matchAll(new RegExp(`^${what} (\\d+)$`, 'gm'))].at(-1)?.[1] ?? 0);
  return { commit: last('commit'), close: last('close') };
}

describe('a killed writer', () => {
  it('loses nothing it was told is stored, and seals no window twice', { timeout: 60_000 }, async () => {
    using directory = temporaryDirectory();
    const path = directory.file('a.db');
    let told = { commit: 0, close: 0 };
    for (const lines of [3, 21, 40, 8, 65]) {
      const run = await runAndKill(path, lines);
      told = { commit: Math.max(told.commit, run.commit), close: Math.max(told.close, run.close) };
      const owner = new Owner({ path, machineId: 'machine' });
      const opened = owner.open();
      const lastOrdinal = opened.journal.at(-1)?.lastOrdinal ?? opened.snapshot?.ordinal ?? 0;
      const batches = owner.readOutbox({ after: 0, before: Number.POSITIVE_INFINITY, limit: 10_000 });
      const windows = owner.readHistory({ fromMs: 0, toMs: 1e15 });
      owner.stop();

      // At most the one call it could not tell of is there beyond.
      expect(lastOrdinal - told.commit).toBeOneOf([0, 100]);
      expect(opened.nextSequence - 1 - told.close).toBeOneOf([0, 1]);
      const sealed = Array.from({ length: opened.nextSequence - 1 }, (_, index) => index + 1);
      expect(batches.map(({ sequence }) => sequence)).toEqual(sealed);
      expect(windows.map(({ window }) => window)).toEqual(sealed);
      // Each run of rows is in the snapshot or in the journal, without a hole or an overlap.
      let next = (opened.snapshot?.ordinal ?? 0) + 1;
      for (const { firstOrdinal, lastOrdinal: last } of opened.journal) {
        expect(firstOrdinal).toBe(next);
        next = last + 1;
      }
    }
  });
});
