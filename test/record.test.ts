import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { WindowRecord } from '../agent/analytics/records.ts';
import type { RecordSummary } from '../agent/cli/view/record.ts';
import { requestLocal } from '../agent/local/client.ts';
import type { HealthEntry } from '../agent/local/server.ts';
import { Finder } from './support/finder.ts';
import type { Gateway } from './support/gateway.ts';
import { KnownDevices } from './support/known-devices.ts';
import { Child, until } from './support/processes.ts';
import { SOCAT } from './support/pty.ts';
import { seeded } from './support/room-run.ts';
import { deliver, footfall } from './support/shop.ts';
import { spellAddress, spellSsid } from './support/spellings.ts';
import { startThreeLines, type ThreeLines } from './support/three-lines.ts';

const missing = SOCAT === null ? 'needs socat' : null;
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const START = Date.parse('2026-03-03T10:00:00Z');
const MAIN = fileURLToPath(new URL('../agent/main.ts', import.meta.url));
const MINUTE = 60_000;
const SENSORS = ['pcap', 'lines', 'door'] as const;

const scratch = mkdtempSync(join(tmpdir(), 'footfall-record-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const passphraseFile = join(scratch, 'passphrase');
writeFileSync(passphraseFile, 'correct horse battery staple\n', { mode: 0o600 });

describe.skipIf(missing !== null)(`a recording of a running daemon${missing === null ? '' : ` (${missing})`}`, () => {
  let shop: ThreeLines;
  let ptys: ThreeLines['ptys'];
  let gateway: Gateway;
  let at = START;
  let recorders: Child[] = [];

  beforeAll(async () => {
    shop = await startThreeLines(scratch, at, 'hall');
    ({ gateway, ptys } = shop);
  }, 60_000);
  afterEach(async () => {
    await Promise.all(recorders.map((recorder) => recorder.end('SIGKILL')));
    recorders = [];
  });
  afterAll(async () => {
    await shop?.end();
  });

  const fileOf = (name: string): string => join(scratch, `${name}.age`);

  function record(id: string, name: string, ...words: string[]): Child {
    const use = ['--with-addresses', '--passphrase-file', passphraseFile, '--json', '-s', gateway.settingsPath];
    const child = new Child(`record ${id}`, process.execPath, [MAIN, 'record', id, fileOf(name), ...use, ...words]);
    recorders.push(child);
    return child;
  }

  async function events(): Promise<string[]> {
    const { changes } = (await requestLocal(gateway.socketPath, 'GET', '/health')) as { changes: HealthEntry[] };
    return changes.filter(({ code }) => code.startsWith('recording_')).map(({ message }) => message);
  }

  /** Until the daemon's history tells of it so often; its clock stands still unless it is moved. */
  async function untilNoted(message: string, count: number, child?: Child): Promise<void> {
    await until(`${count} times "${message}"`, async () => {
      if (child?.running === false) throw new Error(`a recording ended:\n${child.output}`);
      at += 1_000;
      await gateway.advance(at);
      return (await events()).filter((told) => told === message).length >= count;
    });
  }

  /** Starts a recording and waits until the daemon passes bytes on. */
  async function started(id: string, name: string, ...words: string[]): Promise<Child> {
    const message = `recording of ${id} started`;
    const before = (await events()).filter((told) => told === message).length;
    const child = record(id, name, ...words);
    await untilNoted(message, before + 1, child);
    return child;
  }

  function history(kind: string): WindowRecord[] {
    const database = new Database(gateway.databasePath, { readonly: true });
    try {
      const rows = database.prepare('SELECT body FROM history WHERE kind = ? ORDER BY window, place').all(kind);
      return (rows as { body: string }[]).map(({ body }) => JSON.parse(body) as WindowRecord);
    } finally {
      database.close();
    }
  }

  async function replayed(name: string): Promise<WindowRecord[]> {
    const words = ['replay', fileOf(name), '--passphrase-file', passphraseFile, '-s', gateway.settingsPath, '--json'];
    const { code, output, errors } = await footfall(...words);
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    return output
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as WindowRecord);
  }

  /** What was counted in windows that have something to count. */
  const traffic = (records: WindowRecord[], place: string) =>
    records
      .filter((record) => record.kind === 'traffic' && record.place === place && record.sightings > 0)
      .map(
        (record) =>
          record.kind === 'traffic' && [
            record.start_ms,
            record.sightings,
            record.random_sightings,
            record.visits,
            record.passers_by,
          ],
      );
  const doors = (records: WindowRecord[]) =>
    records
      .filter((record) => record.kind === 'door' && record.entries + record.exits > 0)
      .map((record) => record.kind === 'door' && [record.start_ms, record.entries, record.exits]);

  it('counts to the same numbers as live, holds no address in the clear, and stands in the history', async () => {
    const children: Child[] = [];
    for (const id of SENSORS) children.push(await started(id, id));
    const devices = new KnownDevices(seeded(seed));
    const from = at;
    for (const round of [0, 1, 2]) {
      const feed = devices.feed(round);
      at = Math.ceil(at / MINUTE) * MINUTE + 20_000;
      const bytes = {
        pcap: Buffer.concat(feed.pcap),
        lines: Buffer.concat(feed.lines),
        door: Buffer.concat(feed.door),
      };
      await deliver(gateway, ptys, at, bytes);
    }
    const sent = Object.fromEntries(SENSORS.map((id) => [id, ptys[id].written]));
    const lineOf = (child: Child) => child.process.kill('SIGINT');
    // What the daemon has read is on its way already.
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    for (const child of children) lineOf(child);
    for (const child of children) expect(await child.ended, child.output).toEqual({ code: 0, signal: null });
    for (const id of SENSORS) await untilNoted(`recording of ${id} ended`, 1);
    at += 60 * MINUTE;
    await gateway.advance(at);
    const { sensors } = await gateway.status();

    for (const [index, id] of SENSORS.entries()) {
      const summary = JSON.parse(children[index].output) as RecordSummary;
      expect(summary).toMatchObject({ sensor: id, source: 'daemon', end: 'asked', whole: true, bytes: sent[id] });
      expect(summary.frames).toBe(sensors.find((sensor) => sensor.id === id)?.accepted);
      expect(summary.start_ms).toBeLessThanOrEqual(from);
      expect(statSync(fileOf(id)).mode & 0o777).toBe(0o600);
      expect(existsSync(`${fileOf(id)}.part`)).toBe(false);
    }

    expect(traffic(await replayed('pcap'), 'shop')).toEqual(traffic(history('traffic'), 'shop'));
    expect(traffic(await replayed('lines'), 'hall')).toEqual(traffic(history('traffic'), 'hall'));
    expect(doors(await replayed('door'))).toEqual(doors(history('door')));
    expect(traffic(history('traffic'), 'shop').length).toBeGreaterThanOrEqual(3);
    expect(doors(history('door')).length).toBeGreaterThanOrEqual(2);

    const told = [];
    for (const id of SENSORS) {
      const words = ['replay', fileOf(id), '--passphrase-file', passphraseFile, '--decode'];
      const { code, output } = await footfall(...words, ...(id === 'door' ? ['--json'] : []));
      expect(code).toBe(0);
      told.push(output);
    }
    expect(told[0]).toMatch(/sighting +144 /);
    const files = SENSORS.map((id) => readFileSync(fileOf(id)));
    const printed = [...told, ...children.map((child) => child.output)].map((text) => Buffer.from(text));
    const secrets = [...devices.addresses.flatMap(spellAddress), ...devices.ssids.flatMap(spellSsid)];
    const finder = new Finder(secrets.map((secret) => ({ bytes: secret.sought, tag: secret.name })));
    expect(finder.find(Buffer.concat([...files, ...printed])), `repeat with SEED=${seed}`).toEqual([]);
    expect(finder.find(secrets[0].written).length).toBeGreaterThan(0);
  }, 90_000);

  it('is one at a time of a sensor, and of a sensor that there is', async () => {
    const first = await started('door', 'first');
    const second = record('door', 'second');
    expect(await second.ended).toEqual({ code: 1, signal: null });
    expect(second.output).toContain('expected no other recording of door');
    const nobody = record('nobody', 'nobody');
    expect(await nobody.ended).toEqual({ code: 64, signal: null });
    expect(nobody.output).toContain('There are: pcap, lines, door');
    for (const name of ['second', 'nobody'])
      expect(existsSync(fileOf(name)) || existsSync(`${fileOf(name)}.part`)).toBe(false);
    first.process.kill('SIGTERM');
    expect(await first.ended, first.output).toEqual({ code: 0, signal: null });
  }, 60_000);

  it('ends at its time and at its size', async () => {
    const time = record('door', 'time', '--for', '1s');
    expect(await time.ended, time.output).toEqual({ code: 0, signal: null });
    expect(JSON.parse(time.output)).toMatchObject({ end: 'time', whole: true, bytes: 0 });
    const size = await started('lines', 'size', '--max-size', '1MB');
    const noise = Buffer.alloc(32_768, 'no reading\n');
    for (let i = 0; i < 30; i++) {
      at += 100;
      await deliver(gateway, ptys, at, { lines: noise });
    }
    expect(await size.ended, size.output).toEqual({ code: 0, signal: null });
    const summary = JSON.parse(size.output) as RecordSummary;
    expect(summary).toMatchObject({ end: 'size', whole: true, frames: 0 });
    expect(summary.file_bytes).toBeGreaterThanOrEqual(1_000_000);
    expect(summary.file_bytes).toBeLessThan(1_200_000);
  }, 60_000);

  it('says so where it could not keep up, and keeps what came before', async () => {
    const child = await started('lines', 'behind');
    child.process.kill('SIGSTOP');
    const sent: Buffer[] = [];
    for (let i = 0; i < 200; i++) {
      const bytes = Buffer.alloc(32_768, `line ${i} of many\n`);
      sent.push(bytes);
      at += 100;
      await deliver(gateway, ptys, at, { lines: bytes });
    }
    child.process.kill('SIGCONT');
    expect(await child.ended, child.output).toEqual({ code: 4, signal: null });
    const summary = JSON.parse(child.output) as RecordSummary;
    expect(summary).toMatchObject({ end: 'behind', whole: false });
    expect(summary.bytes).toBeGreaterThan(2_000_000);
    expect(summary.bytes).toBeLessThan(sent.length * 32_768);
    const words = ['replay', fileOf('behind'), '--passphrase-file', passphraseFile, '--decode'];
    const { code, output } = await footfall(...words);
    expect(code).toBe(0);
    expect(output).toContain('ended early');
  }, 90_000);

  it.each([
    ['in order', 'SIGTERM', /^(sensor_stopped|daemon_ended)$/],
    ['by a kill', 'SIGKILL', /^daemon_ended$/],
  ] as const)(
    'keeps what it has when the daemon ends %s',
    async (_name, signal, reason) => {
      if (!gateway.child?.running) {
        for (const pty of Object.values(ptys)) pty.written = 0;
        await gateway.start(at);
      }
      const name = `ended-${signal}`;
      const child = await started('door', name);
      at += 1_000;
      await deliver(gateway, ptys, at, { door: Buffer.from('++\n') });
      await new Promise((resolve) => setTimeout(resolve, 300));
      await gateway.end(signal);
      expect(await child.ended, child.output).toEqual({ code: 4, signal: null });
      const summary = JSON.parse(child.output) as RecordSummary;
      expect(summary).toMatchObject({ whole: false, bytes: 3, frames: 1 });
      expect(summary.end).toMatch(reason);
      const words = ['replay', fileOf(name), '--passphrase-file', passphraseFile, '--decode', '--json'];
      expect(JSON.parse((await footfall(...words)).output)).toMatchObject({
        end: summary.end,
        sensors: [{ accepted: 1 }],
      });
    },
    60_000,
  );
});
