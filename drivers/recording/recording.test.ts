import {
  createWriteStream,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { wifiLine } from '../simulator/encode/wifi-line.ts';
import { decodeRecording } from './decode.ts';
import { openRecording } from './open.ts';
import type { StreamChunk } from './recorded-stream.ts';
import { RecordingFile } from './recording-file.ts';
import { encrypterOf, type Keys, type Lock, sealInto } from './sealed.ts';

const PASSPHRASE = 'correct horse battery';
const START = Date.UTC(2026, 2, 2, 9);
const EXPIRES = START + 86_400_000;
const LINE = Buffer.from(
  wifiLine({
    fields: 6,
    source: Uint8Array.of(0xa4, 0x83, 0xe7, 0x12, 0x34, 0x56),
    destination: new Uint8Array(6).fill(0xff),
    type: 0,
    subtype: 4,
    channel: 6,
    rssi: -60,
  }),
);
const ADDRESS = /a4.?83.?e7/i;
const SENSOR = { id: 'w', driver: 'wifi-lines' };
const HEADER = { startMs: START, sensors: [SENSOR], expiresMs: EXPIRES, version: '9.9.9' };

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'footfall-recording-'));
  path = join(folder, 'w.age');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const chunk = (index: number): StreamChunk => ({ timeMs: START + index * 1_000, sensorId: 'w', bytes: LINE });

async function make(lock: Lock = { passphrase: PASSPHRASE }, chunks = 3): Promise<void> {
  const file = await RecordingFile.create(path, lock);
  file.begin(HEADER);
  for (let index = 0; index < chunks; index++) {
    file.write(chunk(index));
    await file.ready();
  }
  await file.finish({ timeMs: START + chunks * 1_000, reason: 'asked' });
}

async function read(keys: Keys = { passphrase: PASSPHRASE }, nowMs = START) {
  const recording = await openRecording(path, { ...keys, nowMs });
  const chunks: StreamChunk[] = [];
  for await (const one of recording.chunks) chunks.push(one);
  return { header: recording.header, chunks, end: recording.end };
}

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: unknown) => error as Error & { code: string },
  );

describe('an encrypted recording', () => {
  it('reads back what was written, with its header and its end, and is readable by its owner alone', async () => {
    await make();
    const { header, chunks, end } = await read();
    expect(header).toEqual(HEADER);
    expect(chunks.map(({ timeMs, bytes }) => [timeMs, Buffer.from(bytes).toString()])).toEqual(
      [0, 1, 2].map((index) => [START + index * 1_000, LINE.toString()]),
    );
    expect(end).toEqual({ timeMs: START + 3_000, reason: 'asked' });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['w.age']);
  });

  it('holds nothing readable, while it is written and after', async () => {
    expect(LINE.toString()).toMatch(ADDRESS);
    const readable = [
      LINE,
      Buffer.from(LINE.toString('base64').slice(0, 20)),
      Buffer.from('footfall'),
      Buffer.from('wifi'),
    ];
    const file = await RecordingFile.create(path, { passphrase: PASSPHRASE });
    file.begin(HEADER);
    for (let index = 0; index < 4_000; index++) file.write(chunk(index));
    await file.ready();
    const during = readFileSync(`${path}.part`);
    expect(during.length).toBeGreaterThan(65_536);
    await file.finish({ timeMs: START + 4_000_000, reason: 'time' });
    for (const bytes of [during, readFileSync(path)]) {
      for (const text of readable) expect(bytes.includes(text)).toBe(false);
    }
    expect((await read()).chunks).toHaveLength(4_000);
  });

  it('is opened by the identity of any of its recipients, and by age itself in the same way', async () => {
    const [first, second, stranger] = await Promise.all([generateIdentity(), generateIdentity(), generateIdentity()]);
    const recipients = await Promise.all([first, second].map((identity) => identityToRecipient(identity)));
    await make({ recipients });
    for (const identity of [first, `# public key: age1...\n${second}\n`]) {
      expect((await read({ identity })).chunks).toHaveLength(3);
    }
    expect(await failure(read({ identity: stranger }))).toMatchObject({ code: 'recording_locked' });
    expect(await failure(read({ passphrase: PASSPHRASE }))).toMatchObject({ code: 'recording_locked' });
    const odd = await failure(read({ identity: 'AGE-SECRET-KEY-1NOTONE' }));
    expect(odd).toMatchObject({ code: 'identity_invalid' });
    expect(String(odd)).not.toContain('NOTONE');
  });

  it('is not opened with another passphrase, or without', async () => {
    await make();
    expect(await failure(read({ passphrase: 'another passphrase' }))).toMatchObject({ code: 'recording_locked' });
    expect(await failure(read({}))).toMatchObject({ code: 'recording_locked' });
  });

  it('is refused from its expiry on, with the time of it', async () => {
    await make();
    expect((await read(undefined, EXPIRES - 1)).chunks).toHaveLength(3);
    for (const nowMs of [EXPIRES, EXPIRES + 1e12]) {
      expect(await failure(read(undefined, nowMs))).toMatchObject({
        code: 'recording_expired',
        message: expect.stringContaining('2026-03-03T09:00:00.000Z'),
        hint: expect.stringContaining('delete'),
      });
    }
  });

  it('is refused wherever it is cut, at the latest at its end', async () => {
    await make(undefined, 2_000);
    const { size } = statSync(path);
    const whole = readFileSync(path);
    for (const length of [size - 1, size - 20, 2 * 65_552 + 200, 65_552, 400, 100, 30]) {
      writeFileSync(path, whole);
      truncateSync(path, length);
      expect((await failure(read()))?.code, `cut at ${length} of ${size}`).toMatch(/^recording_(damaged|locked)$/);
    }
  }, 30_000);

  it('is refused where a byte was altered, and says nothing of what is in it', async () => {
    await make(undefined, 2_000);
    const whole = readFileSync(path);
    for (const at of [120, 300, 66_000, whole.length - 1]) {
      const altered = Buffer.from(whole);
      altered[at] ^= 1;
      writeFileSync(path, altered);
      const error = await failure(read());
      expect(error?.code, `altered at ${at}`).toMatch(/^recording_(damaged|locked)$/);
      expect(String(error)).not.toMatch(ADDRESS);
    }
  }, 30_000);
});

