import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { StatusDocument } from '../../agent/local/document.ts';
import { encodeProbeRecord, encodeSerialPcapHeader } from '../../drivers/simulator/encode/serial-pcap.ts';
import { LiveBox, needsTmpfs, TEST_PATIENCE } from '../support/live-box.ts';
import { Pty, SOCAT } from '../support/pty.ts';
import { footfall } from '../support/shop.ts';

const missing = (SOCAT === null ? 'needs socat' : null) ?? needsTmpfs;
const suffix = missing === null ? '' : ` (${missing})`;
const STALLED = fileURLToPath(new URL('../support/stalled-storage/main.ts', import.meta.url));
const DEVICES = 256;
const QUESTIONS = 5;
const PROBE = { ssid: '', model: 0, dsChannel: 6, variation: 0, uptimeUs: 0, rssi: -50, channel: 6 };

/** Probe requests of a crowd, as fast as a line takes them. */
class Flood {
  #flowing = true;
  readonly #sent: Promise<number>;

  constructor(line: Pty) {
    this.#sent = this.#flow(line);
  }

  /** Ends it and gives how many frames were sent. */
  stop(): Promise<number> {
    this.#flowing = false;
    return this.#sent;
  }

  async #flow(line: Pty): Promise<number> {
    const frames = Array.from({ length: DEVICES }, (_, device) => {
      const address = Uint8Array.of(0x10, 0xaf, 1, 2, 3, device);
      return encodeProbeRecord({ ...PROBE, address, sequence: device });
    });
    const began = performance.now();
    let sent = 0;
    await line.write(encodeSerialPcapHeader());
    while (this.#flowing) {
      const us = Math.floor((performance.now() - began) * 1_000);
      for (const { buffer } of frames) {
        const record = new DataView(buffer);
        record.setUint32(0, Math.floor(us / 1e6), true);
        record.setUint32(4, us % 1e6, true);
      }
      await line.write(Buffer.concat(frames));
      sent += DEVICES;
    }
    return sent;
  }
}

describe.skipIf(missing !== null)(`footfall status answers${suffix}`, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'footfall-answers-'));
  let box: LiveBox | undefined;
  let radio: Pty | undefined;
  let flood: Flood | undefined;

  afterEach(async () => {
    await flood?.stop();
    await box?.close();
    await radio?.close();
    flood = undefined;
    box = undefined;
    radio = undefined;
  });
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  /** Asks with the whole command, and how long each took: loading the program, the question and the answer. */
  async function askAll(settings: string): Promise<{ answers: StatusDocument[]; took: string }> {
    const answers: StatusDocument[] = [];
    const times: number[] = [];
    for (let question = 0; question < QUESTIONS; question++) {
      const asked = performance.now();
      const { code, output } = await footfall('status', '--json', '--settings', settings);
      times.push(performance.now() - asked);
      expect(code).not.toBe(3);
      answers.push(JSON.parse(output));
    }
    times.sort((a, b) => a - b);
    const [median, most] = [times[QUESTIONS >> 1], times[QUESTIONS - 1]].map((ms) => `${Math.round(ms)} ms`);
    return { answers, took: `${median} (the slowest of ${QUESTIONS}: ${most})` };
  }

  it('under full load: a radio that sends as fast as the daemon reads', { timeout: TEST_PATIENCE }, async () => {
    const path = join(scratch, 'radio');
    radio = await Pty.open(path);
    box = new LiveBox(join(scratch, 'loaded'), {
      moreSensors: [`{ id: window, driver: wifi-pcap, port: ${path}, zone: shop, link_type: 127 }`],
    });
    const loaded = box;
    await loaded.startWell();
    await loaded.pass(7);

    flood = new Flood(radio);
    const window = ({ sensors }: StatusDocument) => sensors.find(({ id }) => id === 'window');
    const accepted = (status: StatusDocument): number => window(status)?.accepted ?? 0;
    const first = await loaded.when('a flood', (status) => accepted(status) > 20 * DEVICES);
    const { answers, took } = await askAll(loaded.settingsPath);
    const answered = accepted(answers[QUESTIONS - 1]);
    const last = await loaded.when('more of it', (status) => accepted(status) > answered);
    const sent = await flood.stop();
    const rate = ((accepted(last) - accepted(first)) / (last.at_ms - first.at_ms)) * 1_000;
    console.log(`status under full load, ${Math.round(rate)} frames/s: ${took}`);

    let before = accepted(first);
    for (const answer of answers) {
      expect(answer.verdict).toMatchObject({ state: 'counting', reasons: [] });
      expect(answer.today.entries).toBe(7);
      expect(accepted(answer)).toBeGreaterThan(before);
      expect(window(answer)?.rejected).toEqual({});
      before = accepted(answer);
    }
    expect(accepted(last)).toBeLessThanOrEqual(sent);
    const { today } = await loaded.when('every frame', (status) => accepted(status) === sent);
    expect(today).toMatchObject({ entries: 7, visits: DEVICES });
  });

  it('while a disk stalls for good', { timeout: TEST_PATIENCE }, async () => {
    const stall = join(scratch, 'stall');
    box = new LiveBox(join(scratch, 'stalled'));
    const stalled = box;
    await stalled.startWell({ entry: STALLED, env: { FOOTFALL_TEST_STALL: stall } });
    await stalled.pass(3);
    await stalled.when('all durable', ({ today, buffer }) => today.entries === 3 && buffer.uncommitted === 0);
    writeFileSync(stall, '');
    await stalled.pass(4);
    const counted = await stalled.when('counted', ({ today }) => today.entries === 7);
    await stalled.pass(5);
    // Door crossings are due after a second.
    const { buffer: stuck } = await stalled.when('nothing written', ({ today, buffer, at_ms }) => {
      return today.entries === 12 && buffer.uncommitted > 0 && at_ms - counted.at_ms > 3_000;
    });
    const { answers, took } = await askAll(stalled.settingsPath);
    console.log(`status while storage is stalled: ${took}`);
    for (const { today, buffer } of answers) {
      expect(today.entries).toBe(12);
      expect(buffer.uncommitted).toBeGreaterThan(0);
      expect(buffer.last_commit_ms).toBe(stuck.last_commit_ms);
    }
    await stalled.whenReason('storage_stalled');
    // What else goes wrong is seen all the same.
    await stalled.unplug();
    await stalled.whenReason('sensor_down');
  });
});
