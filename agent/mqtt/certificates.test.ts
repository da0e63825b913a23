import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findProgram } from '../../test/support/processes.ts';
import { keyOf, makeCertificates, signCertificate } from '../uplink/brokers.ts';
import { readAuthorities, readIdentity } from './certificates.ts';

describe.skipIf(findProgram('openssl') === null)('a CA file (skipped where openssl is not installed)', () => {
  let folder = '';
  let ca = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'footfall-certificates-'));
    ({ ca } = makeCertificates(folder));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function fileOf(...parts: (string | Uint8Array)[]): string {
    const file = join(folder, 'bundle.pem');
    writeFileSync(file, Buffer.concat(parts.map((part) => Buffer.from(part))));
    return file;
  }

  it('ends with the first of its certificates, whatever stands between them', async () => {
    const soon = signCertificate(folder, 'soon', { ca, for: 'DNS:x', days: 1 });
    const file = fileOf(readFileSync(ca), '# a comment\n', readFileSync(soon), readFileSync(ca));
    const { expiresMs } = await readAuthorities(file);
    expect(expiresMs).toBe(new X509Certificate(readFileSync(soon)).validToDate.getTime());
    expect(expiresMs).toBeLessThan((await readAuthorities(ca)).expiresMs);
  });

  it('counts as far as its first broken certificate, as it does for OpenSSL', async () => {
    const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    const soon = signCertificate(folder, 'sooner', { ca, for: 'DNS:x', days: 1 });
    const { expiresMs } = await readAuthorities(fileOf(readFileSync(ca), broken, readFileSync(soon)));
    expect(expiresMs).toBe((await readAuthorities(ca)).expiresMs);
    const file = fileOf(broken, readFileSync(ca));
    await expect(readAuthorities(file)).rejects.toMatchObject({
      code: 'ca_file',
      message: `certificate authority ${file} begins with a certificate that cannot be read`,
    });
  });

  it('is refused without a certificate in PEM, with its name', async () => {
    const file = fileOf('not a certificate');
    await expect(readAuthorities(file)).rejects.toMatchObject({
      code: 'ca_file',
      message: `certificate authority ${file} holds no certificate in PEM`,
    });
    await expect(readAuthorities(folder)).rejects.toMatchObject({
      message: expect.stringMatching(/cannot be read: EISDIR$/),
    });
  });
});

describe.skipIf(findProgram('openssl') === null)(
  'a client certificate (skipped where openssl is not installed)',
  () => {
    let folder = '';
    let ca = '';
    let certificate = '';
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'footfall-identity-'));
      ({ ca } = makeCertificates(folder));
      certificate = signCertificate(folder, 'box', { ca, for: 'DNS:box', days: 1 });
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it('ends with the first of its chain, and an expired one is read too: the broker judges it', async () => {
      const chain = join(folder, 'chain.pem');
      writeFileSync(chain, Buffer.concat([readFileSync(certificate), readFileSync(ca)]));
      const identity = await readIdentity(chain, keyOf(certificate));
      expect(identity.expiresMs).toBe(new X509Certificate(readFileSync(certificate)).validToDate.getTime());
      expect(Buffer.from(identity.certificate).equals(readFileSync(chain))).toBe(true);
      const old = signCertificate(folder, 'old', { ca, for: 'DNS:box', days: -1 });
      expect((await readIdentity(old, keyOf(old))).expiresMs).toBeLessThan(Date.now());
    });

    it('is refused where it or its key cannot be used, without a word of what is in them', async () => {
      const key = keyOf(certificate);
      const locked = join(folder, 'locked.key');
      execFileSync('openssl', ['pkcs8', '-topk8', '-in', key, '-out', locked, '-passout', 'pass:sesame'], {
        stdio: 'ignore',
      });
      const junk = join(folder, 'junk.pem');
      writeFileSync(junk, 'a very particular secret');
      const cases: [certFile: string, keyFile: string, code: string, words: RegExp][] = [
        ['/nonexistent.pem', key, 'cert_file', /^client certificate \/nonexistent\.pem cannot be read: ENOENT$/],
        [junk, key, 'cert_file', /holds no certificate in PEM$/],
        [key, key, 'cert_file', /holds no certificate in PEM$/],
        [certificate, folder, 'key_file', /^key .* cannot be read: EISDIR$/],
        [certificate, junk, 'key_file', /holds no key in PEM$/],
        [certificate, certificate, 'key_file', /holds no key in PEM$/],
        [certificate, locked, 'key_file', /is locked with a passphrase$/],
        [certificate, keyOf(ca), 'key_file', /does not belong to the certificate/],
      ];
      for (const [certFile, keyFile, code, words] of cases) {
        const error = await readIdentity(certFile, keyFile).catch((thrown: unknown) => thrown);
        expect(error).toMatchObject({ code, message: expect.stringMatching(words), hint: expect.any(String) });
        const bytes = readFileSync(key, 'utf8').split('\n')[1];
        const text = JSON.stringify({ ...(error as object), message: (error as Error).message });
        expect(text).not.toContain('particular');
        expect(text).not.toContain(bytes);
      }
    });
  },
);
