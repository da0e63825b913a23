/** A scripted serial line: bytes come out garbled, as from a real UART, where both ends are not set alike. */
import type { Agenda } from '../simulator/agenda.ts';
import type { LineSettings } from '../transport/port.ts';
import type { OpenedProbe, ProbeLine } from './line.ts';

const DATA_BITS = 8;

/** What a UART set as `to` makes of bytes sent one after the other by one set as `from`; it passes framing errors on. */
export function transcode(bytes: Uint8Array, from: LineSettings, to: LineSettings): Uint8Array {
  const parityOf = ({ parity = 'none' }: LineSettings) => parity;
  if (from.baudRate === to.baudRate && parityOf(from) === parityOf(to)) return bytes;
  const levels = [...bytes].flatMap((byte) => frameOf(byte, from));
  const level = (at: number) => levels[Math.floor(at)] ?? 1;
  const step = from.baudRate / to.baudRate;
  const stopAt = 1 + DATA_BITS + (parityOf(to) === 'none' ? 0 : 1);
  const received: number[] = [];
  for (let at = 0; at < levels.length; ) {
    if (level(at) === 1) {
      at = Math.floor(at) + 1;
      continue;
    }
    let byte = 0;
    for (let bit = 0; bit < DATA_BITS; bit++) byte |= level(at + (bit + 1.5) * step) << bit;
    received.push(byte);
    at += (stopAt + 0.5) * step;
    // Without a stop bit there is a new start only after the line has been high again.
    while (at < levels.length && level(at) === 0) at = Math.floor(at) + 1;
  }
  return Uint8Array.from(received);
}

function frameOf(byte: number, { parity = 'none', stopBits = 1 }: LineSettings): number[] {
  const data = Array.from({ length: DATA_BITS }, (_, bit) => (byte >> bit) & 1);
  const odd = data.reduce((sum, bit) => sum ^ bit, 0);
  const check = parity === 'none' ? [] : [parity === 'even' ? odd : odd ^ 1];
  return [0, ...data, ...check, ...new Array<number>(stopBits).fill(1)];
}

export class ScriptedLine implements ProbeLine {
  /** How its device is set. */
  readonly #device: LineSettings;
  /** What the device makes of bytes that are sent to it. */
  receive: (bytes: Uint8Array) => void = () => undefined;
  /** The line was opened; the first time restarts some boards. */
  opened: (times: number) => void = () => undefined;
  readonly openings: LineSettings[] = [];
  /** Everything that was written, by the speed it was written at. */
  readonly written: { line: LineSettings; bytes: Uint8Array }[] = [];
  #line: LineSettings | undefined;
  #waiting: Uint8Array[] = [];

  constructor(device: LineSettings) {
    this.#device = device;
  }

  get isOpen(): boolean {
    return this.#line !== undefined;
  }

  /** The device sends; false where nobody has the line open. */
  readonly wire = (bytes: Uint8Array): boolean => {
    if (this.#line === undefined) return false;
    this.#waiting.push(transcode(bytes, this.#device, this.#line));
    return true;
  };

  open(line: LineSettings): Promise<OpenedProbe> {
    if (this.#line !== undefined) throw new Error('the line is open already');
    this.#line = line;
    this.#waiting = [];
    this.openings.push(line);
    this.opened(this.openings.length);
    return Promise.resolve({
      read: () => {
        const bytes = Buffer.concat(this.#waiting);
        this.#waiting = [];
        return bytes;
      },
      write: (bytes) => {
        this.written.push({ line, bytes: bytes.slice() });
        this.receive(transcode(bytes, line, this.#device));
        return Promise.resolve();
      },
      close: () => {
        this.#line = undefined;
        return Promise.resolve();
      },
    });
  }
}

/** Lets the agenda's time pass until `work` has settled. */
export async function passTime<T>(agenda: Agenda, work: Promise<T>): Promise<T> {
  let settled = false;
  const watched = work.finally(() => {
    settled = true;
  });
  watched.catch(() => undefined);
  while (!settled) {
    await new Promise((resolve) => setImmediate(resolve));
    agenda.run(agenda.now + 10);
  }
  return watched;
}
