import BetterSqlite from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import {
  accountFor,
  damageFile,
  MACHINE,
  makeTemplate,
  putDown,
  quickDirectory,
  type Template,
} from './damage.fixture.ts';
import { openStorage } from './opening.ts';
import { condemn, hostDisk } from './quarantine.ts';
import type { Opened } from './storage.ts';

interface Salvaged {
  opened: Opened;
  /** Bodies by sequence. */
  held: Map<number, string>;
  dead: number[];
}

/** Changes a database, sets it aside, and gives what the new one holds. */
function salvaged(change: (database: BetterSqlite.Database, path: string) => void): Salvaged & { template: Template } {
  using directory = quickDirectory();
  const path = directory.file('footfall.db');
  const template = makeTemplate(path, { killed: false });
  putDown(path, template);
  const database = new BetterSqlite(path);
  change(database, path);
  database.close();
  condemn(hostDisk, path, 'for a test', 'damaged');
  const { file, opened } = openStorage({ path, machineId: MACHINE });
  const rows = file.database.prepare<[], { sequence: number; body: Buffer }>('SELECT sequence, body FROM outbox').all();
  const dead = file.database.prepare<[], number>('SELECT sequence FROM dead_letter').pluck().all();
  file.close();
  const { missing, forged } = accountFor(path, template.truth);
  expect({ missing, forged }).toEqual({ missing: [], forged: [] });
  return { template, opened, dead, held: new Map(rows.map(({ sequence, body }) => [sequence, body.toString()])) };
}

const told = ({ gaps }: Opened) =>
  gaps.map(({ fromSequence, toSequence, reason }) => [fromSequence, toSequence, reason]);

describe('salvage', () => {
  it('brings all of a sound database along, byte for byte', () => {
    const { held, dead, opened, template } = salvaged(() => {});
    expect(held.size).toBe(30);
    for (const [sequence, body] of held) {
      expect(Buffer.from(template.truth.sealed.get(`${template.epoch}/${sequence}`) ?? '').toString()).toBe(body);
    }
    expect(dead).toEqual([7, 9]);
    // Acknowledged among others that were not: a damaged database cannot tell that from a loss.
    expect(told(opened)).toEqual([
      [8, 8, 'operator'],
      [20, 21, 'damaged'],
    ]);
    expect(opened.quarantined?.salvaged).toEqual({ batches: 30, deadLetters: 2, history: 40, snapshot: true });
  });

  it('leaves a batch behind whose bytes are not those that were sealed, and tells of it', () => {
    using directory = quickDirectory();
    const path = directory.file('footfall.db');
    const template = makeTemplate(path, { killed: false });
    putDown(path, template);
    damageFile(path, (content) => {
      // In the padding, where what it says of itself stays right.
      const at = content.indexOf(`{"id":"33"`) + 300;
      content[at] ^= 1;
    });
    condemn(hostDisk, path, 'for a test', 'damaged');
    const { file, opened } = openStorage({ path, machineId: MACHINE });
    const sequences = file.database.prepare<[], number>('SELECT sequence FROM outbox').pluck().all();
    file.close();
    expect(sequences).toHaveLength(29);
    expect(sequences).not.toContain(33);
    expect(told(opened)).toEqual([
      [8, 8, 'operator'],
      [20, 21, 'damaged'],
      [33, 33, 'damaged'],
    ]);
  });

  it('believes a batch of a release without digests only if it says which it is', () => {
    const { held, opened } = salvaged((database) => {
      database.exec('UPDATE outbox SET digest = NULL WHERE sequence BETWEEN 30 AND 33');
      database.exec(`UPDATE outbox SET body = (SELECT body FROM outbox WHERE sequence = 11) WHERE sequence = 31`);
      database.exec(`UPDATE outbox SET body = CAST('batch 32' AS BLOB) WHERE sequence = 32`);
    });
    expect([30, 31, 32, 33].filter((sequence) => held.has(sequence))).toEqual([30, 33]);
    expect(told(opened)).toContainEqual([31, 32, 'damaged']);
  });

  it('believes no batch with a sound body under another sequence', () => {
    const { held, opened } = salvaged((database) =>
      database.exec('UPDATE outbox SET sequence = 20 WHERE sequence = 12'),
    );
    expect(held.has(20)).toBe(false);
    expect(told(opened)).toContainEqual([12, 12, 'damaged']);
  });

  it('tells a gap again whose record is lost, and keeps the mark of one whose record goes on', () => {
    const { opened } = salvaged((database) => {
      const epoch = database.prepare("SELECT value FROM meta WHERE key = 'epoch'").pluck().get();
      const insert = database.prepare(
        'INSERT INTO gap(epoch, from_sequence, to_sequence, reason, told_in) VALUES (?, ?, ?, ?, ?)',
      );
      insert.run(epoch, 20, 20, 'buffer_full', 22);
      insert.run(epoch, 21, 21, 'buffer_full', 23);
      database.exec('DELETE FROM outbox WHERE sequence = 23');
    });
    const marks = opened.gaps.map(({ fromSequence, toldIn }) => [fromSequence, toldIn]);
    expect(marks).toEqual(
      expect.arrayContaining([
        [20, 22],
        [21, null],
        [23, null],
      ]),
    );
  });

  it('begins a warm-up where the snapshot is not what was written, and leaves its inputs', () => {
    const { opened } = salvaged((database) => database.exec("UPDATE snapshot SET body = CAST('other' AS BLOB)"));
    expect(opened).toMatchObject({
      snapshot: { version: 0, ordinal: 0, body: { length: 0 } },
      journal: [],
      lastWindow: 40,
      quarantined: { salvaged: { snapshot: false, batches: 30 } },
    });
  });

  it('numbers windows on behind the history where the last one is not told', () => {
    const { opened } = salvaged((database) => database.exec("DELETE FROM meta WHERE key = 'last_window'"));
    expect(opened.lastWindow).toBe(40);
  });

  it('reads what it can without tables, columns or rows that there should be', () => {
    const { opened, held } = salvaged((database) => {
      database.exec(
        'DROP TABLE gap; DROP TABLE dead_letter; DROP TABLE health_open; DROP TABLE history; DROP TABLE meta',
      );
    });
    expect(held.size).toBe(30);
    expect(opened).toMatchObject({ quarantined: { salvaged: { batches: 30, deadLetters: 0, history: 0 } } });
    expect(told(opened)).toEqual([
      [7, 9, 'damaged'],
      [20, 21, 'damaged'],
    ]);
  });
});
