/** What a piece of work costs this process: CPU of all threads, bytes sent to the disk, memory. */
import { readFileSync } from 'node:fs';

export class Meter {
  /** CPU microseconds of all threads, those of the kernel on their behalf included. */
  cpuUs = 0;
  /** Octets this process caused to be written to a disk (`write_bytes` of proc(5) io: pages made dirty). */
  diskBytes = 0;
  wallMs = 0;

  async measure(work: () => Promise<void> | void): Promise<void> {
    const disk = readWriteBytes();
    const wall = performance.now();
    const cpu = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(cpu);
    this.wallMs += performance.now() - wall;
    this.cpuUs += user + system;
    this.diskBytes += readWriteBytes() - disk;
  }
}

function readWriteBytes(): number {
  return Number(/^write_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
}

/** Highest memory of this process so far, octets. Not `maxRSS`, which a child process inherits from its parent. */
export function peakRss(): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
}

/** The device and kind of the file system that holds a path, as in `/dev/sda1, ext4`. */
export function fileSystemOf(path: string): string {
  let best = { point: '', text: 'unknown' };
  for (const line of readFileSync('/proc/self/mounts', 'utf8').split('\n')) {
    const [device, point, kind] = line.split(' ');
    if (kind === undefined || point.length < best.point.length) continue;
    if (point === '/' || path === point || path.startsWith(`${point}/`)) best = { point, text: `${device}, ${kind}` };
  }
  return best.text;
}
