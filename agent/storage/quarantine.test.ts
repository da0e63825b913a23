import { existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import {
  accountFor,
  damageFile,
  MACHINE,
  makeTemplate,
  nothing,
  OpenOwner,
  putDown,
  quickDirectory,
  sealMore,
  type Template,
} from './damage.fixture.ts';
import { openStorage } from './opening.ts';
import { condemn, type Disk, hostDisk } from './quarantine.ts';

const code = (value: string) => expect.objectContaining({ code: value });
const namesIn = (path: string) => readdirSync(dirname(path)).sort();

/** A disk on which a process dies before or after its nth operation, and can do nothing from then on. */
class MortalDisk implements Disk {
  operations = 0;
  readonly #dies: number;
  readonly #after: boolean;

  constructor(dies: number, after: boolean) {
    this.#dies = dies;
    this.#after = after;
  }

  #do<T>(work: () => T): T {
    this.operations++;
    if (this.operations > this.#dies || (this.operations === this.#dies && !this.#after)) throw new Error('killed');
    const result = work();
    if (this.operations === this.#dies) throw new Error('killed');
    return result;
  }

  write = (path: string, content: string) => this.#do(() => hostDisk.write(path, content));
  rename = (from: string, to: string) => this.#do(() => hostDisk.rename(from, to));
  remove = (path: string) => this.#do(() => hostDisk.remove(path));
  sync = (path: string) => this.#do(() => hostDisk.sync(path));
  syncDirectory = (path: string) => this.#do(() => hostDisk.syncDirectory(path));
  free = (directory: string) => hostDisk.free(directory);
}

function emptied(directory: string): void {
  for (const name of readdirSync(directory)) rmSync(`${directory}/${name}`);
}

/** Puts a template down with pages overwritten. */
function putDownDamaged(path: string, template: Template): void {
  emptied(dirname(path));
  putDown(path, template);
  damageFile(path, (content) => content.fill(0x5a, 6 * 4096, 12 * 4096));
}

describe('a quarantine', () => {
  it('that is cut off at any step is finished by the next opening, with no file lost or mixed', {
    timeout: 60_000,
  }, () => {
    using directory = quickDirectory();
    const path = directory.file('footfall.db');
    const template = makeTemplate(path, { killed: true });
    let steps = 0;
    for (let dies = 1; dies <= 100 && steps === 0; dies++) {
      for (const after of [false, true]) {
        emptied(dirname(path));
        putDown(path, template);
        const [main, wal] = [readFileSync(path), readFileSync(`${path}-wal`)];
        const disk = new MortalDisk(dies, after);
        try {
          condemn(disk, path, 'for a test', 'damaged');
          openStorage({ path, machineId: MACHINE }, disk).file.close();
          steps = disk.operations;
        } catch (error) {
          expect(error).toMatchObject({ message: expect.stringContaining('killed') });
        }
        const decided = existsSync(`${path}.quarantine`) || existsSync(`${path}.damaged-1`);
        expect(decided).toBe(dies > 1 || after);
        const { opened, missing, forged } = accountFor(path, template.truth);
        expect({ dies, after, missing, forged }).toEqual({ dies, after, missing: [], forged: [] });
        expect(opened.previous?.epoch).toBe(decided ? template.epoch : undefined);
        if (decided) {
          expect(readFileSync(`${path}.damaged-1`).equals(main)).toBe(true);
          expect(readFileSync(`${path}.damaged-1-wal`).equals(wal)).toBe(true);
        }
        expect(namesIn(path).filter((name) => /damaged-2|\.new|\.quarantine/.test(name))).toEqual([]);
      }
    }
    expect(steps).toBeGreaterThan(10);
  });

  it('keeps the newest three', () => {
    using directory = quickDirectory();
    const path = directory.file('footfall.db');
    const truth = nothing();
    for (let n = 1; n <= 5; n++) {
      const owner = new OpenOwner({ path, machineId: MACHINE });
      const opened = owner.open();
      sealMore(owner, opened, truth, 3);
      const renewed = owner.renew('damaged');
      expect(renewed).toMatchObject({
        origin: 'damaged',
        previous: { epoch: opened.epoch, lastSequence: 3 * n, end: 'damaged' },
        quarantined: { path: `${path}.damaged-${n}`, salvaged: { batches: 3 * n, history: 3 * n, snapshot: true } },
        gaps: [],
        lastWindow: 3 * n,
      });
      const { setAside } = owner.state();
      expect(setAside.map((each) => each.path)).toEqual(
        [n - 2, n - 1, n].filter((each) => each > 0).map((each) => `${path}.damaged-${each}`),
      );
      expect(setAside.at(-1)?.bytes).toBeGreaterThanOrEqual(statSync(`${path}.damaged-${n}`).size);
      owner.stop();
    }
    const kept = namesIn(path).filter((name) => /damaged-\d$/.test(name));
    expect(kept).toEqual(['footfall.db.damaged-3', 'footfall.db.damaged-4', 'footfall.db.damaged-5']);
    expect(accountFor(path, truth)).toMatchObject({ missing: [], forged: [], held: { length: 15 } });
  });

  it('keeps one, and the newest batches, where there is no room for more', () => {
    using directory = quickDirectory();
    const path = directory.file('footfall.db');
    const template = makeTemplate(path, { killed: false });
    putDown(path, template);
    writeFileSync(`${path}.damaged-7`, 'of long ago');
    condemn(hostDisk, path, 'for a test', 'damaged');
    // Three quarters of it may be used.
    const { file, opened } = openStorage({ path, machineId: MACHINE }, { ...hostDisk, free: () => 20_000 });
    file.close();
    expect(namesIn(path).filter((name) => /damaged/.test(name))).toEqual(['footfall.db.damaged-8']);
    const { salvaged } = opened.quarantined ?? {};
    expect(salvaged).toMatchObject({ snapshot: true });
    expect(salvaged?.batches).toBeGreaterThan(10);
    expect(salvaged?.batches).toBeLessThan(25);
    const { missing, forged, held, gaps } = accountFor(path, template.truth);
    expect({ missing, forged }).toEqual({ missing: [], forged: [] });
    expect(held.slice(0, salvaged?.batches).at(-1)?.sequence).toBe(40);
    expect(gaps.some(({ reason }) => reason === 'disk_full')).toBe(true);
  });

  it('begins with nothing after a salvage that twice did not come to an end', () => {
    using directory = quickDirectory();
    const path = directory.file('footfall.db');
    const template = makeTemplate(path, { killed: false });
    putDown(path, template);
    condemn(hostDisk, path, 'for a test', 'damaged');
    const intent = JSON.parse(readFileSync(`${path}.quarantine`, 'utf8'));
    writeFileSync(`${path}.quarantine`, JSON.stringify({ ...intent, attempts: 2 }));
    const { opened, missing, held } = accountFor(path, template.truth);
    expect({ missing, held }).toEqual({ missing: [], held: [] });
    expect(opened).toMatchObject({ quarantined: { salvaged: { batches: 0 } }, previous: { epoch: template.epoch } });
  });

  it('goes on where its own file is damaged', () => {
    using directory = quickDirectory();
    const path = directory.file('footfall.db');
    const template = makeTemplate(path, { killed: false });
    for (const moved of [false, true]) {
      emptied(dirname(path));
      putDown(path, template);
      if (moved) {
        condemn(hostDisk, path, 'for a test', 'damaged');
        expect(() => openStorage({ path, machineId: MACHINE }, new MortalDisk(4, true))).toThrow();
        expect(existsSync(path)).toBe(false);
      }
      writeFileSync(`${path}.quarantine`, '{"number":');
      const { missing, forged, opened } = accountFor(path, template.truth);
      expect({ moved, missing, forged }).toEqual({ moved, missing: [], forged: [] });
      expect(opened.origin).toBe(moved ? 'damaged' : 'kept');
    }
  });

  it('takes the database of a newer release, and salvages what both know', () => {
    using directory = quickDirectory();
    const path = directory.file('footfall.db');
    const template = makeTemplate(path, { killed: false });
    putDown(path, template);
    const database = new BetterSqlite(path);
    database.exec(
      'ALTER TABLE outbox DROP COLUMN sealed_ms; ALTER TABLE outbox ADD COLUMN route TEXT; DROP TABLE health;',
    );
    database.pragma('user_version = 2001');
    database.close();
    const { opened, missing, forged } = accountFor(path, template.truth);
    expect({ missing, forged }).toEqual({ missing: [], forged: [] });
    expect(opened).toMatchObject({
      origin: 'newer',
      previous: { epoch: template.epoch, lastSequence: 40, end: 'newer' },
      quarantined: {
        found: expect.stringContaining('shape 2'),
        salvaged: { batches: 30, deadLetters: 2, snapshot: true },
      },
    });
  });

  it('takes no file of another program, with or without an identity of ours beside it', () => {
    using directory = quickDirectory();
    const path = directory.file('footfall.db');
    const template = makeTemplate(directory.file('ours.db'), { killed: false });
    const other = new BetterSqlite(directory.file('photos.db'));
    other.exec('PRAGMA application_id = 7; CREATE TABLE photos(id INTEGER)');
    other.close();
    const photos = readFileSync(directory.file('photos.db'));
    for (const content of [
      Buffer.from('the shopping list\n'.repeat(300)),
      photos,
      Buffer.from(photos.subarray(0, 4096)).fill(9, 120),
    ]) {
      for (const identified of [false, true]) {
        writeFileSync(path, content);
        if (identified) writeFileSync(`${path}.identity`, template.identity);
        expect(() => openStorage({ path, machineId: MACHINE })).toThrow(
          code(content.length === 4096 ? 'database_damaged' : 'database_foreign'),
        );
        expect(readFileSync(path).equals(content)).toBe(true);
        rmSync(`${path}.identity`, { force: true });
      }
    }
    expect(namesIn(path).filter((name) => /damaged|quarantine/.test(name))).toEqual([]);
  });

  it('does not go on for ever on a medium that damages every database', () => {
    using directory = quickDirectory();
    const path = directory.file('footfall.db');
    const template = makeTemplate(path, { killed: false });
    putDownDamaged(path, template);
    truncateSync(path, 5000);
    const rename = (from: string, to: string): void => {
      hostDisk.rename(from, to);
      if (to === path) damageFile(to, (content) => content.fill(0, 100));
    };
    expect(() => openStorage({ path, machineId: MACHINE }, { ...hostDisk, rename })).toThrow(code('database_damaged'));
    expect(namesIn(path).filter((name) => /damaged-\d$/.test(name))).toHaveLength(2);
    // Once the medium is a sound one again, so is the box.
    const { missing } = accountFor(path, template.truth);
    expect(missing).toEqual([]);
  });

  it('is not begun where the disk cannot be written, and the database stays open to nobody', () => {
    using directory = quickDirectory();
    const path = directory.file('footfall.db');
    const template = makeTemplate(path, { killed: false });
    putDownDamaged(path, template);
    truncateSync(path, statSync(path).size - 4096);
    const full = Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    const write = (): void => {
      throw full;
    };
    expect(() => openStorage({ path, machineId: MACHINE }, { ...hostDisk, write })).toThrow(code('storage_full'));
    expect(namesIn(path).filter((name) => /damaged/.test(name))).toEqual([]);
    expect(accountFor(path, template.truth)).toMatchObject({ missing: [], forged: [], opened: { origin: 'damaged' } });
  });
});
