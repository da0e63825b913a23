import { writeSync } from 'node:fs';
import { reasonOf } from '../../agent/errors.ts';

/** What a descriptor says that cannot go on now, and is not gone. */
export const NOT_NOW: ReadonlySet<string> = new Set(['EAGAIN', 'EWOULDBLOCK', 'EINTR']);

/** An open serial line, of which this program reads and writes the descriptor itself. */
export interface OpenPort {
  readonly fd: number;
  /**
   * Hands bytes to the kernel and returns how many it took: fewer than all while its buffer is full. Never blocks.
   * @throws Error with a `code` when the line is gone.
   */
  write(bytes: Uint8Array): number;
  close(): Promise<void>;
}

/** How a line is opened. */
export interface LineSettings {
  baudRate: number;
  parity?: 'none' | 'even' | 'odd';
  stopBits?: 1 | 2;
  /** RTS/CTS flow control. */
  flowControl?: boolean;
}

export type PortOpener = (path: string, line: LineSettings) => Promise<OpenPort>;

/**
 * Opens a serial line: raw, 8N1 unless told otherwise, locked against a second reader, non-blocking, and with the modem
 * lines left alone at close, which would reset a sniffer board. Bytes that were waiting are lost.
 */
export async function openSerialPort(path: string, line: LineSettings): Promise<OpenPort> {
  // Loaded here so that nothing that only names the transport loads a native library.
  const { SerialPort } = await import('serialport');
  const { baudRate, parity = 'none', stopBits = 1, flowControl = false } = line;
  const port = await SerialPort.binding.open({
    path,
    baudRate,
    parity,
    stopBits,
    rtscts: flowControl,
    hupcl: false,
    lock: true,
  });
  const fd = 'fd' in port ? port.fd : null;
  if (typeof fd !== 'number') {
    await port.close();
    throw new Error('serial lines are supported on Linux only');
  }
  return {
    fd,
    write: (bytes) => {
      // A closed descriptor's number may be another file's by now.
      if (!port.isOpen) throw Object.assign(new Error('the port is closed'), { code: 'EBADF' });
      return writeNow(fd, bytes);
    },
    close: () => port.close(),
  };
}

/** The library's own write polls the descriptor in the background, and may never settle when the line goes. */
function writeNow(fd: number, bytes: Uint8Array): number {
  try {
    return writeSync(fd, bytes);
  } catch (error) {
    if (NOT_NOW.has((error as NodeJS.ErrnoException).code ?? '')) return 0;
    throw error;
  }
}

/** Why a line could not be opened and what to do about it, in words. */
export function explainOpenFailure(error: unknown): string {
  const reason = reasonOf(error);
  if (/no such (file|device)|ENOENT|ENXIO/i.test(reason)) {
    return 'no such device: it is not plugged in, or has another name';
  }
  if (/permission denied|EACCES|EPERM/i.test(reason)) {
    return 'permission denied: add the user of this program to the group dialout';
  }
  if (/cannot lock|temporarily unavailable|device or resource busy|EAGAIN|EBUSY/i.test(reason)) {
    return 'locked by another process: only one program can read a serial line';
  }
  if (/inappropriate ioctl|ENOTTY/i.test(reason)) {
    return 'not a serial line';
  }
  if (/input\/output error|EIO/i.test(reason)) {
    return 'the device does not answer (input/output error)';
  }
  return reason.replace(/^Error:?\s*/, '');
}
