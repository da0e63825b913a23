import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findProgram } from '../../test/support/processes.ts';
import { makeCertificates, signCertificate } from '../uplink/brokers.ts';
import { readAuthorities } from './certificates.ts';

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
