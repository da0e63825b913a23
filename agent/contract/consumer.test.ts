/** The consumer of the README as a process, against a real broker and a real uplink: killed, started again, lied to. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { connectAsync } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort, killed } from '../uplink/brokers.ts';
import { MemoryOutbox } from '../uplink/fixtures.ts';
import { hasMosquitto, hastyClock, Mosquitto, until } from '../uplink/mosquitto.testing.ts';
import { createUplink, type Uplink } from '../uplink/uplink.ts';
import { encodeWindow } from './batch.ts';

/** Debian's, which has Debian's packages. */
const PYTHON = '/usr/bin/python3';
const CONSUMER = fileURLToPath(new URL('consumer.py', import.meta.url));
const missing = whatIsMissing();

function whatIsMissing(): string | null {
  if (!hasMosquitto) return 'needs mosquitto';
  try {
    execFileSync(PYTHON, ['-c', 'import paho.mqtt.client, sqlite3'], { stdio: 'ignore' });
    return null;
  } catch {
    return `needs ${PYTHON} with paho (apt install python3-paho-mqtt)`;
  }
}

const EPOCH = '00112233445566aa';
const START = 1_760_000_000_000;
const BATCHES = 150;
const SOURCE = `/ff/acme/gw-1/${EPOCH}`;
/** Resends of minutes come in seconds; the broker and the consumer know nothing of it. */
const HASTE = 60;

function bodyOf(sequence: number): Uint8Array {
  const startMs = START + sequence * 900_000;
  const window = { ordinal: sequence, startMs, endMs: startMs + 900_000, skipped: 0, warmUp: false, correctedMs: null };
  const origin = {
    ...{ tenant: 'acme', gateway: 'gw-1', epoch: EPOCH, store: 's1', timeZone: 'Europe/Berlin', version: '0.1.0' },
    ...{ clock: 'synchronised' as const, sealedAtMs: startMs + 910_000 },
  };
  return encodeWindow({ ...window, records: [] }, origin, sequence)[0].body;
}

let folder = '';
const endings: (() => Promise<unknown>)[] = [];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'footfall-consumer-'));
});
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Bench {
  broker: Mosquitto;
  uplink: Uplink;
  outbox: MemoryOutbox;
  file: string;
  /** Starts the consumer, after killing the one that runs. */
  restart(): Promise<ChildProcess>;
  /** Puts batches into the outbox, as sealed now. */
  seal(from: number, to: number): void;
}

async function bench(name: string, program = CONSUMER): Promise<Bench> {
  const broker = await new Mosquitto(folder, await freePort()).start();
  endings.push(() => broker.kill());
  const outbox = new MemoryOutbox(EPOCH);
  const uplink = createUplink(
    {
      ...{ url: `mqtt://127.0.0.1:${broker.port}`, tenant: 'acme', gateway: 'gw-1', epoch: EPOCH },
      ...{ ack: 'collector', window: 16, staggerSeconds: 0 },
    },
    {
      outbox,
      clock: hastyClock(HASTE),
      random: Math.random,
      log: () => {},
      facts: async () => ({
        ...{ firstSequence: 1, sealedThrough: BATCHES, oldestHeld: null, previous: null, config: null },
        ...{ parameters: 'p1', version: '0.1.0', sensors: [] },
      }),
    },
  );
  endings.push(() => uplink.stop());
  const file = join(folder, `${name}.db`);
  let child: ChildProcess | null = null;
  endings.push(() => killed(child));
  const restart = async () => {
    await killed(child);
    const words = [program, '127.0.0.1', String(broker.port), file];
    child = spawn(PYTHON, words, { stdio: ['ignore', 'inherit', 'pipe'] });
    return child;
  };
  const seal = (from: number, to: number) => {
    for (let sequence = from; sequence <= to; sequence++) {
      outbox.seal(sequence, bodyOf(sequence));
      uplink.notify(sequence);
    }
  };
  return { broker, uplink, outbox, file, restart, seal };
}

/** What the database holds against what was sealed. */
function ledgerOf(file: string) {
  // Not read-only: a transaction that was cut may have to be rolled back first.
  const database = new Database(file);
  const rows = database.prepare<[], { source: string; id: string; body: Buffer }>('SELECT * FROM message').all();
  database.close();
  const of = (sequence: number) => rows.filter(({ source, id }) => source === SOURCE && id === String(sequence));
  const sealed = Array.from({ length: BATCHES }, (_, index) => index + 1);
  return {
    missing: sealed.filter((sequence) => of(sequence).length === 0).length,
    double: sealed.filter((sequence) => of(sequence).length > 1).length,
    different: sealed.filter((sequence) => of(sequence).some(({ body }) => !body.equals(bodyOf(sequence)))).length,
    strange: rows.length - sealed.reduce((sum, sequence) => sum + of(sequence).length, 0),
  };
}

