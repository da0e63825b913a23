import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { SensorStatus } from '../agent/local/document.ts';
import { PcapDecoder } from '../drivers/wifi/pcap.ts';
import { LiveBox, needsTmpfs, TEST_PATIENCE } from './support/live-box.ts';
import { addressOf, DEVICES, type Written } from './support/overrun-writer.ts';
import { Child, until } from './support/processes.ts';
import { SOCAT } from './support/pty.ts';

const missing = (SOCAT === null ? 'needs socat' : null) ?? needsTmpfs;
const WRITER = fileURLToPath(new URL('./support/overrun-writer.ts', import.meta.url));
const ENTRY = fileURLToPath(new URL('./support/overrun-stall/main.ts', import.meta.url));
const WRITING_MS = 7_000;
const BEFORE_STALL_MS = 1_500;

interface Outcome {
  written: Written;
  sensor: SensorStatus;
  rejected: number;
  /** What the driver makes of the bytes that the line took, with no gateway around it. */
  decoded: { accepted: number; rejected: Record<string, number>; strangers: number };
}

describe.skipIf(missing !== null)(
  `a line that loses what nobody reads${missing === null ? '' : ` (${missing})`}`,
  () => {
    const scratch = mkdtempSync(join(tmpdir(), 'footfall-overrun-'));
    const closing: (() => Promise<void>)[] = [];
    afterAll(async () => {
      for (const close of closing) await close();
      rmSync(scratch, { recursive: true, force: true });
    });

    /** A sniffer sends at full speed, and in the midst of it something stands still for 3 s. */
    async function sniffWhile(stall: 'COMMIT' | 'LOOP'): Promise<Outcome> {
      const folder = mkdtempSync(join(scratch, `${stall}-`));
      const [near, far, asked, taken] = ['near', 'far', 'stall', 'taken'].map((name) => join(folder, name));
      const ends = [far, near].map((path) => `pty,raw,echo=0,link=${path}`);
      const line = new Child('socat', SOCAT ?? '', ends);
      closing.push(() => line.end('SIGKILL'));
      await until('the line', () => existsSync(near) && existsSync(far));
      const radio = `{ id: ceiling, driver: wifi-pcap, port: ${near}, zone: shop }`;
      const box = new LiveBox(join(folder, 'box'), { moreSensors: [radio] });
      closing.push(() => box.close());
      await box.start({ entry: ENTRY, env: { [`FOOTFALL_TEST_STALL_${stall}`]: asked } });
      await box.when('both sensors up', ({ sensors }) => sensors.every(({ state }) => state === 'up'));
      const writer = new Child('the sniffer', process.execPath, [WRITER, far, taken, `${WRITING_MS}`]);
      closing.push(() => writer.end('SIGKILL'));
      await box.when('its first frames', ({ sensors }) => sensors[1].accepted > 0);
      await new Promise((resolve) => setTimeout(resolve, BEFORE_STALL_MS));
      writeFileSync(asked, '');
      expect((await writer.ended).code, writer.output).toBe(0);
      expect(existsSync(`${asked}.done`), 'it stood still').toBe(true);
      const written = JSON.parse(writer.output) as Written;
      const bytes = readFileSync(taken);
      const status = await box.when('the last byte', ({ sensors }) => sensors[1].bytes >= bytes.length);
      const sensor = status.sensors[1];
      expect(sensor.bytes, 'bytes that the line took').toBe(bytes.length);
      const rejected = Object.values(sensor.rejected).reduce((sum, count) => sum + count, 0);
      return { written, sensor, rejected, decoded: decode(bytes) };
    }

    it('a commit of 3 s loses nothing of the line', { timeout: TEST_PATIENCE }, async () => {
      const { written, sensor, rejected, decoded } = await sniffWhile('COMMIT');
      const told = JSON.stringify({ written, accepted: sensor.accepted, rejected: sensor.rejected });
      expect(sensor.accepted, told).toBe(decoded.accepted);
      expect(sensor.rejected, told).toEqual(decoded.rejected);
      expect(decoded.strangers, told).toBe(0);
      // A machine that is busy may starve the reader for a moment; a stall of the reader would lose two bytes of five.
      expect(written.lostBytes / written.bytes, told).toBeLessThan(0.1);
      if (written.gaps === 0) {
        expect([sensor.accepted, rejected], told).toEqual([written.frames, 0]);
      } else {
        expect(rejected, told).toBeGreaterThan(0);
      }
    });

    it('a gateway that stands still for 3 s tells that it missed something, and makes nothing up', {
      timeout: TEST_PATIENCE,
    }, async () => {
      const { written, sensor, rejected, decoded } = await sniffWhile('LOOP');
      const told = JSON.stringify({ written, accepted: sensor.accepted, rejected: sensor.rejected });
      expect(written.lostBytes / written.bytes, told).toBeGreaterThan(0.2);
      expect(sensor.accepted, told).toBe(decoded.accepted);
      expect(sensor.rejected, told).toEqual(decoded.rejected);
      expect(decoded.strangers, told).toBe(0);
      expect(rejected, told).toBeGreaterThan(0);
      // Around a gap a whole frame can go with a torn one. The head of one and the rest of a later one can pass for a frame of
      // the right length, as this format has no checksum: of a device that was there, so that nothing is made up.
      expect(sensor.accepted, told).toBeLessThanOrEqual(written.whole + written.gaps);
      expect(sensor.accepted, told).toBeGreaterThanOrEqual(written.whole - 2 * written.gaps);
    });
  },
);

function decode(bytes: Uint8Array): Outcome['decoded'] {
  const known = new Set(
    Array.from({ length: DEVICES }, (_, device) => Buffer.from(addressOf(device)).readUIntBE(0, 6)),
  );
  const decoder = new PcapDecoder();
  let strangers = 0;
  const unexpected = (): never => {
    throw new Error('a sniffer gave a reading of another kind');
  };
  decoder.push(bytes, 0, {
    sighting: ({ address }) => {
      if (!known.has(address.high * 2 ** 24 + address.low)) strangers++;
    },
    advertisement: unexpected,
    crossing: unexpected,
    counter: unexpected,
    transaction: unexpected,
  });
  const { accepted, rejected } = decoder.counts;
  return {
    accepted,
    rejected: Object.fromEntries(Object.entries(rejected).filter(([, count]) => count > 0)),
    strangers,
  };
}
