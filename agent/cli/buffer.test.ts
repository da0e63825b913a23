import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DeadLetter, DeadLetterRoutes } from '../local/dead-letters.ts';
import { type LocalServer, startLocalServer } from '../local/server.ts';
import { register } from './buffer.ts';
import { runVerb } from './verb.fixture.ts';
import { AT, well } from './view/samples.fixture.ts';

const letter = (sequence: number, code = 'schema', message = 'no'): DeadLetter => ({
  ...{ sequence, epoch: well.buffer.epoch, window: sequence, code, message, at_ms: AT - 60_000, bytes: 9 },
});
const body = (sequence: number) => `{"n":${sequence}}`;

let directory: string;
let server: LocalServer;
let letters: DeadLetter[];
let asked: string[];
/** Sequences that the daemon does not take, whatever it told of them. */
let refused: number[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'footfall-buffer-'));
  letters = [letter(2), letter(3, 'conflict'), letter(5), letter(7, 'damaged')];
  asked = [];
  refused = [];
  const remove = (sequences: number[], refuse: readonly string[]) => {
    const went = letters.filter(
      ({ sequence, code }) => sequences.includes(sequence) && !refused.includes(sequence) && !refuse.includes(code),
    );
    letters = letters.filter((each) => !went.includes(each));
    return went.map(({ sequence }) => sequence);
  };
  const deadLetters: DeadLetterRoutes = {
    list: async ({ after, limit }) => letters.filter(({ sequence }) => sequence > after).slice(0, limit),
    body: async (sequence) => {
      const found = letters.find((each) => each.sequence === sequence && each.code !== 'damaged');
      return found === undefined ? null : Buffer.from(body(sequence));
    },
    resend: async (sequences) => {
      asked.push(`resend ${sequences.join()}`);
      return remove(sequences, ['conflict', 'damaged']);
    },
    drop: async (sequences) => {
      asked.push(`drop ${sequences.join()}`);
      return remove(sequences, []);
    },
  };
  const path = join(directory, 'footfall.sock');
  server = await startLocalServer({ path, routes: { status: () => well, deadLetters } });
});
afterEach(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});

const buffer = (...words: string[]) =>
  runVerb(register, ['buffer', ...words, '--socket', join(directory, 'footfall.sock')]);

describe('footfall buffer', () => {
  it('prints what the buffer holds as JSON, and its dead letters over as many pages as there are', async () => {
    expect(JSON.parse((await buffer('--json')).out)).toMatchObject({ from: 'daemon', held: 1, at_ms: AT });
    letters = Array.from({ length: 2_001 }, (_, index) => letter(index + 1));
    const { out } = await buffer('list', '--json');
    expect(JSON.parse(out)).toEqual({ dead_letters: letters });
    letters = [];
    expect((await buffer('list')).out).toBe('no dead letters\n');
  });

  it('sends again those that are named, and of all of them those that can be', async () => {
    expect(await buffer('resend', '5')).toEqual({
      ...{ code: 0, err: '', out: '1 dead letter back in the buffer, to be delivered again\n' },
    });
    const all = await buffer('resend', '--all');
    expect(all.code).toBe(0);
    expect(all.out).toContain('not sent again: 3 (conflict: the collector holds other bytes under this sequence)\n');
    expect(asked).toEqual(['resend 5', 'resend 2']);
  });

  it('does nothing where one of the named is none, or cannot be sent again, and says which', async () => {
    expect(await buffer('resend', '2', '99', '98')).toMatchObject({ code: 1, err: expect.stringContaining('99, 98') });
    const final = await buffer('resend', '2', '3', '7');
    expect(final).toMatchObject({ code: 1, out: '' });
    expect(final.err).toContain('3 (conflict: the collector holds other bytes under this sequence); 7 (damaged: ');
    expect(await buffer('export', '7', '--to', '-')).toMatchObject({ code: 1, out: '' });
    expect(asked).toEqual([]);
  });

  it('tells what the daemon refused after all', async () => {
    // Its bytes turn out to be damaged when the daemon looks at them.
    refused = [5];
    expect(await buffer('resend', '2', '5')).toMatchObject({
      code: 1,
      out: '1 dead letter back in the buffer, to be delivered again\n',
      err: 'error: refused for 5\nhint: See why: footfall buffer list\n',
    });
  });

  it('drops only with a yes, and tells that the centre will know', async () => {
    expect(await buffer('drop', '2')).toMatchObject({ code: 64, err: expect.stringContaining('--yes') });
    expect(asked).toEqual([]);
    expect(await buffer('drop', '--all', '-y')).toEqual({
      ...{ code: 0, err: '', out: '4 dead letters dropped; the next gap record tells the central platform\n' },
    });
  });

  it('copies bytes into files of their own, again where they are the same, never over another', async () => {
    const folder = join(directory, 'out', 'letters');
    const file = (sequence: number) => join(folder, `${well.buffer.epoch}-${sequence}.json`);
    const all = await buffer('export', '--all', '--to', folder);
    expect(all.code).toBe(0);
    expect(all.err).toBe(
      `3 dead letters exported to ${folder}\nnot exported: 7 (damaged: its bytes are not those that were sealed)\n`,
    );
    expect(readdirSync(folder)).toHaveLength(3);
    expect(readFileSync(file(3), 'utf8')).toBe(body(3));
    expect(statSync(file(3)).mode & 0o777).toBe(0o600);
    expect(await buffer('export', '3', '--to', folder)).toMatchObject({ code: 0 });
    writeFileSync(file(3), 'another');
    expect(await buffer('export', '3', '--to', folder)).toMatchObject({
      code: 1,
      err: expect.stringContaining(file(3)),
    });
    expect(readFileSync(file(3), 'utf8')).toBe('another');
  });

  it.each([
    ['neither sequences nor all', ['resend'], 'found neither'],
    ['both', ['drop', '2', '--all', '--yes'], 'found both'],
    ['a sequence that cannot be', ['resend', 'x'], 'received "x"'],
    ['an export to nowhere', ['export', '2'], '--to'],
  ])('ends with 64 for %s, and asks nobody', async (_name, words, said) => {
    expect(await buffer(...words)).toMatchObject({ code: 64, err: expect.stringContaining(said) });
    expect(asked).toEqual([]);
  });

  it('needs a daemon to change anything', async () => {
    await server.stop();
    for (const words of [['resend', '--all'], ['drop', '--all', '--yes'], ['list']]) {
      const { code, err } = await buffer(...words);
      expect([code, err]).toEqual([words[0] === 'list' ? 1 : 3, expect.stringContaining('no daemon on')]);
    }
  });
});
