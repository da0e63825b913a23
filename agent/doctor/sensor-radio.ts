/** One configured radio: whether the adapter that it listens with is there, and free to listen. */
import { type Context, radioOf, type SensorPort } from './context.ts';
import type { Finding } from './finding.ts';
import { namesIn, textOf } from './machine.ts';
import { wirelessInterfaces } from './radio-chapter.ts';
import { ChapterReport } from './report.ts';

/** The first adapter there is. */
const ANY = 'auto';
/** ARPHRD_ETHER of if_arp.h: what a Wi-Fi interface is as long as it is not in monitor mode. */
const MANAGED = '1';

const report = new ChapterReport('sensors');

export async function* checkAdapter({ machine }: Context, sensor: SensorPort): AsyncGenerator<Finding> {
  const { id, port: adapter } = sensor;
  const bluetooth = radioOf(sensor) === 'bluetooth';
  const check = { check: 'adapter', subject: id, tried: `looked for its adapter, ${adapter}` };
  const there = bluetooth
    ? (await namesIn(machine, '/sys/class/bluetooth')).filter((name) => /^hci\d+$/.test(name))
    : [...(await wirelessInterfaces(machine)), ...(await namesIn(machine, '/sys/class/ieee80211'))];
  const what = bluetooth ? 'Bluetooth adapter' : 'Wi-Fi adapter';
  if (there.length === 0) {
    const seek = `sudo dmesg | grep -i -e ${bluetooth ? 'bluetooth' : 'wlan'} -e firmware`;
    yield report.error(check, `there is no ${what}`, `Plug it in; if it is: ${seek}`);
    return;
  }
  // The helper makes wlan1mon of wlan1 where it has to.
  if (adapter !== ANY && !there.includes(adapter) && !there.includes(adapter.replace(/mon$/, ''))) {
    const mend = `Plug it in, or name the right adapter of ${id}: sudo footfall setup`;
    yield report.error(check, `there is no ${adapter}; there is ${there.join(', ')}`, mend);
    return;
  }
  yield report.ok(check, adapter === ANY ? there[0] : 'it is there');
  if (bluetooth) return;
  const [state, type] = await Promise.all(
    ['operstate', 'type'].map(async (file) => (await textOf(machine, `/sys/class/net/${adapter}/${file}`))?.trim()),
  );
  if (state !== 'up' || type !== MANAGED) return;
  const use = { check: 'adapter_use', subject: id, tried: 'whether it is free to listen' };
  const mend = `Plug in a second Wi-Fi adapter for ${id}, or connect the box by cable.`;
  yield report.error(use, `${adapter} connects this box to a network, and cannot listen as well`, mend);
}
