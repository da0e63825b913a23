import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { accountFor, damageFile, makeTemplate, putDown, quickDirectory, type Template } from './damage.fixture.ts';

const SEEDS = Number(process.env.DAMAGE_SEEDS ?? 20);
const FIRST_SEED = Number(process.env.SEED ?? 1);
const PAGE = 4096;

/** Bytes that follow from a seed. */
function* bytesOf(seed: number): Generator<number, never> {
  for (let block = 0; ; block++) yield* createHash('sha256').update(`${seed}/${block}`).digest();
}

function drawer(seed: number): (below: number) => number {
  const bytes = bytesOf(seed);
  const byte = () => bytes.next().value;
  return (below) => ((byte() << 23) + (byte() << 15) + (byte() << 7) + (byte() >> 1)) % below;
}

/** Overwrites stretches of one to five pages: a bit, some bytes, a sector or all of it, zeros among them. */
function flip(content: Uint8Array, seed: number): void {
  const draw = drawer(seed);
  for (let count = 1 + draw(5); count > 0; count--) {
    const start = draw(Math.floor(content.length / PAGE)) * PAGE + draw(PAGE);
    const length = [1, 16, 512, PAGE][draw(4)];
    const kind = draw(3);
    for (let at = start; at < Math.min(start + length, content.length); at++) {
      content[at] = kind === 0 ? 0 : kind === 1 ? draw(256) : content[at] ^ (1 << draw(8));
    }
  }
}

function withTemplate(killed: boolean, work: (path: string, template: Template) => void): void {
  using directory = quickDirectory();
  const path = directory.file('footfall.db');
  const template = makeTemplate(path, { killed });
  work(path, template);
}

function clear(path: string): void {
  for (const part of ['-wal', '-shm', '.lock', '.quarantine', '.new']) rmSync(`${path}${part}`, { force: true });
  for (let n = 1; n < 5; n++)
    for (const part of ['', '-wal', '-shm']) rmSync(`${path}.damaged-${n}${part}`, { force: true });
}

