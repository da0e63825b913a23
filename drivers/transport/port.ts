import { reasonOf } from '../../agent/errors.ts';

/** An open serial line, of which this program reads the descriptor itself. */
export interface OpenPort {
  readonly fd: number;
  close(): Promise<void>;
}

export type PortOpener = (path: string, baudRate: number) => Promise<OpenPort>;

/**
 * Opens a serial line: raw, 8N1, locked against a second reader, non-blocking, and with the modem lines left alone at
 * close, which would reset a sniffer board. Bytes that were waiting are lost.
 */
export async function openSerialPort(path: string, baudRate: number): Promise<OpenPort> {
  // Loaded here so that nothing that only names the transport loads a native library.
  const { SerialPort } = await import('serialport');
  const port = await SerialPort.binding.open({ path, baudRate, hupcl: false, lock: true });
  const fd = 'fd' in port ? port.fd : null;
  if (typeof fd !== 'number') {
    await port.close();
    throw new Error('serial lines are supported on Linux only');
  }
  return { fd, close: () => port.close() };
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
