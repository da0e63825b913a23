/**
 * The octets by which the state of a contact is passed on, one each: `A0` open, `A1` closed, and, first after the line was
 * opened, `A2` open or `A3` closed, whatever it was before. Every other octet is noise. The state is told at each change,
 * once more when a change has lasted, and each second. So a contact can be recorded, replayed and fuzzed like any sensor.
 */
const MARK = 0xa0;
const CLOSED = 0x01;
const OPENED = 0x02;

export interface ContactState {
  /** The contact is closed: its modem line is on. */
  closed: boolean;
  /** The line was just opened: what the contact did before is not known. */
  first: boolean;
}

export function contactByte({ closed, first }: ContactState): number {
  return MARK | (closed ? CLOSED : 0) | (first ? OPENED : 0);
}

/** The state that an octet tells, or undefined for noise. */
export function readContactByte(byte: number): ContactState | undefined {
  if ((byte & ~(CLOSED | OPENED)) !== MARK) {
    return undefined;
  }
  return { closed: (byte & CLOSED) !== 0, first: (byte & OPENED) !== 0 };
}
