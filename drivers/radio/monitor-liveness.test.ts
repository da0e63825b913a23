import { beforeEach, describe, expect, it } from 'vitest';
import { PCAP_HEADER, type ScriptedRadios } from './monitor.fixture.ts';
import { MINUTE, MonitorRun } from './monitor-run.fixture.ts';

let run: MonitorRun;
let radios: ScriptedRadios;

beforeEach(() => {
  run = new MonitorRun();
  ({ radios } = run);
});

describe('a radio that goes', () => {
  beforeEach(() => radios.plugIn('phy1', '/usb/1-1', 'wlan1'));

  it('and comes back, under other names, is known by where it is plugged in', async () => {
    await run.listen();
    radios.unplug('phy1');
    radios.last.fails('tcpdump: pcap_loop: The interface disappeared\n');
    expect(run.state).toBe('no_adapter: tcpdump could not listen on wlan1: The interface disappeared');
    await run.pass(4_000);
    expect(run.state).toBe(
      'no_adapter: expected the Wi-Fi adapter wlan1, found none: plug it in, or see: dmesg | grep -i -e wlan -e firmware',
    );
    await run.pass(10 * MINUTE);
    expect(radios.captures).toHaveLength(1);
    radios.plugIn('phy7', '/usb/1-1', 'wlan5');
    await run.pass(2_000);
    expect([radios.captures.length, radios.last.name]).toEqual([2, 'wlan5']);
    radios.last.opens();
    expect(run.state).toContain('listening with wlan5');
  });

  it('and came back between two looks is opened anew', async () => {
    await run.listen();
    radios.unplug('phy1');
    radios.plugIn('phy1', '/usb/1-1', 'wlan1');
    await run.pass(4_000);
    expect(run.states.some((each) => each.includes('was plugged in, as phy1'))).toBe(true);
    expect([radios.captures.length, radios.captures[0].ending]).toEqual([2, true]);
  });

  it('is told with those that are there', async () => {
    radios.plugIn('phy2', '/usb/1-2', null);
    await run.start({ adapter: 'wlan9' });
    expect(run.state).toBe(
      'no_adapter: expected the Wi-Fi adapter wlan9, found wlan1 (phy1), phy2: plug it in, or name the right one in "adapter"',
    );
  });
});

describe('a link that goes down without a word of tcpdump', () => {
  beforeEach(() => radios.plugIn('phy1', '/usb/1-1', 'wlan1'));

  it('is noticed within seconds and mended', async () => {
    await run.listen();
    radios.at('wlan1').up = false;
    await run.pass(2_000);
    expect(run.state).toBe('adapter_down: wlan1 is down and is being set up');
    await run.pass(2_000);
    radios.last.opens();
    expect([radios.at('wlan1').up, radios.captures.length]).toEqual([true, 2]);
    expect(run.state).toMatch(/^listening/);
  });

  it('is told where it cannot be mended', async () => {
    await run.listen();
    radios.administers = false;
    radios.at('wlan1').up = false;
    await run.pass(4_000);
    expect(run.state).toContain('no_permission: no permission to set wlan1 up');
    expect(run.state).toContain('sudo ip link set wlan1 up');
  });

  it('is mended when the interface was deleted, or taken out of monitor mode', async () => {
    await run.listen();
    radios.interfaces.delete('wlan1');
    await run.pass(4_000);
    expect(run.states).toContain('no_adapter: the interface wlan1 was removed; another is made');
    expect(radios.last.name).toBe('wlan1mon');
    radios.last.opens();
    radios.at('wlan1mon').type = 'managed';
    await run.pass(4_000);
    expect(run.state).toContain('another program took wlan1mon out of monitor mode');
    expect(radios.at('wlan1mon')).toMatchObject({ type: 'monitor', up: true });
  });

  it.each([
    ['soft', 'software (rfkill): sudo rfkill unblock wlan'],
    ['hard', 'a switch or the firmware: turn its switch on'],
  ] as const)('is told when it is by rfkill (%s), and is opened when that is over', async (kind, how) => {
    await run.listen();
    const phy = radios.phys.get('phy1');
    if (phy === undefined) throw new Error('no radio');
    phy[kind] = true;
    await run.pass(2_000);
    expect(run.state).toBe(`blocked: the Wi-Fi adapter phy1 is switched off by ${how}`);
    await run.pass(10 * MINUTE);
    expect(radios.captures).toHaveLength(1);
    phy[kind] = false;
    await run.pass(2_000);
    expect(radios.captures).toHaveLength(2);
  });
});

describe('silence', () => {
  beforeEach(async () => {
    radios.plugIn('phy1', '/usb/1-1', 'wlan1');
    await run.listen();
    radios.commands.length = 0;
  });

  it('is answered by setting the interface up anew, then tcpdump as well, ever more rarely, and the sensor stays up', async () => {
    await run.pass(5 * MINUTE);
    expect(run.changes).toEqual(['ip link set wlan1 down', 'ip link set wlan1 up']);
    expect(run.state).toContain('no probe request for 5 minutes, so it was set up anew');
    expect(radios.captures).toHaveLength(1);
    await run.pass(5 * MINUTE + 2_000);
    expect([radios.captures.length, radios.captures[0].ending]).toEqual([2, true]);
    radios.last.opens();
    expect(run.state).toContain('no probe request for 10 minutes');
    radios.opens = true;
    for (let minute = 0; minute < 8 * 60; minute++) {
      await run.pass(MINUTE);
      await run.settle();
    }
    expect(radios.captures.length).toBeLessThan(13);
    expect(run.states.filter((each) => !each.startsWith('listening'))).toHaveLength(1);
  });

  it('is over with the next frame, and that is told', async () => {
    await run.pass(6 * MINUTE);
    radios.last.hears();
    expect(run.state).toBe('listening: listening with wlan1; channels 1, 6, 11 in turn');
    radios.commands.length = 0;
    await run.passHearing(60 * MINUTE);
    expect([run.changes, radios.captures.length]).toEqual([[], 1]);
  });

  it('is not counted while there was no radio', async () => {
    radios.unplug('phy1');
    await run.pass(60 * MINUTE);
    radios.plugIn('phy1', '/usb/1-1', 'wlan1');
    await run.pass(2_000);
    radios.last.opens();
    await run.pass(4 * MINUTE);
    expect(run.state).not.toContain('no probe request');
  });
});