/** Kills the consumer twice in the middle, then sends again what it has, as a gateway whose acknowledgements were lost. */
async function killedInTheMiddle({ uplink, outbox, restart, seal }: Bench): Promise<void> {
  await restart();
  uplink.start();
  seal(1, BATCHES);
  for (const goal of [30, 80]) {
    await until(`${goal} are acknowledged`, () => uplink.state().acknowledged >= goal);
    await restart();
  }
  await until('everything is acknowledged', () => outbox.held.size === 0);
  seal(100, 120);
  await until('duplicates are acknowledged', () => outbox.held.size === 0);
  await restart();
}

/** The program with one line of it changed. */
function planted(name: string, from: string, to: string): string {
  const text = readFileSync(CONSUMER, 'utf8');
  expect(text.split(from)).toHaveLength(2);
  const file = join(folder, `${name}.py`);
  writeFileSync(file, text.replace(from, to));
  return file;
}

describe.skipIf(missing !== null)(`the consumer of the README${missing === null ? '' : ` (${missing})`}`, () => {
  it('stores everything once and acknowledges everything, though it is killed in the middle', async () => {
    const run = await bench('killed');
    await killedInTheMiddle(run);
    expect(ledgerOf(run.file)).toEqual({ missing: 0, double: 0, different: 0, strange: 0 });
    expect(run.uplink.state()).toMatchObject({ acknowledged: BATCHES + 21, rejected: 0, inFlight: 0 });
  }, 60_000);

  it('refuses other bytes under a number that it has, and keeps the first', async () => {
    const { uplink, outbox, file, restart, seal } = await bench('conflict');
    await restart();
    uplink.start();
    seal(1, BATCHES);
    await until('everything is acknowledged', () => outbox.held.size === 0);
    outbox.seal(6, Buffer.from(`${Buffer.from(bodyOf(6))} `));
    uplink.notify(6);
    await until('it is rejected', () => outbox.deadLetters.length > 0);
    expect(outbox.deadLetters).toMatchObject([{ sequence: 6, code: 'conflict' }]);
    expect(ledgerOf(file)).toEqual({ missing: 0, double: 0, different: 0, strange: 0 });
  }, 60_000);

  it('outlives what makes no sense, and stores nothing of one gateway for another', async () => {
    const { broker, uplink, outbox, file, restart, seal } = await bench('hostile');
    const child = await restart();
    let complaints = '';
    child.stderr?.on('data', (chunk) => {
      complaints += chunk;
    });
    uplink.start();
    seal(1, 1);
    await until('it works', () => outbox.held.size === 0);
    const stranger = await connectAsync(`mqtt://127.0.0.1:${broker.port}`);
    endings.push(() => stranger.endAsync(true));
    const hostile = ['', '{', 'null', '[]', '"x"', '{"source":1,"id":2}', Buffer.from([0xff]), '['.repeat(30_000)];
    for (const text of hostile) await stranger.publishAsync('ff/v1/acme/gw-2/up/batch', text, { qos: 1 });
    await stranger.publishAsync('ff/v1/acme/gw-2/up/batch', Buffer.from(bodyOf(2)), { qos: 1 });
    seal(2, BATCHES);
    await until('it works still', () => outbox.held.size === 0);
    expect(child.exitCode).toBeNull();
    expect(complaints.match(/^cannot be answered: /gm)).toHaveLength(hostile.length + 1);
    expect(ledgerOf(file)).toEqual({ missing: 0, double: 0, different: 0, strange: 0 });
  }, 60_000);

  it('is found out when it acknowledges what it has not committed', async () => {
    const run = await bench('uncommitted', planted('uncommitted', '    with db:', '    if True:'));
    await killedInTheMiddle(run);
    expect(ledgerOf(run.file).missing).toBeGreaterThan(0);
  }, 60_000);

  it('is found out when it has no key', async () => {
    const run = await bench('keyless', planted('keyless', ', PRIMARY KEY (source, id)', ''));
    await killedInTheMiddle(run);
    expect(ledgerOf(run.file)).toMatchObject({ missing: 0, strange: 0 });
    expect(ledgerOf(run.file).double).toBeGreaterThanOrEqual(21);
  }, 60_000);
});
