import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finding } from '../../agent/doctor/finding.ts';
import type { LastKnown } from '../../agent/local/last-known.ts';
import { LiveBox, needsTmpfs, oneLine, PATIENCE, TEST_PATIENCE } from '../support/live-box.ts';
import { until } from '../support/processes.ts';
import { SOCAT } from '../support/pty.ts';
import { footfall } from '../support/shop.ts';
import { expectTold, findingOf } from '../support/told.ts';

const missing = (SOCAT === null ? 'needs socat' : null) ?? needsTmpfs;
const suffix = missing === null ? '' : ` (${missing})`;
const MIB = 1_048_576;
/** SQLite's page. */
const PAGE = 4_096;

describe.skipIf(missing !== null)(`a disk that fails, for real${suffix}`, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'footfall-storage-'));
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  describe('a full disk', () => {
    const disk = join(scratch, 'disk');
    let box: LiveBox | undefined;
    let mounted = false;

    afterAll(async () => {
      await box?.close();
      if (mounted) execFileSync('umount', [disk]);
    });

    /** A disk of this size in MiB; its memory is used as far as it is written. Not every user may mount one. */
    function mount(mib: number): void {
      const options = `${mounted ? 'remount,' : ''}size=${mib}m`;
      execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', disk], { stdio: 'pipe' });
      mounted = true;
    }

    /** Writes until nothing more fits. */
    function fill(path: string): void {
      const file = openSync(path, 'w');
      try {
        for (let size = MIB; size >= 1; ) {
          try {
            writeSync(file, Buffer.alloc(size, 0x5a));
          } catch (error) {
            if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
            size = Math.floor(size / 2);
          }
        }
      } finally {
        closeSync(file);
      }
    }

    it('is told, costs nothing that was counted, and ends by itself', { timeout: TEST_PATIENCE }, async ({ skip }) => {
      mkdirSync(disk);
      try {
        mount(1_024);
      } catch {
        skip('this user may not mount a file system');
      }
      const full = new LiveBox(join(scratch, 'full'), {}, disk);
      box = full;
      await full.startWell();
      mount(16);
      const filler = join(disk, 'filler');
      fill(filler);
      let people = 0;
      await until(
        'a disk that takes nothing more',
        async () => {
          await full.pass(1);
          people++;
          const status = await full.ask();
          return status?.verdict.reasons.some(({ code }) => code === 'disk_full');
        },
        PATIENCE,
        250,
      );
      await expectTold(full, {
        reason: 'disk_full',
        exit: 1,
        screen: [`The disk of ${disk} is full; counts are kept in memory`, 'Make room on it'],
        finding: { check: 'free_space', outcome: 'error', mend: 'See what takes it' },
      });
      const { findings } = await full.doctor();
      expect(findingOf(findings, 'sync_time')).toMatchObject({
        outcome: 'error',
        found: expect.stringContaining('ENOSPC') as string,
      });
      await full.pass(5);
      await full.when('counting goes on', ({ today }) => today.entries === people + 5);

      rmSync(filler);
      mount(1_024);
      await full.when('all durable', ({ buffer }) => buffer.storage_error === null && buffer.uncommitted === 0);
      await full.whenWell();
      await full.daemon?.end('SIGKILL');
      await full.start();
      expect((await full.ask())?.today.entries).toBe(people + 5);
    });
  });

  describe('a damaged database', () => {
    let box: LiveBox;
    let sound: Buffer;

    beforeAll(async () => {
      box = new LiveBox(join(scratch, 'damaged'));
      await box.startWell();
      await box.pass(4);
      await box.when('four counted', ({ today }) => today.entries === 4);
      await box.daemon?.end();
      sound = readFileSync(box.databasePath);
    }, TEST_PATIENCE);
    afterAll(() => box?.close());

    function expectDamageFound(findings: Finding[]): void {
      const told = findings.filter(({ chapter, outcome }) => chapter === 'storage' && outcome === 'error');
      expect(told).toMatchObject([
        {
          subject: box.databasePath,
          found: expect.stringMatching(/expected a whole database|damaged/) as string,
          mend: expect.stringContaining('move the file away') as string,
        },
      ]);
    }

    it.each<[string, (bytes: Buffer) => Buffer]>([
      ['zeros where its header was', (bytes) => bytes.fill(0, 0, 100)],
      ['a header with its page size flipped', (bytes) => bytes.fill(bytes[16] ^ 0xff, 16, 18)],
      ['a torn first page', (bytes) => bytes.fill(0xa5, 100, PAGE)],
      ['half of it gone', (bytes) => bytes.subarray(0, bytes.length / 2)],
    ])('%s', { timeout: TEST_PATIENCE }, async (_, damage) => {
      writeFileSync(box.databasePath, damage(Buffer.from(sound)));
      const run = box.run();
      expect(await run.ended).toEqual({ code: 1, signal: null });
      await until('its last words', () => run.output.includes('hint: '));
      const hint = 'move the file away to start a new one';
      expect(run.output).toMatch(/^error: expected a whole database, found: /m);
      expect(run.output).toContain(hint);

      const [screen, json, { findings }] = await Promise.all([
        footfall('status', '--settings', box.settingsPath),
        footfall('status', '--json', '--settings', box.settingsPath),
        box.doctor(),
      ]);
      expect([screen.code, json.code]).toEqual([3, 3]);
      const words = oneLine(screen.output);
      expect(words).toContain('NOT RUNNING');
      expect(words).toContain('expected a whole database, found: ');
      expect(words).toContain(hint);
      const document = JSON.parse(json.output) as LastKnown;
      expect(document.end).toMatchObject({ how: 'failed', hint: expect.stringContaining(hint) as string });
      expect(findingOf(findings, 'last_run', 'daemon')).toMatchObject({
        outcome: 'error',
        mend: expect.stringContaining(hint) as string,
      });
      expectDamageFound(findings);
    });

    it('a page that is first used while counting', { timeout: TEST_PATIENCE }, async () => {
      writeFileSync(box.databasePath, sound);
      const database = new Database(box.databasePath, { readonly: true });
      const find = database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'history'").pluck();
      const page = find.get() as number;
      database.close();
      writeFileSync(box.databasePath, Buffer.from(sound).fill(0xa5, (page - 1) * PAGE, page * PAGE));
      await box.start();
      await box.whenReason('database_damaged');
      await expectTold(box, {
        reason: 'database_damaged',
        exit: 1,
        screen: [
          'The database is damaged (expected a whole database, found: ',
          'Then stop the daemon, move',
          'footfall.db* away, and start it.',
        ],
      });
      await box.pass(1);
      await box.when('counting goes on', ({ today }) => today.entries === 5);
      expectDamageFound((await box.doctor()).findings);
      await box.daemon?.end();
    });

    it('moved away: a new one is begun', { timeout: TEST_PATIENCE }, async () => {
      renameSync(box.databasePath, `${box.databasePath}.damaged`);
      await box.start();
      await box.whenWell();
      await box.pass(0);
      await box.pass(2);
      await box.when('two counted', ({ today }) => today.entries === 2);
    });
  });
});
