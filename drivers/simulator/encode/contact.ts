/** What a contact on a modem line looks like once it is polled: an octet for each state that is told. */

/** `first` after the line was opened. */
export function encodeContact(closed: boolean, first = false): Uint8Array {
  return Uint8Array.of(0xa0 + (first ? 2 : 0) + (closed ? 1 : 0));
}

/** The states that a change to `closed` shows, milliseconds after it: contacts bounce, and the last state is told again. */
export function bounceTo(closed: boolean): { afterMs: number; closed: boolean }[] {
  return [
    { afterMs: 0, closed },
    { afterMs: 4, closed: !closed },
    { afterMs: 9, closed },
    { afterMs: 60, closed },
  ];
}
