import type { Driver } from '../driver.ts';
import { PcapDecoder } from './pcap.ts';

/**
 * A USB dongle in monitor mode: what `tcpdump -y IEEE802_11_RADIO -U -w -` writes. Each start of tcpdump begins with a
 * global header, possibly in the middle of a record of the one before; times are the host's wall clock.
 */
export const wifiMonitor: Driver = {
  name: 'wifi-monitor',
  kind: 'wifi',
  defaultBaud: 0,
  // A daemon that connects later than tcpdump began has missed the header.
  createDecoder: () => new PcapDecoder({ linkType: 127 }),
};