describe('a program that fails', () => {
  beforeEach(() => radios.plugIn('phy1', '/usb/1-1', 'wlan1'));

  it.each([
    ['iw', 'no_module: iw is not installed, which is needed to look at phy1: sudo apt install iw'],
    ['ip', 'no_module: ip is not installed, which is needed to set wlan1 to monitor mode: sudo apt install iproute2'],
  ] as const)('as %s is not installed is told with its package', async (tool, told) => {
    radios.missing.add(tool);
    await run.start();
    expect(run.state).toBe(told);
  });

  it('as tcpdump is not installed is told, and is there when it is', async () => {
    await run.start();
    radios.last.fails('', null, true);
    expect(run.state).toBe(
      'no_module: tcpdump is not installed, which is needed to listen on wlan1: sudo apt install tcpdump',
    );
    await run.pass(20_000);
    expect(radios.captures).toHaveLength(1);
    await run.pass(20_000);
    expect(radios.captures).toHaveLength(2);
  });

  it('does without iw where the interface is set up already', async () => {
    radios.interfaces.set('mon0', { phy: 'phy1', type: 'monitor', up: true, carrier: true });
    radios.missing.add('iw');
    await run.listen();
    expect(run.state).toBe('listening: listening with mon0; its channel stays as it is: to set one takes iw');
  });

  it.each([
    [
      "tcpdump: wlan1: You don't have permission to perform this capture on that device\n(socket: Operation not permitted)\n",
      'no_permission: tcpdump could not listen on wlan1: socket: Operation not permitted; expected the capability CAP_NET_RAW, which footfall-radio@.service has',
    ],
    [
      'tcpdump: IEEE802_11_RADIO is not one of the DLTs supported by this device\n',
      'failed: tcpdump could not listen on wlan1: IEEE802_11_RADIO is not one of the DLTs supported by this device; it is tried again',
    ],
    [
      'tcpdump: wlan1: That device is not up\n',
      'adapter_down: tcpdump could not listen on wlan1: wlan1: That device is not up',
    ],
    [
      'tcpdump: data link type IEEE802_11_RADIO\ntcpdump: listening on wlan1, link-type IEEE802_11_RADIO\n0 packets captured\n',
      'failed: tcpdump could not listen on wlan1: exit code 1; it is tried again',
    ],
  ])('in its words: %s', async (err, told) => {
    await run.start();
    radios.last.fails(err);
    expect(run.state).toBe(told);
  });

  it('is started again, ever later, and at once after it worked for a while', async () => {
    await run.listen();
    for (let i = 0; i < 60; i++) {
      const { last } = radios;
      if (!last.ending) last.fails('tcpdump: boom\n');
      await run.pass(2_000);
    }
    const tries = radios.captures.length;
    expect(tries).toBeGreaterThan(5);
    expect(tries).toBeLessThan(25);
    radios.opens = true;
    await run.pass(MINUTE);
    await run.settle();
    await run.passHearing(2 * MINUTE);
    const { length } = radios.captures;
    radios.last.fails('tcpdump: boom\n');
    await run.pass(2_000);
    expect(radios.captures).toHaveLength(length + 1);
  });

  it('is replaced where it says nothing, or something else than pcap', async () => {
    await run.start();
    await run.pass(12_000);
    expect(run.states).toContain('failed: tcpdump does not begin to listen on wlan1; it is started again');
    expect(radios.captures[0].ending).toBe(true);
    await run.pass(2_000);
    radios.last.opens();
    radios.last.events.bytes(Buffer.alloc(32, 0xff));
    expect(run.state).toContain('is no pcap');
    expect(run.bytes).toEqual([PCAP_HEADER]);
  });

  it('does not begin another before the last one is gone', async () => {
    await run.listen();
    radios.last.prompt = false;
    radios.at('wlan1').up = false;
    await run.pass(20_000);
    expect(radios.captures).toHaveLength(1);
    radios.last.go();
    await run.settle();
    await run.pass(2_000);
    expect(radios.captures).toHaveLength(2);
  });
});

describe('a source that is stopped', () => {
  it('says and does nothing any more, whatever was on its way', async () => {
    radios.plugIn('phy1', '/usb/1-1', 'wlan1');
    const starting = run.start();
    await run.source?.stop();
    await starting;
    expect(radios.captures).toEqual([]);
    await run.listen();
    const told = run.states.length;
    radios.last.prompt = false;
    const { last } = radios;
    let over = false;
    const stopped = run.source?.stop().then(() => {
      over = true;
    });
    await run.settle();
    expect([last.ending, over]).toEqual([true, false]);
    last.hears();
    last.go();
    await stopped;
    radios.unplug('phy1');
    await run.pass(MINUTE);
    expect([run.states.length, run.bytes.length, radios.captures.length]).toEqual([told, 1, 1]);
  });
});
