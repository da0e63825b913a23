import { describe, expect, it } from 'vitest';
import { ServiceNotifier } from './notify.ts';

const SOCKET = { NOTIFY_SOCKET: '/run/systemd/notify' };

/** A notifier whose calls end when the test says so. */
function scripted(environment: Record<string, string> = SOCKET) {
  const calls: string[][] = [];
  const open: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const failures: unknown[] = [];
  const notifier = new ServiceNotifier({
    environment,
    pid: 77,
    send: (assignments) => {
      calls.push(assignments);
      return new Promise((resolve, reject) => open.push({ resolve, reject }));
    },
    onFailure: (error) => void failures.push(error),
  });
  /** Ends the call under way; the next one, if any, has begun then. */
  const end = async (error?: Error): Promise<void> => {
    const call = open.shift();
    if (error === undefined) call?.resolve();
    else call?.reject(error);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { notifier, calls, failures, end };
}

describe('the service notifier', () => {
  it('says nothing where nobody listens', async () => {
    const { notifier, calls } = scripted({ WATCHDOG_USEC: '2000000' });
    notifier.ready('counting');
    notifier.watchdog();
    notifier.stopping();
    await notifier.settled();
    expect([calls, notifier.watchdogMs]).toEqual([[], null]);
  });

  it('has one call under way, and says then all that came up, the last word on each', async () => {
    const { notifier, calls, end } = scripted();
    notifier.ready('starting');
    for (const text of ['one sensor up', 'two sensors up']) notifier.status(text);
    notifier.watchdog();
    notifier.watchdog();
    expect(calls).toEqual([['READY=1', 'STATUS=starting']]);
    await end();
    expect(calls.slice(1)).toEqual([['STATUS=two sensors up', 'WATCHDOG=1']]);
    await end();
    expect(calls).toHaveLength(2);
    notifier.stopping();
    expect(calls.at(-1)).toEqual(['STOPPING=1']);
  });

  it('never says in one breath that it reloads and is ready, nor that it is ready and stops', async () => {
    const { notifier, calls, end } = scripted();
    notifier.watchdog();
    notifier.reloading();
    notifier.ready('counting');
    await end();
    expect(calls.at(-1)).toEqual(['READY=1', 'STATUS=counting']);
    notifier.reloading();
    notifier.stopping();
    await end();
    expect(calls.at(-1)).toEqual(['STOPPING=1']);
  });

  it('keeps a status in one line, so that it can say nothing else', () => {
    const { notifier, calls } = scripted();
    notifier.status(`two\nSTOPPING=1\r\n ${'x'.repeat(1_000)}`);
    expect(calls[0]?.[0]).toMatch(/^STATUS=two STOPPING=1 x+$/);
    expect(calls[0]?.[0]?.length).toBeLessThan(220);
  });

  it('tells of the first call that failed, and goes on', async () => {
    const { notifier, calls, failures, end } = scripted();
    notifier.watchdog();
    await end(new Error('no such program'));
    notifier.watchdog();
    await end(new Error('still none'));
    notifier.watchdog();
    await end();
    await notifier.settled();
    expect(calls).toHaveLength(3);
    expect(failures.map((error) => (error as Error).message)).toEqual(['no such program']);
  });

  it('survives a machine without systemd-notify', async () => {
    const failures: unknown[] = [];
    const notifier = new ServiceNotifier({
      environment: { ...SOCKET, PATH: '/nowhere' },
      onFailure: (error) => void failures.push(error),
    });
    notifier.ready('counting');
    await notifier.settled();
    expect(failures).toMatchObject([{ code: 'ENOENT' }]);
  });

  it.each([
    [{ WATCHDOG_USEC: '180000000' }, 180_000],
    [{ WATCHDOG_USEC: '2000000', WATCHDOG_PID: '77' }, 2_000],
    [{ WATCHDOG_USEC: '2000000', WATCHDOG_PID: '78' }, null],
    [{ WATCHDOG_USEC: '0' }, null],
    [{ WATCHDOG_USEC: 'soon' }, null],
    [{}, null],
  ])('reads the watchdog of %j as %j ms', (environment, ms) => {
    expect(scripted({ ...SOCKET, ...environment }).notifier.watchdogMs).toBe(ms);
  });
});
