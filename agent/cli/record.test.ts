import { chmodSync, mkdtempSync, readdirSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeRecording } from '../../drivers/recording/decode.ts';
import { openRecording } from '../../drivers/recording/open.ts';
import { Agenda } from '../../drivers/simulator/agenda.ts';
import { DoorModbusFormat } from '../../drivers/simulator/formats/door-modbus.ts';
import { Random } from '../../drivers/simulator/random.ts';
import { NOT_NOW, openSerialPort } from '../../drivers/transport/port.ts';
import { HAVE_SOCAT, PtyPair } from '../../drivers/transport/ptys.testing.ts';
import { requestLocal } from '../local/client.ts';
import { startLocalServer } from '../local/server.ts';
import { register } from './record.ts';
import { register as registerReplay } from './replay.ts';
import { runVerb } from './verb.fixture.ts';
import type { RecordSummary } from './view/record.ts';

let folder: string;
let pass: string;
let settings: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'footfall-record-'));
  pass = join(folder, 'pass');
  writeFileSync(pass, 'correct horse battery\n', { mode: 0o600 });
  settings = join(folder, 'shop.yaml');
  settle('/dev/none');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function settle(port: string): void {
  writeFileSync(
    settings,
    `tenant: secret-tenant
gateway: shop-1
store: { id: secret-store, time_zone: Europe/Prague, hours: { daily: 24h } }
sensors:
  - { id: gate, driver: door-modbus, port: ${port}, door: main, profile: wb-mcm8, in_channel: 1, out_channel: 2, unit: 3, poll_ms: 100 }
storage: { directory: ${join(folder, 'data')} }
runtime_directory: ${join(folder, 'run')}
clock: { source: host }
`,
  );
}

const file = (): string => join(folder, 'gate.age');
const use = (): string[] => ['--with-addresses', '--passphrase-file', pass, '-s', settings];
const record = (...words: string[]) => runVerb(register, ['record', ...words]);
const replay = (...words: string[]) => runVerb(registerReplay, ['replay', ...words]);
const left = (): string[] => readdirSync(folder).filter((name) => name.startsWith('gate.age'));

