import { describe, expect, it } from 'vitest';
import { encodeHpc168Counts } from '../simulator/encode/hpc168.ts';
import { encodeTerarangerCounts } from '../simulator/encode/teraranger.ts';
import { encodeTurnstileStatus } from '../simulator/encode/turnstile.ts';
import { Bench, benchWith } from './devices.testing.ts';
import { Exchange } from './line.ts';
import { type ResetTarget, readTotals, resetTotals } from './resets.ts';
import { passTime } from './uart.testing.ts';

const LINE = { baudRate: 9_600 };
const COUNTERS = { functionCode: 4, words: 2, wordOrder: 'high-first', width: 32, enableCoils: [] } as const;

async function run(bench: Bench, target: ResetTarget) {
  const work = async () => {
    const exchange = new Exchange(await bench.line.open(LINE), bench.clock);
    const before = await readTotals(exchange, target);
    const acknowledged = await resetTotals(exchange, target);
    return { before, acknowledged, after: await readTotals(exchange, target) };
  };
  return passTime(bench.agenda, work());
}

/** A counter that answers what it knows, 10 ms later. */
function scripted(answers: (frame: string) => Uint8Array | undefined): Bench {
  const bench = new Bench(LINE);
  bench.line.receive = (bytes) => {
    const answer = answers(Buffer.from(bytes).toString('hex'));
    if (answer) bench.agenda.at(bench.agenda.now + 10, () => bench.line.wire(answer));
  };
  return bench;
}

describe('resetTotals', () => {
  it('sets all channels of a WB-MCM8 to 0 by its register', async () => {
    const bench = benchWith({ driver: 'door-modbus', unit: 2, line: LINE });
    bench.agenda.run(bench.agenda.now + 60_000);
    const modbus = { ...COUNTERS, entered: 60, left: 62 };
    const { before, acknowledged, after } = await run(bench, {
      driver: 'door-modbus',
      options: { unit: 2, modbus },
      modbusReset: { register: 100, value: 1 },
    });
    expect((before?.in ?? 0) + (before?.out ?? 0)).toBeGreaterThan(60);
    expect(acknowledged).toBe(true);
    expect((after?.in ?? 99) + (after?.out ?? 99)).toBeLessThan(3);
  });

  it('sets the coils of a Moxa, and of reading sets none', async () => {
    const bench = benchWith({ driver: 'door-modbus', variant: 'moxa', line: LINE });
    const modbus = { ...COUNTERS, entered: 0x10, left: 0x12, enableCoils: [0, 1] };
    const modbusReset = { coils: [0x20, 0x21] };
    const outcome = await run(bench, { driver: 'door-modbus', options: { modbus }, modbusReset });
    expect(outcome).toEqual({ before: { in: 0, out: 0 }, acknowledged: true, after: { in: 0, out: 0 } });
    const writes = bench.line.written.map(({ bytes }) => bytes).filter((bytes) => bytes[1] === 5);
    expect(writes.map((bytes) => (bytes[2] << 8) | bytes[3])).toEqual([0x20, 0x21]);
  });

  it('knows the acknowledgement of an HPC168, with the documented bytes', async () => {
    let totals = { in: 70_000, out: 65_535 };
    const bench = scripted((frame) => {
      if (frame === Buffer.from('\x020001130014\x03').toString('hex')) return encodeHpc168Counts(1, totals);
      if (frame !== Buffer.from('\x020001120013\x03').toString('hex')) return undefined;
      totals = { in: 0, out: 0 };
      return Buffer.from('\x0200019201069A\x03');
    });
    expect(await run(bench, { driver: 'door-hpc168', options: { unit: 1 } })).toEqual({
      before: { in: 70_000, out: 65_535 },
      acknowledged: true,
      after: { in: 0, out: 0 },
    });
  });

  it('resets both sides of a turnstile', async () => {
    const totals = { left: 5, right: 3 };
    const bench = scripted((frame) => {
      if (frame === '7e00012000000060') totals.left = 0;
      if (frame === '7e0001210000005f') totals.right = 0;
      return encodeTurnstileStatus(1, totals);
    });
    expect(await run(bench, { driver: 'door-turnstile', options: { unit: 1 } })).toEqual({
      before: { in: 5, out: 3 },
      acknowledged: true,
      after: { in: 0, out: 0 },
    });
  });

  it('sends a TeraRanger its reset, which it never acknowledges', async () => {
    const bench = scripted((frame) => {
      return frame === '0055080000' + '00007c' ? encodeTerarangerCounts({ in: 0, out: 0 }) : undefined;
    });
    const { acknowledged } = await run(bench, { driver: 'door-teraranger', options: {} });
    expect(acknowledged).toBe(null);
    expect(bench.line.written.map(({ bytes }) => Buffer.from(bytes).toString('hex'))).toContain('005508000000007c');
  });

  it('tells silence: no totals, no acknowledgement', async () => {
    const outcome = await run(new Bench(LINE), { driver: 'door-hpc168', options: { unit: 1 } });
    expect(outcome).toEqual({ before: null, acknowledged: false, after: null });
  });
});
