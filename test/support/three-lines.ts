/** A daemon that runs on three ptys: packets of a capture, lines of a sniffer, and a door. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Gateway } from './gateway.ts';
import { Pty } from './pty.ts';
import { shopGateway } from './shop.ts';

export interface ThreeLines {
  gateway: Gateway;
  ptys: Record<'pcap' | 'lines' | 'door', Pty>;
  end(): Promise<void>;
}

/**
 * @param scratch the ptys lie there, and the gateway in a folder of it.
 * @param zone of the sniffer with lines; that of the capture is `shop`.
 */
export async function startThreeLines(scratch: string, atMs: number, zone: string): Promise<ThreeLines> {
  const directory = join(scratch, 'gateway');
  mkdirSync(directory);
  const path = (name: string): string => join(scratch, name);
  const ptys = { pcap: await Pty.open(path('a')), lines: await Pty.open(path('b')), door: await Pty.open(path('c')) };
  const gateway = shopGateway({
    directory,
    sensors: [
      { id: 'pcap', driver: 'wifi-pcap', port: path('a'), place: 'shop' },
      { id: 'lines', driver: 'wifi-lines', port: path('b'), place: zone },
      { id: 'door', driver: 'door-lines', port: path('c'), place: 'main' },
    ],
  });
  await gateway.start(atMs);
  return {
    gateway,
    ptys,
    async end() {
      await gateway.end('SIGKILL');
      for (const pty of Object.values(ptys)) await pty.close();
    },
  };
}