describe('footfall record', () => {
  it('needs to be told that addresses are kept, and says why', async () => {
    const { code, err } = await record('gate', file(), '--passphrase-file', pass, '-s', settings);
    expect(code).toBe(64);
    expect(err).toMatch(/hardware addresses of all devices/);
    expect(err).toContain('--with-addresses');
    expect(left()).toEqual([]);
  });

  it.each<[string, () => string[], RegExp]>([
    ['an unknown sensor', () => ['nobody', file(), ...use()], /sensor of .*shop\.yaml, received "nobody"/],
    ['an expiry before the end', () => ['gate', file(), ...use(), '--for', '2h', '--expires', '1h'], /--expires later/],
    ['an expiry too late', () => ['gate', file(), ...use(), '--expires', '31d'], /at most 30d/],
    ['a time without end', () => ['gate', file(), ...use(), '--for', '2d'], /at most 1d/],
    ['no size', () => ['gate', file(), ...use(), '--max-size', '0MB'], /size such as 64MB/],
    [
      'a bad recipient',
      () => ['gate', file(), '--with-addresses', '--recipient', 'age1x', '-s', settings],
      /age1\.\.\./,
    ],
    ['two locks', () => ['gate', file(), ...use(), '--recipient', 'age1x'], /cannot be used with/],
    ['no terminal to ask at', () => ['gate', file(), '--with-addresses', '-s', settings], /terminal to ask/],
  ])('refuses %s with 64 and makes nothing', async (_name, words, said) => {
    const { code, err } = await record(...words());
    expect(err).toMatch(said);
    expect(code).toBe(64);
    expect(left()).toEqual([]);
  });

  it('refuses a passphrase that is short, open to others, or missing', async () => {
    writeFileSync(pass, 'short\n');
    expect(await record('gate', file(), ...use())).toMatchObject({ code: 64, err: expect.stringContaining('12') });
    writeFileSync(pass, '\n');
    expect((await record('gate', file(), ...use())).code).toBe(64);
    writeFileSync(pass, 'correct horse battery\n');
    chmodSync(pass, 0o604);
    expect(await record('gate', file(), ...use())).toMatchObject({ code: 64, err: expect.stringContaining('chmod') });
    rmSync(pass);
    const { code, err } = await record('gate', file(), ...use());
    expect(code).toBe(64);
    expect(err).not.toContain('horse');
    expect(left()).toEqual([]);
  });

  it('leaves a file that is there alone', async () => {
    writeFileSync(file(), 'mine');
    expect((await record('gate', file(), ...use())).code).toBe(64);
    expect(left()).toEqual(['gate.age']);
    expect(statSync(file()).size).toBe(4);
  });

  it('ends with 3 where neither a daemon nor the line is there, or the named socket is nobody', async () => {
    const line = await record('gate', file(), ...use());
    expect(line).toMatchObject({ code: 3, err: expect.stringContaining('no such device') });
    const socket = await record('gate', file(), ...use(), '--socket', join(folder, 'none.sock'));
    expect(socket).toMatchObject({ code: 3, err: expect.stringContaining('no daemon on') });
    expect(left()).toEqual([]);
  });

  it.skipIf(!HAVE_SOCAT)(
    'records a polled sensor from its own line where no daemon runs; it replays',
    async () => {
      const ptys = new PtyPair();
      await ptys.plug();
      const started = performance.now();
      const agenda = new Agenda(0);
      const port = await openSerialPort(ptys.far, { baudRate: 9_600 });
      let answers = 0;
      const wire = (bytes: Uint8Array): boolean => {
        answers++;
        return port.write(bytes) === bytes.length;
      };
      const sensor = { id: 'gate', driver: 'door-modbus', unit: 3, variant: 'wb-mcm8' };
      const unit = new DoorModbusFormat({ sensor, agenda, random: new Random(1), wire });
      unit.boot();
      const totals = { in: 0, out: 0 };
      const line = setInterval(() => {
        agenda.run(Math.floor(performance.now() - started));
        const asked = readNow(port.fd);
        if (asked.length === 0) return;
        unit.receive(asked);
        // Somebody comes after each question.
        unit.counted({ ...totals, in: ++totals.in }, true);
      }, 2);
      settle(ptys.near);
      try {
        const { code, out, err } = await record('gate', file(), ...use(), '--for', '3s', '--json');
        expect({ code, err }).toEqual({ code: 0, err: '' });
        const summary = JSON.parse(out) as RecordSummary;
        expect(summary).toMatchObject({ source: 'line', driver: 'door-modbus', end: 'time', whole: true });
        expect(summary.frames).toBeGreaterThan(3);
        expect(summary.frames).toBeLessThanOrEqual(answers);

        const recording = await openRecording(file(), { passphrase: 'correct horse battery', nowMs: Date.now() });
        expect(recording.header.sensors).toMatchObject([{ options: { unit: 3, modbus: { functionCode: 4 } } }]);
        expect(JSON.stringify(recording.header)).not.toContain('secret');
        const entered: number[] = [];
        const [decoded] = await decodeRecording(recording, () => ({ counter: (_time, total) => entered.push(total) }));
        expect(decoded.counts.accepted).toBe(summary.frames);
        expect(entered.length).toBeGreaterThan(3);
        expect(entered).toEqual([...entered].sort((a, b) => a - b));
        expect(entered.at(-1)).toBeGreaterThan(entered[0]);

        const counted = await replay(file(), '--passphrase-file', pass, '--json');
        const door = counted.out.split('\n').find((text) => text.includes('"kind":"door"'));
        expect(JSON.parse(door ?? '{}')).toMatchObject({ entries: (entered.at(-1) ?? 0) - entered[0], exits: 0 });
      } finally {
        clearInterval(line);
        await port.close();
        await ptys.close();
      }
    },
    30_000,
  );
});

