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
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { requestLocal } from '../../agent/local/client.ts';
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

interface HealthRow {
  code: string;
  change: string;
  message: string;
}

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
    /** Entries of today when the daemon ended. */
    let counted = 0;

    beforeAll(async () => {
      box = new LiveBox(join(scratch, 'damaged'));
      await box.startWell();
      await pass(4);
      await box.daemon?.end();
    }, TEST_PATIENCE);
    // A case that fails must not leave its daemon to the next.
    afterEach(() => box.daemon?.end());
    afterAll(() => box?.close());

    async function pass(people: number): Promise<void> {
      await box.pass(people);
      counted += people;
      await box.when(`${counted} counted`, ({ today }) => today.entries === counted);
    }

    function damage(change: (bytes: Buffer) => Buffer): Buffer {
      const damaged = change(readFileSync(box.databasePath));
      writeFileSync(box.databasePath, damaged);
      return damaged;
    }

    /** What an operator is told of the database that was set aside, and that there is nothing else to tell. */
    async function expectSetAside(found: string): Promise<void> {
      const kept = `${box.databasePath}.damaged-1`;
      await expectTold(box, {
        reason: 'database_quarantined',
        exit: 1,
        screen: [`A database that could not be used (${found}`, 'goes on in a new one', 'Counting goes on'],
        finding: { check: 'quarantine', outcome: 'warning', mend: `sudo rm ${kept}` },
      });
      const { findings } = await box.doctor();
      expect(findings.filter(({ chapter, outcome }) => chapter === 'storage' && outcome === 'error')).toEqual([]);
      expect(findingOf(findings, 'database')).toMatchObject({ outcome: 'ok' });
      const health = (await requestLocal(box.socketPath, 'GET', '/health?limit=100')) as { changes: HealthRow[] };
      const event = (code: string) => health.changes.find((row) => row.change === 'event' && row.code === code);
      expect(event('database_quarantined')?.message).toMatch(new RegExp(`; kept as ${kept}$`));
      expect(event('epoch_began')?.message).toBe('damaged');
      expect(health.changes.map(({ code }) => code)).not.toContain('database_damaged');
    }

    /** The doctor names each file, so that this is all an operator has to do. */
    async function removeAsTold(): Promise<void> {
      const { findings } = await box.doctor();
      const words = findingOf(findings, 'quarantine')?.mend.split('sudo rm ')[1].split(' ') ?? [];
      expect(words.length).toBeGreaterThan(0);
      for (const path of words) rmSync(path);
      await box.whenWell();
      expect(findingOf((await box.doctor()).findings, 'quarantine')).toBeUndefined();
    }

    it.each<[string, (bytes: Buffer) => Buffer, string]>([
      ['zeros where its header was', (bytes) => bytes.fill(0, 0, 100), 'zeros in place of its header'],
      ['a header with its page size flipped', (bytes) => bytes.fill(bytes[16] ^ 0xff, 16, 18), ''],
      ['a torn first page', (bytes) => bytes.fill(0xa5, 100, PAGE), ''],
      ['half of it gone', (bytes) => bytes.subarray(0, bytes.length / 2), ''],
      ['nothing of it left', (bytes) => bytes.subarray(0, 0), 'an empty file in its place'],
    ])('%s: the daemon goes on in a new one', { timeout: TEST_PATIENCE }, async (_, change, found) => {
      const damaged = damage(change);
      await box.start();
      expect(readFileSync(`${box.databasePath}.damaged-1`).equals(damaged)).toBe(true);
      await expectSetAside(found);
      // Of today's count all is kept or nothing: what cannot be trusted whole begins anew.
      const { snapshot } = salvagedIn(box.daemon?.output ?? '');
      if (!snapshot) counted = 0;
      expect((await box.ask())?.today.entries).toBe(counted);
      await pass(0);
      await pass(3);
      await removeAsTold();
      await box.daemon?.end();
      await box.start();
      await box.whenWell();
      await pass(2);
      await box.daemon?.end();
    });

    it('a page that is first used while counting', { timeout: TEST_PATIENCE }, async () => {
      const database = new Database(box.databasePath, { readonly: true });
      const find = database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'history'").pluck();
      const page = find.get() as number;
      database.close();
      damage((bytes) => bytes.fill(0xa5, (page - 1) * PAGE, page * PAGE));
      await box.start();
      await pass(1);
      await box.whenReason('database_quarantined');
      await pass(1);
      await expectSetAside('');
      await pass(1);
      await box.daemon?.end();
      await box.start();
      await box.when('all of it again', ({ today }) => today.entries === counted);
      await removeAsTold();
      await box.daemon?.end();
    });

    it("moved away, with another program's file in its place: it is left alone, and so named", {
      timeout: TEST_PATIENCE,
    }, async () => {
      const foreign = 'somebody keeps notes here\n'.repeat(400);
      renameSync(box.databasePath, `${box.databasePath}.old`);
      writeFileSync(box.databasePath, foreign);
      const run = box.run();
      expect(await run.ended).toEqual({ code: 1, signal: null });
      await until('its last words', () => run.output.includes('hint: '));
      const hint = 'move the file away if it is not needed';
      expect(run.output).toContain(hint);
      const [screen, json, { findings }] = await Promise.all([
        footfall('status', '--settings', box.settingsPath),
        footfall('status', '--json', '--settings', box.settingsPath),
        box.doctor(),
      ]);
      expect([screen.code, json.code]).toEqual([3, 3]);
      const words = oneLine(screen.output);
      expect(words).toContain('NOT RUNNING');
      expect(words).toContain(hint);
      const document = JSON.parse(json.output) as LastKnown;
      expect(document.end).toMatchObject({ how: 'failed', hint: expect.stringContaining(hint) as string });
      for (const check of [findingOf(findings, 'last_run'), findingOf(findings, 'database_foreign')]) {
        expect(check).toMatchObject({ outcome: 'error', mend: expect.stringContaining(hint) as string });
      }
      expect(readFileSync(box.databasePath, 'utf8')).toBe(foreign);
    });

    it('moved away: a new one is begun', { timeout: TEST_PATIENCE }, async () => {
      rmSync(box.databasePath);
      await box.start();
      await box.whenWell();
      counted = 0;
      await pass(0);
      await pass(2);
    });
  });
});

/** What the daemon says it could save, in its log. */
function salvagedIn(log: string): { snapshot: boolean } {
  const line = log.split('\n').find((each) => each.includes('the database was set aside')) ?? '{}';
  const told = JSON.parse(line) as { snapshot?: unknown };
  if (typeof told.snapshot !== 'boolean') throw new Error(`expected what was saved in the log, found:\n${log}`);
  return { snapshot: told.snapshot };
}
