import { existsSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StatusDocument } from '../agent/local/document.ts';
import { freePort } from '../agent/uplink/brokers.ts';
import { doorLine } from '../drivers/simulator/encode/door-line.ts';
import { wifiLine } from '../drivers/simulator/encode/wifi-line.ts';
import { Broker, MOSQUITTO } from './support/broker.ts';
import { Collector, MAIN } from './support/gateway.ts';
import { readLedger } from './support/ledger.ts';
import { Child, until } from './support/processes.ts';
import { Pty, SOCAT } from './support/pty.ts';
import { footfall, shopSettings } from './support/shop.ts';

const TMPFS = 0x01021994;
const MEMORY = '/dev/shm';
const missing =
  (SOCAT === null ? 'needs socat' : null) ??
  (MOSQUITTO === null ? 'needs mosquitto' : null) ??
  // On a disk the day's key would outlive a power-off, and the daemon rightly calls itself degraded.
  (existsSync(MEMORY) && statfsSync(MEMORY).type === TMPFS ? null : `needs a tmpfs at ${MEMORY}`);
/** Generous: a machine that builds something else at the same time must not fail this. */
const PATIENCE = 60_000;

const scratch = mkdtempSync(join(tmpdir(), 'footfall-life-'));
const wifiPath = join(scratch, 'wifi');
const doorPath = join(scratch, 'door');

/** A time zone in which it is about noon, so that no store day ends in the middle of the test. */
function noonZone(): string {
  const behind = new Date().getUTCHours() - 12;
  return behind === 0 ? 'Etc/GMT' : `Etc/GMT${behind > 0 ? '+' : '-'}${Math.abs(behind)}`;
}