describe('the route of recordings', () => {
  it('gives nothing to whoever does not say that addresses are wanted', async () => {
    const path = join(folder, 's.sock');
    let listened = false;
    const record = (): (() => void) => {
      listened = true;
      return () => undefined;
    };
    const server = await startLocalServer({ path, routes: { status: () => ({}) as never, record } });
    try {
      await expect(requestLocal(path, 'GET', '/record?sensor=gate')).rejects.toMatchObject({
        code: 'addresses_unasked',
      });
      expect(listened).toBe(false);
    } finally {
      await server.stop();
    }
  });
});

describe('footfall replay of what was recorded', () => {
  const bytes = Buffer.from('++\nnoise\n-\n');
  const raw = (): string => {
    const path = join(folder, 'bytes.bin');
    writeFileSync(path, bytes);
    return path;
  };

  it('decodes the bytes of one port, by the driver that is named', async () => {
    const { code, out } = await replay(raw(), '--raw', '--driver', 'door-lines', '--decode', '--json');
    expect(code).toBe(0);
    const { sensors } = JSON.parse(out) as { sensors: unknown[] };
    expect(sensors).toMatchObject([{ driver: 'door-lines', bytes: bytes.length, accepted: 2, rejected: { noise: 1 } }]);
    const other = await replay(raw(), '--raw', '--driver', 'ble-nrf', '--decode', '--json');
    expect(JSON.parse(other.out)).toMatchObject({ sensors: [{ driver: 'ble-nrf', accepted: 0 }] });
    const slow = await replay(raw(), '--raw', '--driver', 'door-lines', '--baud', '10', '--decode', '--json');
    const [{ readings }] = (JSON.parse(slow.out) as { sensors: { readings: Record<string, Record<string, number>> }[] })
      .sensors;
    // Eleven bytes at a byte a second.
    expect(readings.crossing.last_ms - readings.crossing.first_ms).toBe(8_000);
  });

  it('refuses raw bytes of nobody, and a speed for what has times', async () => {
    expect(await replay(raw(), '--raw')).toMatchObject({ code: 64, err: expect.stringContaining('--driver') });
    expect((await replay(raw(), '--driver', 'door-lines', '--baud', '9600')).code).toBe(64);
    expect((await replay(join(folder, 'none'), '--raw', '--driver', 'door-lines')).code).toBe(1);
  });

  it('opens with the identity of the recipient, and asks nobody where there is no terminal', async () => {
    const identity = await generateIdentity();
    const recipient = await identityToRecipient(identity);
    const { RecordingFile } = await import('../../drivers/recording/recording-file.ts');
    const made = await RecordingFile.create(file(), { recipients: [recipient] });
    const now = Date.now();
    made.begin({ startMs: now, sensors: [{ id: 'gate', driver: 'door-lines' }], expiresMs: now + 60_000 });
    made.write({ timeMs: now, sensorId: 'gate', bytes });
    await made.finish({ timeMs: now + 5_000, reason: 'behind' });
    const key = join(folder, 'key.txt');
    writeFileSync(key, `# made by a test\n${identity}\n`, { mode: 0o600 });
    const { code, out } = await replay(file(), '--identity', key, '--decode');
    expect(code).toBe(0);
    expect(out).toMatch(/gate \(door-lines\).*2 frames accepted.*crossing.*ended early/s);
    const tried = await replay(file(), '--identity', key, '--decode', '--driver', 'wifi-lines');
    expect(tried.out).toContain('gate (wifi-lines)');
    expect(await replay(file(), '--decode')).toMatchObject({ code: 64, err: expect.stringContaining('--identity') });
    expect((await replay(file(), '--identity', key, '--decode', '--sensor', 'other')).code).toBe(64);
    writeFileSync(key, `${await generateIdentity()}\n`);
    const wrong = await replay(file(), '--identity', key);
    expect(wrong).toMatchObject({ code: 1, out: '', err: expect.stringContaining('another one') });
  });
});

function readNow(fd: number): Uint8Array {
  const bytes = Buffer.alloc(4_096);
  try {
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, null));
  } catch (error) {
    if (NOT_NOW.has((error as NodeJS.ErrnoException).code ?? '')) return bytes.subarray(0, 0);
    throw error;
  }
}
