import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressesIn, MASK, maskAddresses } from './mask-addresses.ts';
import { maskKnown, maskSettings, maskUrls, secretsIn } from './mask-secrets.ts';

const octets = fc.uint8Array({ minLength: 6, maxLength: 6 });
const pairsOf = (address: Uint8Array) => [...address].map((octet) => octet.toString(16).padStart(2, '0'));

describe('the mask of addresses', () => {
  it('takes out an address in every common spelling, whatever stands around it', () => {
    const around = fc.constantFrom(
      ['', ''],
      ['station ', ' left'],
      ['"', '"'],
      ['device:', ','],
      ['(', ')'],
      ['=', ';'],
    );
    fc.assert(
      fc.property(octets, around, fc.boolean(), (address, [before, after], upper) => {
        const pairs = pairsOf(address);
        const bare = pairs.join('');
        const spellings = [
          ...[':', '-', '_', '%3A'].map((separator) => pairs.join(separator)),
          `${bare.slice(0, 4)}.${bare.slice(4, 8)}.${bare.slice(8)}`,
        ].map((text) => (upper ? text.toUpperCase() : text));
        for (const spelling of spellings) {
          const { text, addresses } = maskAddresses(`x ${before}${spelling}${after} y`);
          expect(text).toBe(`x ${before}${MASK.address}${after} y`);
          expect(addresses).toBe(1);
        }
        for (const word of ['mac ', 'MAC: ', '"addr":"', 'hwaddr=', '"source": "', 'station ']) {
          expect(maskAddresses(`${word}${bare} y`)).toMatchObject({ text: `${word}${MASK.address} y`, addresses: 1 });
        }
        expect(maskAddresses(`enx${bare}: up`).text).toBe(`enx${MASK.address}: up`);
      }),
    );
  });

  it('takes out an address that is stuck to its neighbours', () => {
    for (const text of ['-6AA:BB:CC:DD:EE:0F', 'xaa:bb:cc:dd:ee:0f', 'aa:bb:cc:dd:ee:0f7', '7aa-bb-cc-dd-ee-0f-']) {
      expect(maskAddresses(text)).toMatchObject({ text: expect.not.stringMatching(/bb/i), addresses: 1 });
    }
  });

  it.each([
    ['times', '2026-11-22T07:40:45.123+01:00 10:00:00'],
    ['versions and IPv4', '24.21.0 192.168.178.20 6.1.0-26'],
    ['IPv6', 'fe80::5054:ff:fe12:3456 2001:db8:0:1:2:3:4:5'],
    ['a UUID', '3d3b1f6e-9a8b-4c7d-8e9f-0a1b2c3d4e5f'],
    ['twelve digits of a size', '{"total": 128035676160}'],
    ['hashes and epochs', 'sha256: 9f86d081884c7d659a2feaa0c55ad015 epoch 0123456789abcdef'],
    [
      'a fingerprint',
      Array.from({ length: 32 }, (_, i) => (i + 160).toString(16))
        .join(':')
        .toUpperCase(),
    ],
    ['a PCI place', 'pci-0000:00:14.0-usb-0:2:1.0-port0'],
    ['counts in a row', '10 20 30 40 50 60 70'],
  ])('leaves %s alone', (_name, text) => {
    expect(maskAddresses(text)).toEqual({ text, addresses: 0, own: 0, networks: 0 });
  });

  it('knows this box’s own addresses from others, and a host name from an address', () => {
    const own = new Set(['f412fa0b0c0d']);
    const text = 'usb-Espressif_F4:12:FA:0B:0C:0D-if00 3f2a1b9c0d4e kernel: aa:bb:cc:dd:ee:0f';
    expect(maskAddresses(text, { own, harmless: new Set(['3f2a1b9c0d4e']) })).toEqual({
      text: `usb-Espressif_${MASK.address}-if00 3f2a1b9c0d4e kernel: ${MASK.address}`,
      addresses: 1,
      own: 1,
      networks: 0,
    });
    expect(addressesIn('/dev/serial/by-id/usb-Espressif_F4:12:FA:0B:0C:0D-if00')).toEqual(own);
  });

  it.each([
    ['{"ssid":"Shop \\"Office\\" 2","x":1}', `{"ssid":"${MASK.network}","x":1}`],
    ['{"v": "{\\"ssid\\":\\"Office\\",\\"n\\":1}"}', `{"v": "{\\"ssid\\":\\"${MASK.network}\\",\\"n\\":1}"}`],
    ['ESSID=Office; next', `ESSID=${MASK.network}; next`],
    ["bssid: 'x y'", `bssid: '${MASK.network}'`],
    ['wifi_ssid: 商店访客', `wifi_ssid: ${MASK.network}`],
    ['{"ssid":""} ssid: null', null],
  ])('takes out the name of a network: %s', (text, masked) => {
    expect(maskAddresses(text)).toMatchObject({ text: masked ?? text, networks: masked === null ? 0 : 1 });
  });
});

