/**
 * A sniffer on a line that loses bytes when nobody reads it: SerialPcap at 921600 baud into a terminal that does not block;
 * what it does not take is lost, as a UART's is. Arguments: the terminal, where the bytes go that were taken, milliseconds.
 * Prints what became of its frames as JSON.
 */
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { encodeProbeRecord, encodeSerialPcapHeader } from '../../drivers/simulator/encode/serial-pcap.ts';

/** 921600 baud, eight bits and two around them. */
const BYTES_PER_MS = 92.16;
const TICK_MS = 5;
/** A line never catches up on what it had no time for. */
const LONGEST_TICK_MS = 20;
/** For the terminal to pass on what it took, before it is closed. */
const DRAIN_MS = 500;
export const DEVICES = 20;

export interface Written {
  frames: number;
  /** Of them, those that were taken to the last byte. */
  whole: number;
  bytes: number;
  lostBytes: number;
  /** Runs of bytes that were lost. */
  gaps: number;
}

/** Address of a device: global, and none that the bytes of two frames make. */
export function addressOf(device: number): Uint8Array {
  return Uint8Array.of(0x24, 0x0a, 0xc4, 0x5e, 0x11, device);
}

async function write(terminal: string, taken: string, ms: number): Promise<Written> {
  const line = openSync(terminal, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  const copy = openSync(taken, 'w');
  const written: Written = { frames: 0, whole: 0, bytes: 0, lostBytes: 0, gaps: 0 };
  let waiting: Buffer = Buffer.from(encodeSerialPcapHeader(127));
  /** Ends of frames in the bytes that wait, and whether a byte of the first of them was lost. */
  let ends: number[] = [];
  let torn = false;
  let losing = false;
  const began = performance.now();
  const send = (length: number): void => {
    const part = waiting.subarray(0, length);
    const count = writeNow(line, part);
    writeSync(copy, part.subarray(0, count));
    written.bytes += length;
    written.lostBytes += length - count;
    // A line that takes a little now and then has a gap after each time.
    if (count < length && (count > 0 || !losing)) written.gaps++;
    losing = count < length;
    let start = 0;
    for (const end of ends.filter((each) => each <= length)) {
      if (!torn && end <= count) written.whole++;
      torn = false;
      start = end;
    }
    // What was lost of a frame that goes on.
    if (count < length && Math.max(start, count) < length) torn = true;
    ends = ends.filter((end) => end > length).map((end) => end - length);
    waiting = waiting.subarray(length);
  };
  for (let last = began; performance.now() - began < ms; ) {
    await delay(TICK_MS);
    const now = performance.now();
    const due = Math.floor(Math.min(now - last, LONGEST_TICK_MS) * BYTES_PER_MS);
    last = now;
    while (waiting.length < due) {
      waiting = Buffer.concat([waiting, frame(written.frames++, now - began)]);
      ends.push(waiting.length);
    }
    send(due);
  }
  // The last frame to its end, and the line to its end.
  await delay(LONGEST_TICK_MS);
  send(waiting.length);
  closeSync(copy);
  await delay(DRAIN_MS);
  closeSync(line);
  return written;
}

function frame(number: number, uptimeMs: number): Uint8Array {
  return encodeProbeRecord({
    address: addressOf(number % DEVICES),
    sequence: number & 0xfff,
    model: number % 4,
    ssid: '',
    dsChannel: 6,
    variation: number,
    uptimeUs: uptimeMs * 1_000,
    rssi: -60,
    channel: 6,
  });
}

function writeNow(line: number, bytes: Uint8Array): number {
  try {
    return writeSync(line, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
    throw error;
  }
}

if (import.meta.main) {
  const [terminal, taken, ms] = process.argv.slice(2);
  process.stdout.write(`${JSON.stringify(await write(terminal, taken, Number(ms)))}\n`);
}
