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