describe('the mask of settings', () => {
  const SECRET = 'Tr0ub4dor-and-3';
  it.each([
    ['a key', `uplink:\n  password: ${SECRET}\n  ack: puback\n`],
    ['a key of another spelling', `mqtt_Passwd: "${SECRET}"\nack: puback\n`],
    ['camel case', `brokerPassword: '${SECRET}'\nack: puback\n`],
    ['a map in one line', `uplink: { password: ${SECRET}, ack: puback }\n`],
    ['a map over lines', `uplink: {\n  token: "${SECRET}",\n  ack: puback }\n`],
    ['a block', `api_key: |\n  ${SECRET}\n  ${SECRET}\nack: puback\n`],
    ['a value on the next line', `a:\n  psk:\n    ${SECRET}\n  ack: puback\n`],
    ['a value over lines', `a:\n  secret: "one\n    ${SECRET}"\n  ack: puback\n`],
    ['a quoted key', `"password": ${SECRET}\nack: puback\n`],
    ['a key in JSON', `{"password":"${SECRET}","ack": "puback"}\n`],
    ['a list', `- password: ${SECRET}\n  ack: puback\n`],
    ['a broken file', `uplink: [\n  password: ${SECRET}\n ack: puback\n`],
    ['an address of a broker', `url: mqtts://shop:${SECRET}@broker.example:8883\nack: puback\n`],
    ['an address with signs in it', `url: "mqtts://shop:a/${SECRET}@x@broker.example"\nack: puback\n`],
    ['a comment', `ack: puback # the password is ${SECRET}\n`],
    ['a comment of its own', `# wifi: office / ${SECRET}\nack: puback\n`],
    ['a comment with a long word', `ack: puback  # ${SECRET}xyz9\n`],
  ])('takes out %s and leaves its neighbours', (_name, text) => {
    const { text: clean, masked } = maskSettings(text);
    expect(clean).not.toContain(SECRET);
    expect(clean).toContain('puback');
    expect(masked).toBeGreaterThan(0);
    expect(clean.split('\n').length).toBe(text.split('\n').length);
  });

  it('leaves ordinary settings as they are', () => {
    const text = `tenant: lab
store: { id: shop, hours: { daily: "07:00-18:00" } } # the old one
sensors:
  - { id: front, driver: wifi-pcap, port: /dev/ttyUSB0, zone: shop, gate_dbm: -70 }
counting: { window_minutes: 15, passing_seconds: 20 }
uplink: { url: "mqtts://broker.example:8883", username: shop-1, password_file: /etc/footfall/broker-password }
`;
    expect(maskSettings(text)).toEqual({ text, masked: 0 });
  });

  it('finds a secret behind an alias, and takes it out wherever else it stands', () => {
    const text = `x: &p ${SECRET}\npassword: *p\nurl: mqtt://u:other-one@h\n`;
    expect(secretsIn(text)).toEqual([SECRET, 'other-one']);
    const base64 = Buffer.from(SECRET).toString('base64');
    const log = `login ${SECRET} ${encodeURIComponent(SECRET)} ${base64} done`;
    expect(maskKnown(log, secretsIn(text))).toEqual({
      text: `login ${MASK.secret} ${MASK.secret} ${MASK.secret} done`,
      masked: 3,
    });
    expect(secretsIn('password: {')).toEqual([]);
  });

  it('leaves an address without a user alone', () => {
    const text = 'mqtts://broker.example:8883 and mail@example.org';
    expect(maskUrls(text)).toEqual({ text, masked: 0 });
  });
});
