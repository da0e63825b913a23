/** The broker chapter over TLS: the broker's certificate, and the one that this box shows. */
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { keyOf, makeCertificates, signCertificate } from '../uplink/brokers.ts';
import { hasMosquitto, MOSQUITTO } from '../uplink/mosquitto.testing.ts';
import { brokerBench, SECRET } from './broker.testing.ts';
import type { BrokerTarget } from './broker-step.ts';

const bench = brokerBench();
const { examine, outcomes, only, failureOf, mosquitto, fileOf } = bench;

describe.skipIf(!hasMosquitto)(`the doctor before ${MOSQUITTO} with TLS (skipped where it is not installed)`, () => {
  let made: ReturnType<typeof makeCertificates>;
  beforeAll(() => {
    made = makeCertificates(bench.folder());
  });

  async function secure(certificate: string): Promise<string> {
    const files = [`cafile ${made.ca}`, `certfile ${certificate}`, `keyfile ${keyOf(certificate)}`];
    return `mqtts://127.0.0.1:${(await mosquitto(['allow_anonymous true', ...files])).port}`;
  }

  it('shows a good certificate, and warns within 30 days of its end', async () => {
    const long = signCertificate(bench.folder(), 'long', {
      ca: made.ca,
      for: 'IP:127.0.0.1,DNS:broker.example',
      days: 90,
    });
    const found = await examine(await secure(long), { caFile: made.ca });
    // The CA file itself ends in two days.
    expect(outcomes(found)).toMatchObject({ tls: 'warning', login: 'ok' });
    const { found: text } = found[2];
    expect(text).toMatch(
      /^TLSv1\.[23]; the certificate is for 127\.0\.0\.1, broker\.example, signed by ca, valid until/,
    );
    expect(text).toContain(`A certificate in ${made.ca} ends in 1 day`);
  });

  it('names the file that did not sign the certificate, and who did', async () => {
    const url = await secure(made.certificate);
    const found = await examine(url, { caFile: made.otherCa });
    expect(only(found, 'error')).toMatchObject({
      check: 'broker_tls',
      found: expect.stringMatching(`not signed by the authority in ${made.otherCa}; .* signed by ca$`),
      mend: `If that is the right broker, put the certificate of ca into ${made.otherCa}.`,
    });
    expect((await failureOf(url, { caFile: made.otherCa })).lastErrorKind).toBe('tls');
  });

  it('tells an expired certificate, with both dates', async () => {
    const url = await secure(signCertificate(bench.folder(), 'old', { ca: made.ca, for: 'IP:127.0.0.1', days: -1 }));
    const found = await examine(url, { caFile: made.ca });
    expect(only(found, 'error').found).toMatch(/has expired .* to \d{4}-\d\d-\d\d; .*this box's clock says \d{4}-/);
    expect((await failureOf(url, { caFile: made.ca })).lastErrorKind).toBe('tls');
  });

  it('tells a certificate for another host, and for which', async () => {
    const elsewhere = { ca: made.ca, for: 'DNS:elsewhere.example', days: 2 };
    const url = await secure(signCertificate(bench.folder(), 'elsewhere', elsewhere));
    const found = await examine(url, { caFile: made.ca });
    expect(only(found, 'error').found).toMatch(/is for another host name: it is for elsewhere\.example$/);
    expect((await failureOf(url, { caFile: made.ca })).lastErrorKind).toBe('tls');
  });

  describe('that wants to know who comes', () => {
    let url: string;
    beforeEach(async () => {
      const files = [`cafile ${made.ca}`, `certfile ${made.certificate}`, `keyfile ${made.key}`];
      const asked = ['require_certificate true', 'use_identity_as_username true', 'allow_anonymous false'];
      url = `mqtts://127.0.0.1:${(await mosquitto([...files, ...asked])).port}`;
    });

    function client(name: string, days: number, ca = made.ca): { certFile: string; keyFile: string; caFile: string } {
      const certFile = signCertificate(bench.folder(), name, { ca, for: 'DNS:gw-1', days });
      return { certFile, keyFile: keyOf(certFile), caFile: made.ca };
    }

    it('shows the client certificate, and warns within 30 days of its end', async () => {
      const shown = client('gw-1', 1);
      const found = await examine(url, { ...shown, ack: 'puback' });
      expect(outcomes(found)).toMatchObject({ tls: 'warning', login: 'ok', config: 'ok', publish: 'ok' });
      expect(found[2].found).toContain(`The client certificate ${shown.certFile} ends in`);
      expect(found[2].tried).toContain(`, showing it ${shown.certFile}`);
      expect(found[3].tried).toContain(', by the certificate of gw-1');
    });

    it('tells a certificate that is missing, expired, or of another authority', async () => {
      const refused = 'put a certificate of that one and its key where "cert_file" and "key_file"';
      const cases: [Partial<BrokerTarget>, RegExp][] = [
        [{ caFile: made.ca }, /wants a certificate of this box/],
        [client('late', -1), /refused the client certificate .*late\.pem, valid until .* it has expired$/],
        [client('stranger', 2, made.otherCa), /refused the client certificate .*stranger\.pem/],
      ];
      for (const [more, words] of cases) {
        const found = await examine(url, more);
        expect(only(found, 'error').found).toMatch(words);
        expect(only(found, 'error').mend).toContain(refused);
        expect((await failureOf(url, more)).lastErrorKind).toBe('tls');
      }
    });

    it('tells files that cannot be used before it connects, and none of what is in them', async () => {
      const good = client('good', 2);
      const cases: [Partial<BrokerTarget>, RegExp][] = [
        [{ certFile: join(bench.folder(), 'nothing.pem') }, /cannot be read: ENOENT$/],
        [{ keyFile: join(bench.folder(), 'nothing.key') }, /cannot be read: ENOENT$/],
        [{ keyFile: keyOf(made.otherCa) }, /does not belong to the certificate/],
        [{ keyFile: fileOf('prose.key', SECRET) }, /holds no key in PEM$/],
        [{ certFile: fileOf('prose.pem', SECRET) }, /holds no certificate in PEM$/],
      ];
      for (const [more, words] of cases) {
        const found = await examine(url, { ...good, ...more });
        expect(only(found, 'error')).toMatchObject({
          check: 'broker_certificate',
          found: expect.stringMatching(words),
        });
        expect(outcomes(found)).toMatchObject({ tcp: 'ok', tls: 'skipped', login: 'skipped', config: 'skipped' });
        expect((await failureOf(url, { ...good, ...more })).lastErrorKind).toBe('file');
      }
    });
  });

  it('tells a CA file that is not there', async () => {
    const url = await secure(made.certificate);
    const caFile = join(bench.folder(), 'nothing.pem');
    const found = await examine(url, { caFile });
    expect(only(found, 'error').found).toBe(`certificate authority ${caFile} cannot be read: ENOENT`);
    expect((await failureOf(url, { caFile })).lastErrorKind).toBe('file');
  });

  it('tells a port without TLS that is spoken to with it, and the reverse', async () => {
    const plain = `mqtts://127.0.0.1:${(await mosquitto()).port}`;
    expect(only(await examine(plain), 'error')).toMatchObject({
      check: 'broker_tls',
      found: expect.stringMatching(/is it the port without TLS\?/),
    });
    expect((await failureOf(plain)).lastErrorKind).toBe('tls');
    const reverse = (await secure(made.certificate)).replace('mqtts:', 'mqtt:');
    expect(only(await examine(reverse), 'error')).toMatchObject({
      check: 'broker_login',
      found: expect.stringMatching(/speaks TLS, and "url" says to speak without$/),
      mend: expect.stringContaining(reverse.replace('mqtt:', 'mqtts:')),
    });
    expect((await failureOf(reverse)).lastErrorKind).toBe('broker');
  });
});
