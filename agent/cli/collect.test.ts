import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { MAIN } from '../../test/support/gateway.ts';
import { Child, until } from '../../test/support/processes.ts';
import { footfall } from '../../test/support/shop.ts';
import { freePort, keyOf, makeCertificates, signCertificate } from '../uplink/brokers.ts';
import { hasMosquitto, MOSQUITTO, Mosquitto } from '../uplink/mosquitto.testing.ts';

const TIMEOUT = 60_000;
const PATIENCE = 25_000;

describe.skipIf(!hasMosquitto)(`footfall collect before ${MOSQUITTO} (skipped where it is not installed)`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'footfall-collect-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('shows a broker that asks for it a client certificate', { timeout: TIMEOUT }, async () => {
    const { ca, certificate, key } = makeCertificates(folder);
    const asks = [`cafile ${ca}`, `certfile ${certificate}`, `keyfile ${key}`, 'require_certificate true'];
    const broker = new Mosquitto(folder, await freePort(), [...asks, 'allow_anonymous true']);
    await broker.start();
    const certFile = signCertificate(folder, 'collector', { ca, for: 'DNS:collector', days: 2 });
    const to = ['--broker', `mqtts://127.0.0.1:${broker.port}`, '--ca-file', ca, '--json'];
    const shown = ['--cert-file', certFile, '--key-file', keyOf(certFile)];
    const start = (name: string, words: string[]) => {
      const database = ['--database', join(folder, `${name}.db`)];
      return new Child(name, process.execPath, [MAIN, 'collect', ...to, ...database, ...words]);
    };
    const [known, unknown] = [start('known', shown), start('unknown', [])];
    try {
      const connected = () => {
        if (!known.running) throw new Error(`footfall collect ended:\n${known.output}`);
        return known.output.includes('Connected');
      };
      await until('the one with a certificate to connect', connected, PATIENCE);
      await until('the other to be refused', () => unknown.output.includes('wants a certificate'), PATIENCE);
      expect(unknown.output).not.toContain('"Connected"');
    } finally {
      await known.end('SIGKILL');
      await unknown.end('SIGKILL');
      await broker.kill();
    }
  });

  it('takes a certificate with its key only', async () => {
    const database = ['--database', join(folder, 'half.db')];
    const { code, errors } = await footfall('collect', ...database, '--cert-file', '/nowhere.pem');
    expect(code).toBe(1);
    expect(errors).toMatch(/^error: expected a client certificate and its key, found a certificate without a key/m);
  });
});
