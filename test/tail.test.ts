import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { TailEvent } from '../agent/local/tail.ts';
import { wifiLine } from '../drivers/simulator/encode/wifi-line.ts';
import { Finder } from './support/finder.ts';
import { type Gateway, MAIN } from './support/gateway.ts';
import { KnownDevices } from './support/known-devices.ts';
import { Child, until } from './support/processes.ts';
import { SOCAT } from './support/pty.ts';
import { seeded } from './support/room-run.ts';
import { deliver } from './support/shop.ts';
import { type Spelling, spellAddress, spellKey, spellSsid } from './support/spellings.ts';
import { startThreeLines, type ThreeLines } from './support/three-lines.ts';

const missing = SOCAT === null ? 'needs socat' : null;
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const START = Date.parse('2026-03-03T10:00:00Z');
const KEEP = 100_000_000;
const MIB = 1_048_576;

const scratch = mkdtempSync(join(tmpdir(), 'footfall-tail-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe.skipIf(missing !== null)(`a tail of a running daemon${missing === null ? '' : ` (${missing})`}`, () => {
  let shop: ThreeLines;
  let ptys: ThreeLines['ptys'];
  let gateway: Gateway;
  let at = START;
  let tails: Child[] = [];

  beforeAll(async () => {
    shop = await startThreeLines(scratch, at, 'shop');
    ({ gateway, ptys } = shop);
  }, 60_000);
  afterEach(async () => {
    await Promise.all(tails.map((tail) => tail.end('SIGKILL')));
    tails = [];
  });
  afterAll(async () => {
    await shop?.end();
  });

  function tail(...words: string[]): Child {
    const child = new Child('footfall tail', process.execPath, [MAIN, 'tail', '-s', gateway.settingsPath, ...words], {
      keep: KEEP,
    });
    tails.push(child);
    return child;
  }

  function eventsOf(child: Child): TailEvent[] {
    const whole = child.output.slice(0, child.output.lastIndexOf('\n') + 1);
    return whole === ''
      ? []
      : whole
          .trimEnd()
          .split('\n')
          .map((line): TailEvent => JSON.parse(line));
  }

  /** Lets windows be sealed until each of these tails has told of one, so that it is known to listen. */
  async function untilListening(children: Child[]): Promise<void> {
    await until('every tail', async () => {
      at += 60_000;
      await gateway.advance(at);
      await new Promise((resolve) => setTimeout(resolve, 50));
      for (const child of children) if (!child.running) throw new Error(`a tail ended:\n${child.output}`);
      return children.every((child) => child.output.includes('window'));
    });
  }

  it('shows sightings, people and windows as they come, and no address, SSID or key', async () => {
    const [text, json, door] = [tail(), tail('--json'), tail('door', '--kind', 'door,window')];
    await untilListening([text, json, door]);
    const devices = new KnownDevices(seeded(seed));
    const feed = devices.feed(0);
    at += 1_000;
    await deliver(gateway, ptys, at, {
      pcap: Buffer.concat(feed.pcap),
      lines: Buffer.concat(feed.lines),
      door: Buffer.concat(feed.door),
    });
    at += 90_000;
    await gateway.advance(at);
    const isAfter = (event: TailEvent): boolean => event.kind === 'window' && event.visits > 0;
    await until('the window', () => eventsOf(json).some(isAfter));
    const events = eventsOf(json);
    const sightings = events.filter((event) => event.kind === 'sighting');
    // Beacons and data frames are valid and no sightings.
    expect(sightings.filter(({ sensor }) => sensor === 'pcap')).toHaveLength(48);
    expect(sightings.filter(({ sensor }) => sensor === 'lines')).toHaveLength(42);
    for (const { device, rssi } of sightings) {
      expect(device).toMatch(/^[0-9a-f]{8}$/);
      expect(rssi).toBeLessThan(0);
    }
    expect(sightings.some(({ random }) => random) && sightings.some(({ random }) => !random)).toBe(true);
    expect(sightings.some(({ fingerprint }) => fingerprint !== null)).toBe(true);
    expect(events.filter((event) => event.kind === 'door')).toMatchObject(
      [1, 2, 3].map((total) => ({ sensor: 'door', in: total, out: 0, total: true })),
    );
    const window = events.find(isAfter);
    expect(window).toMatchObject({ entries: expect.any(Number), exits: 0 });
    await until('the same in words', () =>
      text.output.includes(`visits ${window?.kind === 'window' && window.visits}`),
    );
    await until('the door alone', () => door.output.includes('in 3  out 0  (totals)'));
    expect(door.output).not.toContain('sighting');

    const key = readFileSync(join(scratch, 'gateway', 'run', 'day.key')).subarray(8);
    const secrets: Spelling[] = [
      ...devices.addresses.flatMap(spellAddress),
      ...devices.ssids.flatMap(spellSsid),
      ...spellKey(key),
    ];
    const finder = new Finder(secrets.map((secret) => ({ bytes: secret.sought, tag: secret.name })));
    const printed = Buffer.from([text, json, door].map((child) => child.output).join(''));
    expect(finder.find(printed), `repeat with SEED=${seed}`).toEqual([]);
    // The search works: what is planted is found.
    const planted = Buffer.concat([printed, secrets[0].written]);
    expect(finder.find(planted).length).toBeGreaterThan(0);
  }, 60_000);

  it('ends with the daemon, in order, and says so', async () => {
    const child = tail('--json');
    await untilListening([child]);
    await gateway.end('SIGTERM');
    expect(await child.ended).toEqual({ code: 3, signal: null });
    expect(child.output).toContain('error: the daemon on');
    for (const pty of Object.values(ptys)) pty.written = 0;
    at += 60_000;
    await gateway.start(at);
  }, 60_000);

  it('that is stopped leaves the daemon its memory and the other tails their events', async () => {
    const ROUNDS = 60;
    const PER_ROUND = 2_500;
    const [stopped, other] = [tail('--json'), tail('--json')];
    await untilListening([stopped, other]);
    stopped.process.kill('SIGSTOP');
    const lines = Array.from({ length: PER_ROUND }, (_, index) =>
      wifiLine({
        fields: 6,
        source: Uint8Array.of(2, 0, 0, 0, index >> 8, index & 255),
        destination: new Uint8Array(6).fill(255),
        type: 0,
        subtype: 4,
        channel: 6,
        rssi: -50,
      }),
    );
    const burst = Buffer.from(lines.join(''));
    const sightings = (child: Child): number => child.output.split('"kind":"sighting"').length - 1;
    let settled = 0;
    for (let round = 0; round < ROUNDS; round++) {
      at += 100;
      await deliver(gateway, ptys, at, { lines: burst });
      await until('the other tail', () => sightings(other) === (round + 1) * PER_ROUND);
      // Tables and heap have their size by then.
      if (round === ROUNDS / 3) settled = (await gateway.status()).process.rss_bytes;
    }
    const told = other.output.length;
    const grown = (await gateway.status()).process.rss_bytes - settled;
    console.log(
      `tail: ${(told / MIB).toFixed(1)} MiB told past a reader that stands still; ` +
        `the daemon grew by ${(grown / MIB).toFixed(1)} MiB over the last two thirds of them`,
    );
    expect(told).toBeGreaterThan(16 * MIB);
    expect(grown).toBeLessThan(8 * MIB);
    stopped.process.kill('SIGCONT');
    const dropped = (): number =>
      eventsOf(stopped).reduce((sum, event) => sum + (event.kind === 'dropped' ? event.count : 0), 0);
    await until('the count of what was left out', () => dropped() > 0);
    const shown = eventsOf(stopped);
    expect(shown.filter(({ kind }) => kind !== 'dropped').length + dropped()).toBeGreaterThanOrEqual(
      ROUNDS * PER_ROUND,
    );
    expect(sightings(stopped) + dropped()).toBeLessThanOrEqual(eventsOf(other).length);
    // One MiB waits in the daemon; the rest of this is the kernel's and the command's own.
    expect(stopped.output.length).toBeLessThan(3 * MIB);
    at += 90_000;
    await gateway.advance(at);
    const windows = (child: Child): number => child.output.split('"kind":"window"').length;
    const before = windows(stopped);
    at += 60_000;
    await gateway.advance(at);
    await until('it to go on', () => windows(stopped) > before);
  }, 120_000);
});
