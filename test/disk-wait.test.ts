import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { canMount, type Mounted, mounted } from '../agent/storage/mounted.fixture.ts';
import { LiveBox, needsTmpfs, TEST_PATIENCE } from './support/live-box.ts';
import { NotifySocket, PERL, SYSTEMD_NOTIFY } from './support/notify.ts';
import { until } from './support/processes.ts';
import { SOCAT } from './support/pty.ts';

/** Each try of the daemon is five seconds behind the one before. */
const PATIENCE = 60_000;
const missing =
  (SOCAT === null ? 'needs socat' : null) ??
  (PERL === null || SYSTEMD_NOTIFY === null ? 'needs perl and systemd-notify' : null) ??
  (canMount('tmpfs') ? null : 'needs the right to mount') ??
  needsTmpfs;

describe.skipIf(missing !== null)(
  `a start on a disk that takes nothing${missing === null ? '' : ` (${missing})`}`,
  () => {
    let scratch: string;
    let disk: Mounted;
    let box: LiveBox;
    let supervisor: NotifySocket;
    beforeEach(async () => {
      scratch = mkdtempSync(join(tmpdir(), 'footfall-wait-'));
      disk = mounted('tmpfs', 8);
      box = new LiveBox(join(scratch, 'box'), {}, disk.folder);
      supervisor = await NotifySocket.open(join(scratch, 'notify'));
    });
    afterEach(async () => {
      await box.close();
      await supervisor.close();
      disk[Symbol.dispose]();
      rmSync(scratch, { recursive: true, force: true });
    });

    const run = () =>
      box.run({ env: { NOTIFY_SOCKET: supervisor.path, WATCHDOG_USEC: '3000000', WATCHDOG_PID: undefined } });
    const notCounting = (why: string) =>
      until(
        `word that it does not count yet: ${why}`,
        async () => {
          const told = await box.status();
          const said = told.words.includes('NOT COUNTING YET') && told.words.includes(why);
          // The document is asked for beside the screen, and may be a moment older.
          return said && 'waiting' in told.document && told.document.waiting !== null ? told : null;
        },
        PATIENCE,
        200,
      );
    const watched = () => supervisor.said().filter((word) => word === 'WATCHDOG=1').length;

    it.each<[string, string, () => void, () => void]>([
      ['full', 'found a full disk', () => disk.fill(), () => disk.free()],
      [
        'read-only',
        'found a file system that is read-only',
        () => {
          disk.unmount();
          disk.mount('ro');
        },
        () => {
          disk.unmount();
          disk.mount();
        },
      ],
    ])(
      'waits while it is %s, says so, and counts once it can',
      async (_name, why, hurt, mend) => {
        hurt();
        const daemon = run();
        const told = await notCounting(why);
        expect(told.code).toBe(3);
        expect(told.document).toMatchObject({ running: false, waiting: { message: expect.stringContaining(why) } });
        expect(supervisor.said()).toContain('READY=1');
        expect(supervisor.said().join('\n')).toContain(`STATUS=not counting yet: expected`);
        // There are no settings to read again yet: the signal of a reload must not end it.
        daemon.process.kill('SIGHUP');
        const before = watched();
        await until('further signs of life', () => watched() > before + 2, PATIENCE);
        expect(daemon.running).toBe(true);
        mend();
        const { box: facts } = await box.whenReason('sensor_down');
        expect(facts.last_end).toBeNull();
        await until('word to the supervisor', () => supervisor.said().includes('STATUS=counting with 1 sensors'));
        await daemon.end('SIGTERM');
        expect(await daemon.ended).toEqual({ code: 0, signal: null });
      },
      TEST_PATIENCE,
    );

    it(
      'ends in order when it is told to while it waits',
      async () => {
        disk.fill();
        const daemon = run();
        await notCounting('found a full disk');
        await daemon.end('SIGTERM');
        expect(await daemon.ended).toEqual({ code: 0, signal: null });
        expect((await box.status()).words).toMatch(/NOT RUNNING stopped in order .* Stopped by SIGTERM/);
      },
      TEST_PATIENCE,
    );
  },
);
