/** One line of an ESP32 door counter: cumulative totals since its boot, sent at each event and each 10 s. */
export interface DoorLine {
  /** Identifies the boot: unsigned 32 bits. */
  boot: number;
  /** Number of the line since the boot. */
  seq: number;
  /** People in and out since the boot. */
  in: number;
  out: number;
  /** Milliseconds since the boot. */
  ms: number;
  /** Adds an NMEA 0183 checksum (`*` and the exclusive or of all bytes before it). */
  checksum?: boolean;
}

export function doorLine(line: DoorLine): Uint8Array {
  const boot = (line.boot >>> 0).toString(16).padStart(8, '0');
  const fields = { v: 1, t: 'cnt', boot, seq: line.seq, in: line.in, out: line.out, ms: Math.floor(line.ms) };
  const body = Buffer.from(JSON.stringify(fields), 'latin1');
  if (line.checksum !== true) return Buffer.concat([body, Buffer.from('\n')]);
  const sum = body.reduce((value, octet) => value ^ octet, 0);
  return Buffer.concat([body, Buffer.from(`*${sum.toString(16).padStart(2, '0').toUpperCase()}\n`, 'latin1')]);
}
