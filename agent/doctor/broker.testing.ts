/** What the tests of the broker chapter share: real brokers, and the doctor and the uplink before the same one. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { startCollector } from '../collector/collector.ts';
import { freePort } from '../uplink/brokers.ts';
import { MemoryOutbox } from '../uplink/fixtures.ts';
import { hastyClock, Mosquitto, until } from '../uplink/mosquitto.testing.ts';
import type { UplinkState } from '../uplink/port.ts';
import { createUplink } from '../uplink/uplink.ts';
import { checkBroker } from './broker.ts';
import type { BrokerTarget } from './broker-step.ts';
import type { Finding } from './finding.ts';

export const HASTE = 10;
export const SECRET = 'correct horse battery';
export const GATEWAY = { tenant: 'acme', gateway: 'gw-1' };

/** A folder, and whatever a test starts; both are gone after it. To be called once, at the top of a test file. */
export function brokerBench() {
  let folder = '';
  const endings: (() => Promise<unknown> | unknown)[] = [];

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'footfall-doctor-'));
  });
  afterEach(async () => {
    for (const end of endings.splice(0).reverse()) await end();
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function examine(url: string, more: Partial<BrokerTarget> = {}): Promise<Finding[]> {
    const found: Finding[] = [];
    const deps = { clock: hastyClock(HASTE), random: Math.random };
    for await (const finding of checkBroker({ url, ...GATEWAY, ...more }, deps)) found.push(finding);
    for (const finding of found) {
      expect(finding.chapter).toBe('broker');
      expect(finding.mend === '').toBe(finding.outcome === 'ok' || finding.outcome === 'skipped');
    }
    expect(JSON.stringify(found)).not.toContain(SECRET);
    const error = found.findIndex(({ outcome }) => outcome === 'error');
    if (error >= 0) expect(new Set(found.slice(error + 1).map(({ outcome }) => outcome))).not.toContain('ok');
    return found;
  }

  function outcomes(found: Finding[]): Record<string, string> {
    return Object.fromEntries(found.map(({ check, outcome }) => [check.replace('broker_', ''), outcome]));
  }

  function only(found: Finding[], outcome: Finding['outcome']): Finding {
    const those = found.filter((finding) => finding.outcome === outcome);
    expect(those).toHaveLength(1);
    return those[0];
  }

  /** The state of an uplink before the same broker, as soon as something went wrong. */
  async function failureOf(url: string, more: Partial<BrokerTarget> = {}): Promise<UplinkState> {
    const outbox = new MemoryOutbox();
    outbox.seal(1);
    const epoch = randomBytes(8).toString('hex');
    const uplink = createUplink(
      { url, ...GATEWAY, epoch, window: 4, staggerSeconds: 0, ...more, ack: 'collector' },
      {
        outbox,
        clock: hastyClock(HASTE),
        random: Math.random,
        log: () => {},
        facts: async () => {
          const facts = { firstSequence: 1, sealedThrough: 1, oldestHeld: 1, previous: null, config: null };
          return { ...facts, parameters: 'p1', version: '0.1.0', sensors: [] };
        },
      },
    );
    endings.push(() => uplink.stop());
    uplink.start();
    await until('the uplink to fail', () => uplink.state().lastErrorKind !== null);
    expect(uplink.state().lastError).not.toContain(SECRET);
    return uplink.state();
  }

  async function mosquitto(extra?: string[]): Promise<Mosquitto> {
    const broker = new Mosquitto(folder, await freePort(), extra);
    endings.push(() => broker.kill());
    return broker.start();
  }

  function fileOf(name: string, text: string): string {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  }

  async function collect(url: string): Promise<string> {
    const database = join(folder, `${randomBytes(4).toString('hex')}.db`);
    const collector = await startCollector({ url, database, clock: hastyClock(HASTE), log: () => {} });
    endings.push(() => collector.stop());
    await until('the collector', () => collector.stats().phase === 'connected');
    return database;
  }

  return {
    /** Known once the hooks have run. */
    folder: () => folder,
    endings,
    examine,
    outcomes,
    only,
    failureOf,
    mosquitto,
    fileOf,
    collect,
  };
}