describe('a damaged database', () => {
  it.each([
    ['after an orderly end', false],
    ['after a kill', true],
  ])(
    'is opened %s, gives only what was sealed, and tells of all that is gone',
    { timeout: 120_000 },
    (_name, killed) => {
      withTemplate(killed, (path, template) => {
        let begun = 0;
        let salvaged = 0;
        for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
          clear(path);
          putDown(path, template);
          const part = killed && seed % 2 === 0 ? '-wal' : '';
          damageFile(`${path}${part}`, (content) => flip(content, seed));
          const { forged, missing, opened } = accountFor(path, template.truth);
          expect({ seed, forged, missing }).toEqual({ seed, forged: [], missing: [] });
          if (opened.origin !== 'kept') begun++;
          salvaged += opened.quarantined?.salvaged.batches ?? 0;
          expect(readdirSync(dirname(path)).filter((name) => /new|quarantine/.test(name))).toEqual([]);
        }
        // Else the seeds would show nothing.
        if (SEEDS >= 20) expect([begun > 5, salvaged > 50]).toEqual([true, true]);
      });
    },
  );

  it('loses what was in a log that is cut anywhere, and tells of it', { timeout: 60_000 }, () => {
    withTemplate(true, (path, template) => {
      const length = template.wal?.length ?? 0;
      const draw = drawer(FIRST_SEED);
      const origins = new Set<string>();
      for (const cut of [0, 1, 31, 32, 33, 57, length - 1, ...Array.from({ length: 8 }, () => draw(length))]) {
        clear(path);
        putDown(path, template);
        truncateSync(`${path}-wal`, Math.min(cut, length - 1));
        const { forged, missing, opened } = accountFor(path, template.truth);
        expect({ cut, forged, missing }).toEqual({ cut, forged: [], missing: [] });
        expect(opened.nextSequence).toBe(41);
        origins.add(opened.origin);
      }
      expect(origins).toContain('restored');
    });
  });

  it('is not taken in by the log of another database', () => {
    using directory = quickDirectory();
    const path = directory.file('footfall.db');
    const template = makeTemplate(path, { killed: true });
    const other = makeTemplate(directory.file('other.db'), { killed: true });
    clear(path);
    putDown(path, template);
    writeFileSync(`${path}-wal`, other.wal ?? '');
    const truth = { ...template.truth, sealed: new Map([...template.truth.sealed, ...other.truth.sealed]) };
    const { forged, missing, opened } = accountFor(path, truth);
    const ours = missing.filter((key) => template.truth.sealed.has(key));
    expect({ forged, ours }).toEqual({ forged: [], ours: [] });
    expect(opened.epoch).not.toBe(template.epoch);
    expect(opened.nextSequence).toBe(41);
  });

  it('whose file is empty or gone still tells its epoch, by the identity beside it', () => {
    withTemplate(false, (path, template) => {
      for (const end of ['empty', 'gone']) {
        clear(path);
        putDown(path, template);
        if (end === 'empty') truncateSync(path);
        else rmSync(path);
        const { opened, held, missing, gaps } = accountFor(path, template.truth);
        expect({ end, missing, held }).toEqual({ end, missing: [], held: [] });
        expect(opened).toMatchObject({
          origin: 'damaged',
          previous: { epoch: template.epoch, lastSequence: 40, end: 'damaged' },
          firstSequence: 41,
          nextSequence: 41,
        });
        expect(opened.quarantined?.path).toBe(end === 'empty' ? `${path}.damaged-1` : undefined);
        expect(gaps).toMatchObject([{ fromSequence: 6, toSequence: 40, reason: 'damaged', toldIn: null }]);
        expect(opened.epoch).not.toBe(template.epoch);
      }
    });
  });

  it('begins from nothing where the file is empty and nothing lies beside it', () => {
    using directory = quickDirectory();
    const path = directory.file('footfall.db');
    writeFileSync(path, '');
    const { opened } = accountFor(path, { sealed: new Map(), acknowledged: new Set() });
    expect(opened).toMatchObject({ origin: 'new', previous: null, firstSequence: 1, quarantined: null });
  });

  it('is set aside where its header is zeros, with or without an identity beside it', () => {
    withTemplate(false, (path, template) => {
      for (const identified of [true, false]) {
        clear(path);
        putDown(path, template);
        if (!identified) rmSync(`${path}.identity`);
        const content = damageFile(path, (bytes) => bytes.fill(0, 0, 100));
        const { opened, missing } = accountFor(path, template.truth);
        expect(opened).toMatchObject({
          origin: 'damaged',
          quarantined: { path: `${path}.damaged-1`, found: expect.stringContaining('zeros') },
          previous: identified ? { epoch: template.epoch, lastSequence: 40 } : null,
        });
        if (identified) expect(missing).toEqual([]);
        expect(readFileSync(`${path}.damaged-1`).equals(content)).toBe(true);
      }
    });
  });

  it('brings history, health, the snapshot and its inputs along', () => {
    withTemplate(false, (path, template) => {
      clear(path);
      putDown(path, template);
      // One of the last pages of batches.
      damageFile(path, (content) => content.fill(0x5a, content.length - 2 * PAGE, content.length - PAGE));
      const { opened, missing, forged } = accountFor(path, template.truth);
      expect({ missing, forged }).toEqual({ missing: [], forged: [] });
      expect(opened.quarantined).toMatchObject({ salvaged: { snapshot: true, deadLetters: 2, history: 40 } });
      expect(opened.quarantined?.salvaged.batches).toBeGreaterThan(20);
      expect(opened).toMatchObject({
        lastWindow: 40,
        snapshot: { ordinal: 40 },
        journal: [{ firstOrdinal: 41, lastOrdinal: 49 }],
        openHealth: [{ code: 'uplink_down' }],
      });
    });
  });
});
