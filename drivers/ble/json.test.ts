import { describe, expect, it } from 'vitest';
import { ARRIVAL, decode, recordingSink, rejections, type Seen } from './ble.testing.ts';
import { BleJsonDecoder } from './json.ts';

const CONTRACT =
  '{"v":1,"t":"adv","ms":123456,"ch":37,"rssi":-67,"ty":0,"at":1,"a":"5bcdabbc1234","d":"02011a0aff4c001005031c839096"}';
const BLEUIO = '{"SF":1,"rssi":-60,"addr":"[1]5B:CD:AB:BC:12:34","type":0,"data":"02011A0AFF4C001005031C839096"}';
const GATEWAY = '{"id":"45:F6:AB:BC:12:34","rssi":-55,"manufacturerdata":"4c001005031c839096"}';

function run(...lines: (string | Buffer)[]): { seen: Seen[]; accepted: number; rejected: Record<string, number> } {
  const decoder = new BleJsonDecoder();
  const seen = decode(
    decoder,
    lines.map((line) => (typeof line === 'string' ? Buffer.from(`${line}\r\n`) : line)),
  );
  return { seen, accepted: decoder.counts.accepted, rejected: rejections(decoder) };
}

const PHONE = { time: ARRIVAL, address: '5bcdabbc1234', random: true, advertiser: 'phone' };

describe('ble-json', () => {
  it('reads the contract, a BleuIO and an OpenMQTTGateway', () => {
    expect(run(CONTRACT, BLEUIO, GATEWAY)).toEqual({
      seen: [
        { ...PHONE, rssi: -67, channel: 37 },
        { ...PHONE, rssi: -60, channel: 0 },
        { ...PHONE, address: '45f6abbc1234', rssi: -55, channel: 0 },
      ],
      accepted: 3,
      rejected: {},
    });
  });

  it('takes the kind of an address from its mark, and where there is none from its top bits', () => {
    const plain = '"data":"020106"';
    const line = (addr: string) => `{"SF":2,"rssi":-60,"addr":"${addr}","type":3,${plain}}`;
    expect(run(line('[0]5B:CD:AB:BC:12:34'), line('[1]5B:CD:AB:BC:12:34')).seen).toMatchObject([
      { random: false, advertiser: 'fixture' },
      { random: true, advertiser: 'other' },
    ]);
    const gateway = (id: string, more = '') => `{"id":"${id}",${more}"rssi":-55,"manufacturerdata":"ffff00"}`;
    const seen = run(
      gateway('A4:C1:38:00:00:01'),
      gateway('C4:C1:38:00:00:01'),
      gateway('44:C1:38:00:00:01'),
      gateway('44:C1:38:00:00:01', '"mac_type":0,'),
    );
    expect(seen.seen).toMatchObject([
      { random: false, advertiser: 'fixture' },
      { random: true, advertiser: 'fixture' },
      { random: true, advertiser: 'other' },
      { random: false, advertiser: 'fixture' },
    ]);
  });

  it('reads service data of a gateway, and says nothing of an advertiser whose data it does not get', () => {
    const service = '{"id":"45:F6:AB:BC:12:34","rssi":-55,"servicedata":"00ee","servicedatauuid":"0xfeaa"}';
    const bare = '{"id":"A4:C1:38:00:00:01","name":"LYWSD03MMC","rssi":-55}';
    const found = '{"S":1,"rssi":-60,"addr":"[0]A4:C1:38:00:00:01","name":"LYWSD03MMC"}';
    expect(run(service, bare, found).seen.map(({ advertiser }) => advertiser)).toEqual(['fixture', 'other', 'other']);
  });

  it('accepts answers, log lines, scan responses and other messages without a reading', () => {
    const lines = [
      '{"C":1,"cmd":"AT"}',
      '{"A":1,"err":0,"errMsg":"ok"}',
      '{"R":1,"showRssi":true}',
      '{"E":1,"nol":3}',
      '{"SE":1,"action":"scan completed"}',
      'AT+FINDSCANDATA=',
      'AT',
      'OK',
      'ERROR',
      'N: Scan begin',
      'T: BTtoX starting',
      CONTRACT.replace('"ty":0', '"ty":4'),
      BLEUIO.replace('"type":0', '"type":4'),
      '{"v":1,"t":"boot","ms":5}',
    ];
    expect(run(...lines)).toEqual({ seen: [], accepted: lines.length, rejected: {} });
  });

  it.each([
    ['unsupported', CONTRACT.replace('"v":1', '"v":2')],
    ['unsupported', '{"v":1,"boot":7}'],
    ['format', CONTRACT.replace('"v":1', '"v":"1"')],
    ['format', CONTRACT.replace('5bcdabbc1234', '5bcdabbc123')],
    ['format', CONTRACT.replace('5bcdabbc1234', '5bcdabbc123x')],
    ['format', CONTRACT.replace('5bcdabbc1234', '000000000000')],
    ['format', CONTRACT.replace('02011a', '02011')],
    ['format', CONTRACT.replace('-67', '-67.5')],
    ['format', CONTRACT.replace('"ch":37,', '')],
    ['format', CONTRACT.replace('"ms"', '"ms')],
    ['range', CONTRACT.replace('-67', '21')],
    ['range', CONTRACT.replace('-67', '-128')],
    ['range', CONTRACT.replace('37', '36')],
    ['range', CONTRACT.replace('"ty":0', '"ty":5')],
    ['range', CONTRACT.replace('123456', '-1')],
    ['format', BLEUIO.replace('[1]', '[2]')],
    ['format', BLEUIO.replace('5B:', '5B')],
    ['format', BLEUIO.replace('02011A', '0201').replace('96"', '9"')],
    ['range', BLEUIO.replace('-60', '-600')],
    ['format', GATEWAY.replace('45:', '45')],
    ['format', GATEWAY.replace('4c00', '4c0')],
    ['format', GATEWAY.replace('-55', '"-55"')],
    ['truncated', CONTRACT.slice(0, 80)],
    ['truncated', `${CONTRACT.slice(0, 60)}ets Jun  8 2016 00:22:57`],
    ['format', `${CONTRACT.slice(0, 60)}${CONTRACT}`],
    ['noise', CONTRACT.slice(60)],
    ['noise', 'rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)'],
    ['oversize', `{"id":"${'4'.repeat(600)}"}`],
  ])('rejects as %s: %s', (reason, line) => {
    const { seen, accepted, rejected } = run(CONTRACT, line, BLEUIO);
    expect({ seen: seen.length, accepted, rejected }).toEqual({ seen: 2, accepted: 2, rejected: { [reason]: 1 } });
  });

  it('times the contract by the clock of its sender, anew after it restarted', () => {
    const decoder = new BleJsonDecoder();
    const seen: Seen[] = [];
    const at = (ms: number, uptime: number) =>
      decoder.push(Buffer.from(`${CONTRACT.replace('123456', `${uptime}`)}\n`), ARRIVAL + ms, recordingSink(seen));
    at(0, 50_000);
    at(80, 50_040);
    at(9_000, 700);
    expect(seen.map(({ time }) => Math.round(time - ARRIVAL))).toEqual([0, 40, 9_000]);
  });
});