describe('the file of a recording', () => {
  it('never replaces another, be it there before or made meanwhile', async () => {
    writeFileSync(path, 'mine');
    expect(await failure(make())).toMatchObject({ code: 'recording_exists' });
    rmSync(path);
    const file = await RecordingFile.create(path, { passphrase: PASSPHRASE });
    file.begin(HEADER);
    writeFileSync(path, 'mine');
    expect(await failure(file.finish({ timeMs: START, reason: 'asked' }))).toMatchObject({ code: 'recording_exists' });
    await file.discard();
    expect(readFileSync(path, 'utf8')).toBe('mine');
    expect(readdirSync(folder)).toEqual(['w.age']);
  });

  it('leaves another recording that is being made alone', async () => {
    const first = await RecordingFile.create(path, { passphrase: PASSPHRASE });
    expect(await failure(make())).toMatchObject({ code: 'recording_unfinished' });
    await first.discard();
    await make();
    expect(readdirSync(folder)).toEqual(['w.age']);
  });

  it.each([
    ['a short passphrase', { passphrase: 'eleven char' }, 'passphrase_short'],
    ['no recipient', { recipients: ['age1nonsense'] }, 'recipient_invalid'],
    ['a secret key in its place', { recipients: ['AGE-SECRET-KEY-1SECRET'] }, 'recipient_invalid'],
  ])('refuses %s and makes nothing', async (_name, lock, code) => {
    const error = await failure(RecordingFile.create(path, lock));
    expect(error).toMatchObject({ code });
    expect(String(error)).not.toMatch(/SECRET|nonsense|eleven/);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('says where it cannot be written', async () => {
    path = join(folder, 'missing', 'w.age');
    expect(await failure(make())).toMatchObject({ code: 'recording_unwritable' });
  });

  it.skipIf(!existsSync('/dev/full'))('tells a full disk, and does not wait for ever', async () => {
    const out = createWriteStream('', { fd: openSync('/dev/full', 'w') });
    const { plain, done } = await sealInto(out, await encrypterOf({ passphrase: PASSPHRASE }));
    plain.on('error', () => undefined);
    plain.end(Buffer.alloc(300_000));
    await expect(done).rejects.toMatchObject({ code: 'ENOSPC' });
  });
});

describe('decoding a recording', () => {
  it('tells what became of the bytes, and passes on readings', async () => {
    await make();
    const times: number[] = [];
    const [decoded] = await decodeRecording(
      await openRecording(path, { passphrase: PASSPHRASE, nowMs: START }),
      () => ({
        sighting: (reading) => times.push(reading.time),
      }),
    );
    expect(times).toEqual([START, START + 1_000, START + 2_000]);
    expect(decoded).toMatchObject({
      id: 'w',
      chunks: 3,
      counts: { accepted: 3, bytes: 3 * LINE.length },
      readings: { sighting: { count: 3, firstMs: START, lastMs: START + 2_000 } },
    });
  });
});