describe.skipIf(missing !== null)(`a daemon's life on the real clock${missing === null ? '' : ` (${missing})`}`, () => {
  const settings = join(scratch, 'footfall.yaml');
  const door = { seq: 0, entered: 0, left: 0 };
  let runtime: string;
  let broker: Broker;
  let collector: Collector;
  let wifi: Pty;
  let doorPty: Pty;
  let daemon: Child;

  beforeAll(async () => {
    runtime = mkdtempSync(join(MEMORY, 'footfall-life-'));
    broker = new Broker(scratch, await freePort());
    await broker.start();
    collector = new Collector(join(scratch, 'collector.db'), broker.url);
    collector.start();
    wifi = await Pty.open(wifiPath);
    doorPty = await Pty.open(doorPath);
    writeFileSync(settings, settingsText());
  }, PATIENCE);

  afterAll(async () => {
    await daemon?.end('SIGKILL');
    await collector.end('SIGKILL');
    await broker.kill();
    await wifi.close();
    await doorPty.close();
    for (const path of [scratch, runtime]) rmSync(path, { recursive: true, force: true });
  });

  function settingsText(runtimeDirectory = runtime): string {
    return shopSettings({
      directory: scratch,
      sensors: [
        { id: 'window', driver: 'wifi-lines', port: wifiPath, place: 'shop' },
        { id: 'entrance', driver: 'door-lines', port: doorPath, place: 'main' },
      ],
      brokerUrl: broker.url,
      runtimeDirectory,
      timeZone: noonZone(),
    });
  }

  async function start(): Promise<void> {
    daemon = new Child('footfall run', process.execPath, [MAIN, 'run', '-s', settings], { keep: 1_000_000 });
    await until(
      'every sensor up',
      async () => {
        if (!daemon.running) throw new Error(`footfall run ended:\n${daemon.output}`);
        const status = await ask();
        return status?.sensors.every(({ state }) => state === 'up') && status.uplink.phase === 'connected';
      },
      PATIENCE,
      100,
    );
  }

  /** What `footfall status --json` answers; null while nobody does. */
  async function ask(): Promise<StatusDocument | null> {
    const { code, output } = await footfall('status', '--json', '--settings', settings);
    return code === 3 ? null : (JSON.parse(output) as StatusDocument);
  }

  function when(what: string, holds: (status: StatusDocument) => boolean): Promise<StatusDocument> {
    return until(
      what,
      async () => {
        const status = await ask();
        return status !== null && holds(status) ? status : null;
      },
      PATIENCE,
      100,
    );
  }

  const told = (): ReturnType<typeof footfall> => footfall('status', '--settings', settings);
  const oneLine = (text: string): string => text.replace(/\s+/g, ' ');

  /** People through the door, and the line in which its counter tells its totals. */
  function pass(entered: number, left: number): Promise<void> {
    door.seq++;
    door.entered += entered;
    door.left += left;
    const totals = { in: door.entered, out: door.left };
    return doorPty.write(doorLine({ boot: 0x0badcafe, seq: door.seq, ...totals, ms: door.seq * 1_000 }));
  }

  function phones(count: number): Promise<void> {
    const lines = Array.from({ length: count }, (_, index) =>
      wifiLine({ fields: 6, source: Uint8Array.of(0x10, 0xaf, 1, 2, 3, index), channel: 6, rssi: -50 }),
    );
    return wifi.write(Buffer.concat(lines));
  }

  async function replug(path: string): Promise<Pty> {
    for (const left of [path, `${path}.sock`]) rmSync(left, { force: true });
    return Pty.open(path);
  }

  it('says with 3 that nothing runs', { timeout: PATIENCE }, async () => {
    const { code, output, errors } = await told();
    expect({ code, errors }).toEqual({ code: 3, errors: '' });
    expect(output).toMatch(/^○ FIRST START/);
    expect(oneLine(output)).toContain(' → Start it: ');
  });

  it('refuses broken settings with the place of each mistake', { timeout: PATIENCE }, async () => {
    const broken = join(scratch, 'broken.yaml');
    writeFileSync(broken, settingsText().replace('window_minutes: 1,', 'window_minutes: 7,').replace('zone:', 'zoen:'));
    const { code, errors, output } = await footfall('run', '-s', broken);
    expect(code).toBe(1);
    expect(output).toBe(errors);
    const places = errors.split('\n').filter((line) => line.includes(`${broken}:`) && /\.yaml:\d+:\d+: /.test(line));
    expect(places.length).toBeGreaterThanOrEqual(2);
    const text = readFileSync(broken, 'utf8').split('\n');
    for (const word of ['zoen', 'window_minutes']) {
      const line = text.findIndex((content) => content.includes(word)) + 1;
      expect(errors).toContain(`${broken}:${line}:`);
    }
    expect(existsSync(join(scratch, 'data'))).toBe(false);
  });

  it('starts, counts what is sent, and says so with 0', { timeout: PATIENCE * 2 }, async () => {
    await start();
    await pass(0, 0);
    await pass(4, 1);
    await pass(3, 2);
    await phones(5);
    const status = await when('all counted', ({ today }) => today.entries === 7 && today.visits === 5);
    expect(status.today).toMatchObject({ entries: 7, exits: 3, occupancy: 4 });
    expect(status.sensors.map(({ accepted, rejected }) => ({ accepted, rejected }))).toEqual([
      { accepted: 5, rejected: {} },
      { accepted: 3, rejected: {} },
    ]);
    expect(status.verdict).toMatchObject({ state: 'counting', reasons: [] });
    expect(status.clock).toEqual({ virtual: false, key: 'made', trust: 'synchronised' });
    const { code, output } = await told();
    expect(code).toBe(0);
    expect(output).toMatch(/^● COUNTING {2}since /);
    expect(output).toContain('lab/shop-1');
  });

  it('is the only one on its data', { timeout: PATIENCE }, async () => {
    const key = readFileSync(join(runtime, 'day.key'));
    const same = await footfall('run', '-s', settings);
    expect(same.code).toBe(1);
    expect(same.errors).toMatch(/^error: .*(only owner of|another daemon answers on) .*\nhint: .*[Ss]top/);
    const elsewhere = join(scratch, 'elsewhere.yaml');
    writeFileSync(elsewhere, settingsText(join(runtime, 'other')));
    const other = await footfall('run', '-s', elsewhere);
    expect(other.code).toBe(1);
    expect(other.errors).toContain(`only owner of ${join(scratch, 'data', 'footfall.db')}`);
    expect(readFileSync(join(runtime, 'day.key'))).toEqual(key);
    expect((await ask())?.verdict.state).toBe('counting');
  });

  it('degrades while a line is unplugged, and comes back by itself', { timeout: PATIENCE * 3 }, async () => {
    await doorPty.close();
    const { verdict, sensors } = await when('sensor down', (status) => status.verdict.state === 'degraded');
    expect(verdict.reasons).toMatchObject([{ code: 'sensor_down', hint: expect.stringContaining(doorPath) as string }]);
    expect(sensors.map(({ state }) => state)).toEqual(['up', 'down']);
    const { code, output } = await told();
    expect(code).toBe(1);
    expect(output).toContain('DEGRADED');
    expect(oneLine(output)).toContain('→ Check the plug and the cable of ');
    // Nobody hears these; the next line's totals hold them all the same.
    Object.assign(door, { seq: door.seq + 1, entered: door.entered + 2 });
    rmSync(doorPath, { force: true });
    await when('its absence', ({ sensors: [, { detail }] }) => detail?.includes('not plugged in') ?? false);
    doorPty = await replug(doorPath);
    await when('up again', ({ verdict: { state } }) => state === 'counting');
    await pass(1, 0);
    const { today } = await when('caught up', ({ today: { entries } }) => entries === 10);
    expect(today).toMatchObject({ entries: door.entered, exits: door.left });
  });

  it('says with 2 that it counts nothing when every line is gone', { timeout: PATIENCE * 3 }, async () => {
    await Promise.all([wifi.close(), doorPty.close()]);
    await when('nothing counted', ({ verdict: { state } }) => state === 'not_counting');
    const { code, output } = await told();
    expect(code).toBe(2);
    expect(output).toMatch(/^○ NOT COUNTING/);
    [wifi, doorPty] = await Promise.all([replug(wifiPath), replug(doorPath)]);
    await when('both up', ({ verdict: { state } }) => state === 'counting');
  });

  it('names a broker that is gone, and finds it again', { timeout: PATIENCE * 3 }, async () => {
    await broker.kill();
    const { verdict, uplink } = await when('the uplink down', (status) => status.verdict.state === 'degraded');
    expect(verdict.reasons.map(({ code }) => code)).toEqual(['uplink_down']);
    expect(['connecting', 'waiting']).toContain(uplink.phase);
    const { code, output } = await told();
    expect(code).toBe(1);
    expect(oneLine(output)).toContain('Not connected to the broker: ');
    await pass(1, 1);
    await when('counted all the same', ({ today: { entries } }) => entries === door.entered);
    await broker.start();
    await when('connected', (status) => status.verdict.state === 'counting' && status.uplink.phase === 'connected');
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'ends in order on %s and goes on where it was',
    { timeout: PATIENCE * 3 },
    async (signal) => {
      await pass(1, 0);
      const before = await when('the last one counted', ({ today: { entries } }) => entries === door.entered);
      // Sent and not asked for: read or still in the port, a line's totals come again.
      await pass(1, 0);
      daemon.process.kill(signal);
      // As timeout(1) does, and an impatient hand: what is under way goes on.
      await until(
        'its first word of it',
        () => daemon.output.includes('"msg":"stopping"') || daemon.process.exitCode,
        5_000,
        1,
      );
      daemon.process.kill(signal);
      const ended = await until(
        'its end',
        () => Promise.race([daemon.ended, new Promise<null>((resolve) => setTimeout(resolve, 100, null))]),
        PATIENCE,
      );
      expect(ended).toEqual({ code: 0, signal: null });
      await until('its last words', () => daemon.output.includes('"msg":"stopped"'));
      expect(daemon.output.trimEnd().split('\n').at(-1)).toContain('"msg":"stopped"');
      expect(existsSync(join(runtime, 'footfall.sock'))).toBe(false);
      expect((await told()).code).toBe(3);
      await start();
      const after = await ask();
      expect(after?.box.last_end).toMatchObject({ how: 'stopped', message: `Stopped by ${signal}.` });
      expect(after?.buffer.epoch).toBe(before.buffer.epoch);
      expect(after?.clock.key).toBe('kept');
      expect(after?.today.entries).toBeGreaterThanOrEqual(before.today.entries ?? Infinity);
      expect(after?.today).toMatchObject({ date: before.today.date, visits: before.today.visits });
      await pass(1, 0);
      await when('nobody lost', ({ today: { entries } }) => entries === door.entered);
    },
  );

  it.each([
    ['killed', null],
    ['watchdog', 'watchdog'],
  ])('says after a restart that it was %s', { timeout: PATIENCE * 2 }, async (how, result) => {
    await daemon.end('SIGKILL');
    // What the unit's ExecStopPost leaves of systemd's opinion.
    const left = join(runtime, 'service-result');
    if (result !== null) writeFileSync(left, `${result}\n`);
    const { output } = await told();
    expect(output).toMatch(/^○ NOT RUNNING/);
    await start();
    expect((await ask())?.box.last_end).toMatchObject({ how, hint: expect.stringContaining('kernel log') as string });
    expect(existsSync(left)).toBe(false);
    expect((await footfall('status', '--history', '--settings', settings)).output).toContain('daemon started');
  });

  it('delivers what it sealed, and the collector ends in order too', { timeout: PATIENCE * 3 }, async () => {
    const status = await until(
      'a window at the collector',
      async () => {
        const now = await ask();
        return now !== null && now.buffer.sealed_through > 0 && now.buffer.held === 0 ? now : null;
      },
      PATIENCE * 2,
      250,
    );
    const ledger = readLedger(collector.database, status.buffer.sealed_through);
    expect(ledger).toMatchObject({ missingSequences: [], doubleWindows: [], epochs: [status.buffer.epoch] });
    collector.child?.process.kill('SIGINT');
    expect(await collector.child?.ended).toEqual({ code: 0, signal: null });
    await until('its ledger', () => collector.child?.output.includes('"message":"Ledger"'));
  });
});
