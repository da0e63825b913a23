/**
 * The process that noble runs in, forked by forkNoble. noble throws on import where the kernel has no Bluetooth and then
 * aborts the process at its natural end, keeps every address it ever saw, goes deaf, and dies with its adapter: so
 * whatever happens, this process tells its parent and exits, and the parent starts another.
 *
 * Reports go as HCI events over the pipe; all else over the channel. No text of an error ever leaves: it could hold an
 * address.
 */
import { createRequire } from 'node:module';
import { Socket } from 'node:net';
import { hciReport, type NobleAdvertisement } from './hci-report.ts';
import { type ChildMessage, type ChildTask, type ParentMessage, REPORTS_FD } from './noble-messages.ts';

/** Reports the parent has not taken yet, bytes; beyond this they are dropped and counted. */
const LONGEST_BACKLOG = 262_144;

interface Noble {
  on(event: 'stateChange', listener: (state: string) => void): void;
  on(event: 'scanStart', listener: () => void): void;
  on(event: 'warning', listener: (message: string) => void): void;
  on(event: 'discover', listener: (peripheral: NobleAdvertisement) => void): void;
  startScanning(serviceUuids: string[], allowDuplicates: boolean): void;
  readonly _state: string;
}

const task = JSON.parse(process.argv[2]) as ChildTask;
const pipe = new Socket({ fd: REPORTS_FD, readable: false });
let dropped = 0;
let corked = false;

// A parent that is gone, however it went, has no more use for this process.
process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
pipe.on('error', () => process.exit(0));
process.on('uncaughtException', (error) => leave(codeOf(error)));

try {
  listen(await openNoble());
} catch (error) {
  leave(codeOf(error));
}

async function openNoble(): Promise<Noble> {
  const require = createRequire(import.meta.url);
  if (task.bindings === undefined) {
    return require('@abandonware/noble/with-custom-binding')({ deviceId: task.device }) as Noble;
  }
  const { createBindings } = (await import(task.bindings)) as { createBindings(): unknown };
  return require('@abandonware/noble/with-bindings')(createBindings()) as Noble;
}

function listen(noble: Noble): void {
  const scan = (): void => {
    // Duplicates: each advertisement, not only the first of a device.
    if (noble._state === 'poweredOn') noble.startScanning([], true);
  };
  noble.on('warning', (text) => {
    // Of its warnings, the one that tells of an adapter that cannot be opened.
    if (text.startsWith('Initialization of ')) leave(/\bE[A-Z]{3,}\b/.exec(text)?.[0] ?? 'Error');
  });
  noble.on('discover', report);
  noble.on('scanStart', () => tell({ kind: 'scanning' }));
  noble.on('stateChange', (state) => {
    tell({ kind: 'state', state });
    scan();
  });
  // noble ends the process at SIGINT where it is the last to listen; here the parent decides.
  process.on('SIGINT', () => undefined);
  process.on('message', (message: ParentMessage) => {
    if (message === 'end') process.exit(0);
    else if (message === 'rescan') scan();
    else tell({ kind: 'memory', rss: process.memoryUsage.rss(), dropped });
  });
}

/** All reports of one turn of the loop go in one write. */
function report(peripheral: NobleAdvertisement): void {
  const packet = hciReport(peripheral);
  if (packet === null || pipe.writableLength > LONGEST_BACKLOG) {
    dropped++;
    return;
  }
  if (!corked) {
    corked = true;
    pipe.cork();
    process.nextTick(() => {
      corked = false;
      pipe.uncork();
    });
  }
  pipe.write(packet);
}

function tell(message: ChildMessage): void {
  process.send?.(message);
}

/** Only the callback of `send` knows that the message is out. */
function leave(code: string): void {
  const message: ChildMessage = { kind: 'failed', code };
  if (process.connected) process.send?.(message, undefined, {}, () => process.exit(3));
  else process.exit(3);
}

function codeOf(error: unknown): string {
  const { code, name } = error as { code?: unknown; name?: unknown };
  if (typeof code === 'string' && /^[A-Z_]{2,40}$/.test(code)) return code;
  return typeof name === 'string' && /^\w{1,40}$/.test(name) ? name : 'Error';
}
