/** For tests: reads capture bytes with tcpdump, a reader that shares no code with this project. */
import { spawnSync } from 'node:child_process';

/** Skips the running test, saying why, where tcpdump is not installed. */
export function requireTcpdump(context: { skip: (note: string) => void }): void {
  if (spawnSync('tcpdump', ['--version']).error !== undefined) context.skip('tcpdump is not installed');
}

/** One line for each frame of a pcap file's bytes. Throws what tcpdump says when it refuses them. */
export function readPcap(bytes: Uint8Array): string[] {
  const result = spawnSync('tcpdump', ['-r', '-', '-e', '-n', '-tt'], { input: bytes, maxBuffer: 1 << 28 });
  const complaint = result.stderr.toString().replace(/^reading from file.*\n/m, '');
  if (result.status !== 0 || complaint !== '') throw new Error(`tcpdump: ${complaint}`);
  return result.stdout.toString().trimEnd().split('\n');
}
