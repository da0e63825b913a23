import { describe, expect, it } from 'vitest';
import { explainCode, explainError, explainHandshake, explainRefusal, explainSilence } from './explain.ts';
import { targetOf } from './target.ts';

const TARGET = targetOf('mqtts://broker.example');

function errorOf(code: string | undefined, message = 'some words'): Error {
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}

describe('explain', () => {
  it.each([
    ['name', ['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL']],
    ['network', ['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'EPIPE', 'EACCES']],
    ['tls', ['CERT_HAS_EXPIRED', 'SELF_SIGNED_CERT_IN_CHAIN', 'ERR_TLS_CERT_ALTNAME_INVALID', 'EPROTO', 'ERR_SSL_X']],
    ['other', ['ESOMETHING', undefined]],
  ])('calls these errors a failure of kind %s, and names the broker', (kind, codes) => {
    for (const code of codes) {
      const failure = explainError(errorOf(code), TARGET, null);
      expect([code, failure.kind]).toEqual([code, kind]);
      expect(failure.reason).toContain('broker.example');
    }
  });

  it.each([
    ['login', [4, 5, 134, 135, 138]],
    ['broker', [1, 3, 132, 136, 137, 139, 159]],
    ['identity', [2, 133, 142]],
    ['other', [129, 254]],
  ])('calls these reason codes of CONNACK and DISCONNECT a failure of kind %s', (kind, codes) => {
    for (const code of codes) {
      expect([code, explainCode(code, TARGET).kind]).toEqual([code, kind]);
      expect(explainError({ code }, TARGET, null)).toEqual(explainCode(code, TARGET));
    }
  });

  it('calls every refusal of a publication denied, and gives an unknown code as it is', () => {
    for (let code = 128; code <= 255; code++) expect(explainRefusal({ code }, TARGET).kind).toBe('denied');
    expect(explainRefusal({ code: 135 }, TARGET).reason).toContain('access list');
    expect(explainRefusal({ code: 200 }, TARGET).reason).toContain('0xc8');
    expect(explainRefusal(errorOf('ECONNRESET'), TARGET).kind).toBe('network');
  });

  it('tells a port without TLS by what OpenSSL says, and a wanted certificate', () => {
    const wrong = errorOf('EPROTO', 'write EPROTO 40:error:0A00010B:SSL routines:x:wrong version number:y.c:77:');
    expect(explainError(wrong, TARGET, null).reason).toContain('is it the port without TLS?');
    const wanted = errorOf('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED');
    expect(explainError(wanted, TARGET, null).reason).toContain('wants a certificate of this box');
  });

  it('tells a broker that refuses the certificate of this box, which one, until when it holds, and why', () => {
    const identity = { certFile: '/etc/box.pem', expiresMs: Date.UTC(2026, 10, 20) };
    const told = (code: string, message?: string) => explainError(errorOf(code, message), TARGET, null, identity);
    expect(told('ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED')).toEqual({
      reason:
        'the broker broker.example:8883 refused the client certificate /etc/box.pem, valid until 2026-11-20: it has expired',
      kind: 'tls',
    });
    expect(told('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA').reason).toMatch(/not signed by an authority it knows$/);
    const words =
      'write EPROTO 40:error:0A000412:SSL routines:x:sslv3 alert bad certificate:rec.c:1:SSL alert number 42';
    expect(told('EPROTO', words).reason).toMatch(/it cannot read or check it$/);
    // Without one, or about the broker's own, it is not blamed.
    expect(explainError(errorOf('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA'), TARGET, null).reason).not.toContain('client');
    expect(told('CERT_HAS_EXPIRED').reason).toMatch(/^certificate of broker\.example:8883 has expired/);
    expect(told('ECONNRESET').kind).toBe('network');
  });

  it('tells a broker that speaks only older TLS, and one that sends what is no MQTT', () => {
    for (const code of ['ERR_SSL_UNSUPPORTED_PROTOCOL', 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION']) {
      expect(explainError(errorOf(code), TARGET, null).reason).toMatch(/speaks no TLS of version 1\.2 or later$/);
    }
    expect(explainError(errorOf('mqtt_packet', 'sent a packet of 9 bytes'), TARGET, null)).toEqual({
      reason: 'the broker broker.example:8883 sent a packet of 9 bytes',
      kind: 'broker',
    });
  });

  it('has words of its own for every CONNACK reason of both versions', () => {
    const codes = [1, 2, 3, 4, 5, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c];
    for (const code of [...codes, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f]) {
      expect([code, explainCode(code, TARGET).reason]).toEqual([code, expect.not.stringContaining('0x')]);
    }
  });

  it('names the file that was to sign the certificate', () => {
    const untrusted = errorOf('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
    expect(explainError(untrusted, TARGET, '/etc/ca.pem').reason).toMatch(/the authority in \/etc\/ca\.pem$/);
    expect(explainError(untrusted, TARGET, null).reason).toMatch(/an authority this box knows$/);
  });

  it('tells a closed connection by the stage it was in', () => {
    expect(explainHandshake(TARGET).kind).toBe('tls');
    expect(explainSilence(targetOf('mqtt://broker.example'))).toEqual({
      reason: 'broker.example:1883 closed the connection without an MQTT answer (is it a port for TLS?)',
      kind: 'broker',
    });
    expect(explainError(errorOf(undefined, 'Keepalive timeout'), TARGET, null).kind).toBe('network');
  });
});
