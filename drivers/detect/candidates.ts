/** Who may speak on a line by itself, and at which speeds; the adapter's USB ids tell which is likeliest. */
import { driverNamed } from '../registry.ts';
import type { Candidate, Proof } from './witness.ts';

export interface UsbIds {
  /** Four hexadecimal digits each. */
  vendor: string;
  product: string;
  /** What the adapter calls itself. */
  name: string;
}

const SPEAKERS: readonly [driver: string, proof: Proof][] = [
  ['wifi-lines', 'frames'],
  ['wifi-json', 'frames'],
  ['wifi-pcap', 'probes'],
  ['ble-hci', 'advertisements'],
  ['ble-nrf', 'frames'],
  ['ble-sniffle', 'frames'],
  ['ble-json', 'advertisements'],
  ['door-teraranger', 'frames'],
  ['door-radar', 'frames'],
  ['door-lines', 'door-lines'],
];

/** The usual ones of the drivers, the likeliest first: then older firmware of the nRF Sniffer. */
const SPEEDS = [115_200, 921_600, 9_600, 1_000_000, 2_000_000, 256_000, 460_800];
/** Speeds to begin with, by USB vendor and product or vendor alone. */
const LIKELY: Readonly<Record<string, readonly number[]>> = {
  '0403': [9_600, 115_200, 921_600],
  '067b': [9_600, 115_200, 256_000],
  '0451:bef3': [2_000_000],
  '2e8a:00c0': [2_000_000, 921_600],
  '1366': [1_000_000, 460_800],
  '1915': [1_000_000],
  '1a86': [115_200, 921_600, 9_600, 256_000],
  '303a': [115_200, 921_600],
};
const SONOFF = /sonoff.*zigbee/i;

export function candidates(): Candidate[] {
  return SPEAKERS.map(([name, proof]) => ({ driver: driverNamed(name), proof }));
}

export function speedsFor(usb: UsbIds | null): number[] {
  const first = usb === null ? [] : likelySpeeds(usb);
  return [...new Set([...first, ...SPEEDS])];
}

function likelySpeeds({ vendor, product, name }: UsbIds): readonly number[] {
  if (SONOFF.test(name)) return [2_000_000, 921_600];
  return LIKELY[`${vendor}:${product}`] ?? LIKELY[vendor] ?? [];
}
