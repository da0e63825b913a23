import { beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../agent/platform/clock.ts';
import { BluetoothSource } from './bluetooth.ts';
import type { ListeningEvents, ListeningProcess, ListeningTask } from './noble-process.ts';
import { ScriptedSysfs } from './sysfs.fixture.ts';

const MINUTE = 60_000;
const EVENT = Buffer.from('043e0102', 'hex');

/** A process that does what the test says. */
class ScriptedProcess implements ListeningProcess {
  readonly task: ListeningTask;
  readonly events: ListeningEvents;
  readonly asked: string[] = [];
  ending = false;
  answers = true;
  rss = 60e6;
  #gone: () => void = () => undefined;

  constructor(task: ListeningTask, events: ListeningEvents) {
    this.task = task;
    this.events = events;
  }

  ask(question: 'memory' | 'rescan'): void {
    this.asked.push(question);
    if (question === 'memory' && this.answers) this.events.message({ kind: 'memory', rss: this.rss, dropped: 0 });
  }

  end(): Promise<void> {
    this.ending = true;
    return new Promise((resolve) => {
      this.#gone = resolve;
    });
  }

  /** It is gone: by itself, or as it was asked to. */
  async go(how = 'it ended with 0'): Promise<void> {
    this.events.ended(how);
    this.#gone();
    await settle();
  }

  scans(): void {
    this.events.message({ kind: 'state', state: 'poweredOn' });
    this.events.message({ kind: 'scanning' });
  }

  says(state: string): void {
    this.events.message({ kind: 'state', state });
  }

  fails(code: string): Promise<void> {
    this.events.message({ kind: 'failed', code });
    return this.go('it ended with 3');
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

let clock: VirtualClock;
let sysfs: ScriptedSysfs;
let processes: ScriptedProcess[];
let states: string[];
let bytes: string[];
let source: BluetoothSource;

function start(adapter = 'auto', files = sysfs): void {
  source = new BluetoothSource({
    adapter,
    clock,
    random: () => 0.5,
    files,
    open: (task, events) => {
      const process = new ScriptedProcess(task, events);
      processes.push(process);
      return process;
    },
  });
  source.start({
    bytes: (chunk) => void bytes.push(Buffer.from(chunk).toString('hex')),
    state: (state, detail) => void states.push(`${state}: ${detail}`),
  });
}

const last = (): ScriptedProcess => processes[processes.length - 1];
const state = (): string => states[states.length - 1];
const pass = (ms: number): Promise<void> => clock.advanceTo(clock.monotonic() + ms);

/** Lets time pass with an advertisement each ten seconds. */
async function passHearing(ms: number): Promise<void> {
  for (const end = clock.monotonic() + ms; clock.monotonic() < end; ) {
    last().events.reports(EVENT);
    await pass(10_000);
  }
}

beforeEach(() => {
  clock = new VirtualClock(1_000_000);
  sysfs = new ScriptedSysfs();
  processes = [];
  states = [];
  bytes = [];
});

describe('Bluetooth', () => {
  it('listens with the adapter and passes whole events on', async () => {
    sysfs.plugIn('hci3', '/usb/1-1');
    start();
    expect(last().task).toEqual({ device: 3, exclusive: false });
    last().scans();
    last().events.reports(EVENT.subarray(0, 2));
    last().events.reports(Buffer.concat([EVENT.subarray(2), EVENT]));
    expect(bytes).toEqual(['043e0102', '043e0102']);
    expect(states).toEqual(['starting: looking for a Bluetooth adapter', 'listening: listening with hci3']);
    const stopped = source.stop();
    expect(last().ending).toBe(true);
    await last().go();
    await stopped;
    await pass(MINUTE);
    expect([processes.length, states.length]).toEqual([1, 2]);
  });

  it('is stopped before anything was there, and while a process is on its way out', async () => {
    start();
    await source.stop();
    sysfs.plugIn('hci0', '/usb/1-1');
    start();
    last().scans();
    sysfs.unplug('hci0');
    await pass(2_000);
    const stopped = source.stop();
    let over = false;
    void stopped.then(() => {
      over = true;
    });
    await settle();
    expect(over).toBe(false);
    await last().go();
    await stopped;
    expect(processes).toHaveLength(1);
  });

  it('waits for an adapter, takes it when it comes, and again under another name', async () => {
    start('hci0');
    expect(state()).toBe(
      'no_adapter: expected the Bluetooth adapter hci0, found none: plug one in, or see: dmesg | grep -i bluetooth',
    );
    await pass(10 * MINUTE);
    expect([processes.length, states.length]).toEqual([0, 2]);
    sysfs.plugIn('hci0', '/usb/1-1');
    await pass(2_000);
    last().scans();
    expect(state()).toBe('listening: listening with hci0');
    sysfs.unplug('hci0');
    await pass(2_000);
    expect(state()).toContain('no_adapter');
    await last().go();
    sysfs.plugIn('hci1', '/usb/1-1');
    await pass(2_000);
    expect([processes.length, last().task.device]).toEqual([2, 1]);
    last().scans();
    expect(state()).toBe('listening: listening with hci1');
  });

  it('does not take another adapter than the one it was told', async () => {
    sysfs.plugIn('hci1', '/usb/1-2');
    start('hci0');
    await pass(MINUTE);
    expect(processes).toHaveLength(0);
    expect(state()).toBe(
      'no_adapter: expected the Bluetooth adapter hci0, found hci1: name it in "adapter", or "auto"',
    );
  });

  it('sees an adapter that was plugged in again between two looks', async () => {
    sysfs.plugIn('hci0', '/usb/1-1');
    start();
    last().scans();
    sysfs.unplug('hci0');
    sysfs.plugIn('hci0', '/usb/1-1');
    await pass(2_000);
    expect([state(), last().ending]).toEqual(['starting: hci0 was plugged in', true]);
    await last().go();
    await pass(2_000);
    last().scans();
    expect([processes.length, state()]).toEqual([2, 'listening: listening with hci0']);
  });

  it('tries another adapter at once, however long it would have waited for the one before', async () => {
    sysfs.plugIn('hci0', '/usb/1-1');
    start();
    await last().fails('EPERM');
    sysfs.unplug('hci0');
    await pass(2_000);
    expect(processes).toHaveLength(1);
    sysfs.plugIn('hci1', '/usb/1-2');
    await pass(2_000);
    expect(last().task.device).toBe(1);
  });

  it('says that it is switched off, and goes on when it is on', async () => {
    sysfs.plugIn('hci0', '/usb/1-1');
    sysfs.setSwitch('rfkill0', { owner: 'hci0', soft: true });
    start();
    expect(state()).toBe('blocked: hci0 is switched off by software (rfkill): sudo rfkill unblock bluetooth');
    sysfs.setSwitch('rfkill0', { owner: 'hci0', hard: true });
    await pass(2_000);
    expect(state()).toBe('blocked: hci0 is switched off by a switch or the firmware: turn its switch on');
    expect(processes).toHaveLength(0);
    sysfs.setSwitch('rfkill0', { owner: 'hci0' });
    await pass(2_000);
    last().scans();
    expect(state()).toContain('listening');
    sysfs.setSwitch('rfkill0', { owner: 'hci0', soft: true });
    await pass(2_000);
    expect([state().split(':')[0], last().ending]).toEqual(['blocked', true]);
  });

  it('switches on an adapter that is down by taking it, and shares it again where it cannot', async () => {
    sysfs.plugIn('hci0', '/usb/1-1');
    start();
    last().says('poweredOff');
    expect(state()).toMatch(/^adapter_down: hci0 is down .*hciconfig hci0 up$/);
    await last().go();
    await pass(4_000);
    expect(last().task).toEqual({ device: 0, exclusive: true });
    await last().fails('EBUSY');
    expect(state()).toMatch(/^failed: hci0 is used by another program/);
    await pass(4_000);
    expect(last().task.exclusive).toBe(false);
    last().says('poweredOff');
    await last().go();
    await pass(4_000);
    last().scans();
    expect([last().task.exclusive, state()]).toEqual([true, 'listening: listening with hci0']);
    // What takes its place takes the adapter as well.
    last().rss = 200e6;
    await passHearing(30_000);
    await processes[3].go();
    await pass(2_000);
    expect([processes.length, last().task.exclusive]).toEqual([5, true]);
  });

  it.each([
    ['EAFNOSUPPORT', 'no_module', /kernel has no Bluetooth.*modprobe/],
    ['MODULE_NOT_FOUND', 'no_module', /native module.*g\+\+/],
    ['ERR_DLOPEN_FAILED', 'no_module', /native module/],
    ['ENODEV', 'no_adapter', /hci0 went away/],
    ['EPERM', 'no_permission', /CAP_NET_RAW and CAP_NET_ADMIN/],
    ['EALREADY', 'failed', /EALREADY/],
    ['TypeError', 'failed', /TypeError/],
  ])('tells of %s as %s', async (code, expected, detail) => {
    sysfs.plugIn('hci0', '/usb/1-1');
    start();
    await last().fails(code);
    expect(state().split(':')[0]).toBe(expected);
    expect(state()).toMatch(detail);
    // Once, though it was ended as well; and it is tried again.
    expect(states).toHaveLength(2);
    await pass(2 * MINUTE);
    expect(processes.length).toBeGreaterThan(1);
  });

  it.each([
    ['unauthorized', /^no_permission: no permission to use hci0/],
    ['unsupported', /^failed: hci0 has no Bluetooth Low Energy/],
  ])('tells of the state %s', async (told, expected) => {
    sysfs.plugIn('hci0', '/usb/1-1');
    start();
    last().says(told);
    expect(state()).toMatch(expected);
  });

  it('asks noble itself where adapters cannot be looked at', async () => {
    start('hci2', new ScriptedSysfs({ bluetooth: false }));
    expect(last().task.device).toBe(2);
    await last().fails('ENODEV');
    expect(state()).toContain('no_adapter: expected the Bluetooth adapter hci2, found none');
    await pass(20_000);
    expect(processes).toHaveLength(1);
    await pass(20_000);
    last().scans();
    expect(state()).toBe('listening: listening with the Bluetooth adapter');
  });

  it('waits longer from failure to failure, and less again after one that worked', async () => {
    sysfs.plugIn('hci0', '/usb/1-1');
    start();
    const starts: number[] = [];
    for (let round = 0; round < 12; round++) {
      starts.push(clock.monotonic());
      const before = processes.length;
      await last().fails('EALREADY');
      while (processes.length === before) await pass(1_000);
    }
    const waits = starts.slice(1).map((at, index) => at - starts[index]);
    expect(waits[0]).toBeLessThanOrEqual(2_000);
    expect(waits.at(-1)).toBeGreaterThanOrEqual(15_000);
    expect(waits.at(-1)).toBeLessThanOrEqual(32_000);
    last().scans();
    await passHearing(2 * MINUTE);
    const before = processes.length;
    await last().go('it was ended by SIGABRT');
    expect(state()).toMatch(/^failed: .*SIGABRT/);
    await pass(4_000);
    expect(processes.length).toBe(before + 1);
  });

  it('replaces a process that takes too much memory, and the sensor stays up', async () => {
    sysfs.plugIn('hci0', '/usb/1-1');
    start();
    last().scans();
    await passHearing(5 * MINUTE);
    expect(processes).toHaveLength(1);
    expect(last().asked.filter((question) => question === 'memory').length).toBeGreaterThan(20);
    last().rss = 130e6;
    await passHearing(30_000);
    expect(last().ending).toBe(true);
    await last().go();
    await pass(2_000);
    last().scans();
    expect(processes).toHaveLength(2);
    expect(states.slice(1)).toEqual(['listening: listening with hci0']);
    // What the one before still says is not heard.
    processes[0].events.reports(EVENT);
    processes[0].says('poweredOff');
    expect(state()).toBe('listening: listening with hci0');
  });

  it('replaces it every six hours', async () => {
    sysfs.plugIn('hci0', '/usb/1-1');
    start();
    last().scans();
    await passHearing(359 * MINUTE);
    expect(last().ending).toBe(false);
    await passHearing(2 * MINUTE);
    expect(last().ending).toBe(true);
  });

  it('starts the scan anew when it falls silent, and after three times the process', async () => {
    sysfs.plugIn('hci0', '/usb/1-1');
    start();
    last().scans();
    await passHearing(MINUTE);
    const rescans = (): number => last().asked.filter((question) => question === 'rescan').length;
    await pass(3 * MINUTE - 20_000);
    expect(rescans()).toBe(2);
    last().events.reports(EVENT);
    await pass(4 * MINUTE - 20_000);
    expect([rescans(), last().ending]).toEqual([5, false]);
    await pass(30_000);
    expect(last().ending).toBe(true);
    expect(state()).toBe('listening: listening with hci0');
  });

  it('replaces a process that hangs', async () => {
    sysfs.plugIn('hci0', '/usb/1-1');
    start();
    last().scans();
    last().answers = false;
    await passHearing(30_000);
    expect(last().ending).toBe(false);
    await passHearing(30_000);
    expect(last().ending).toBe(true);
  });

  it('does not wait for ever for a scan to begin', async () => {
    sysfs.plugIn('hci0', '/usb/1-1');
    start();
    last().says('poweredOn');
    await pass(22_000);
    expect(state()).toBe('failed: hci0 does not begin to scan; it is tried again');
    expect(last().ending).toBe(true);
  });

  it('tells of a process that cannot be started', async () => {
    sysfs.plugIn('hci0', '/usb/1-1');
    let tries = 0;
    source = new BluetoothSource({
      adapter: 'auto',
      clock,
      random: () => 0.5,
      files: sysfs,
      open: () => {
        tries++;
        throw new Error('EMFILE');
      },
    });
    source.start({ bytes: () => undefined, state: (told, detail) => void states.push(`${told}: ${detail}`) });
    expect(state()).toMatch(/^failed: .*EMFILE/);
    await pass(MINUTE);
    expect(tries).toBeGreaterThan(3);
    await source.stop();
  });
});
