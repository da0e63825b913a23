/** What became of every disconnection, and what is wrong with it. */

import type { Holdings } from './unplugging-measure.ts';
import type { Totals } from './unplugging-tap.ts';

export interface SubjectLedger {
  name: string;
  disconnections: number;
  /** Times that the line was opened after the first. */
  reconnections: number;
  /** Sequences of disconnections, and those after which a frame was accepted. */
  cycles: number;
  resumed: number;
  /** Cycles whose sensor restarted. */
  restarts: number;
  /** Frames accepted before the first disconnection and after it. */
  acceptedBefore: number;
  acceptedAfter: number;
  rejected: Readonly<Record<string, number>>;
  door: DoorLedger | null;
  /** Readings of an address that nobody in the air has, and whether the format has a checksum to prevent them. */
  strangers: number;
  checked: boolean;
  /** What went wrong on the way, each with its cycle. */
  mishaps: string[];
}

export interface DoorLedger {
  /** Everyone the device counted since it first told its totals. */
  counted: Totals;
  /** Of a counter that was restarted: counted after the last totals it could tell, and gone with its memory. */
  untold: Totals;
  /** Of one that tells each passage once: on their way when the line went, so that nobody can know. */
  doubtful: number;
  recorded: Totals;
  setAside: number;
  resets: number;
}

export interface Ledger {
  subjects: SubjectLedger[];
  /** Lines that a sensor nobody touched sent, and those that were taken in; what was rejected of them. */
  witness: { sent: number; accepted: number; rejected: number };
  before: Holdings;
  middle: Holdings;
  after: Holdings;
  /** Timers before the first sensor was started and after the last was stopped. */
  timers: { before: number; after: number };
  /** Shares of a core: on a saturated line before, with nothing to do before and after. */
  cpu: { saturated: number; idleBefore: number; idleAfter: number };
}

/** Bytes by which the heap of the second half may differ from the first: what a few windows and samples take. */
const HEAP_NOISE = 4_000_000;

/** What is wrong, for people; empty for a run without a fault. */
export function faultsOf(ledger: Ledger): string[] {
  const { witness, before, middle, after, timers, cpu } = ledger;
  const faults = ledger.subjects.flatMap((subject) =>
    faultsOfSubject(subject).map((fault) => `${subject.name}: ${fault}`),
  );
  if (witness.sent === 0 || witness.accepted !== witness.sent || witness.rejected !== 0) {
    faults.push(`the sensor nobody touched sent ${witness.sent} lines, ${witness.accepted} were taken in`);
  }
  for (const kind of ['descriptors', 'terminals'] as const) {
    if (after[kind] !== before[kind]) faults.push(`${before[kind]} ${kind} before, ${after[kind]} after`);
  }
  if (after.heap - middle.heap > HEAP_NOISE) faults.push(`the heap grew from ${middle.heap} to ${after.heap} bytes`);
  if (timers.after > timers.before) faults.push(`${timers.before} timers before, ${timers.after} after`);
  // A loop that spins takes all that is left of a core, however little the line took.
  if (cpu.idleAfter > 2 * cpu.idleBefore && cpu.idleAfter > 0.5 * cpu.saturated) {
    faults.push(`idle, it takes ${share(cpu.idleAfter)} of a core after ${share(cpu.idleBefore)} before`);
  }
  return faults;
}

function faultsOfSubject(subject: SubjectLedger): string[] {
  const { cycles, resumed, reconnections, door } = subject;
  const faults = [...subject.mishaps];
  if (resumed !== cycles) faults.push(`resumed after ${resumed} of ${cycles}`);
  if (reconnections < cycles) faults.push(`${cycles} cycles, and only ${reconnections} reconnections`);
  if (subject.acceptedBefore === 0 || subject.acceptedAfter === 0) faults.push('no frame accepted');
  if (subject.checked && subject.strangers > 0)
    faults.push(`${subject.strangers} readings of devices that do not exist`);
  if (door === null) return faults;
  const { counted, untold, doubtful, recorded, setAside } = door;
  if (counted.in + counted.out === 0) faults.push('nobody was counted');
  if (setAside !== 0) faults.push(`${setAside} people set aside`);
  for (const way of ['in', 'out'] as const) {
    const most = counted[way] - untold[way];
    const least = Math.max(0, most - doubtful);
    if (recorded[way] > most || recorded[way] < least) {
      faults.push(`${way}: ${least === most ? most : `${least} to ${most}`} can be known, ${recorded[way]} recorded`);
    }
  }
  const all = counted.in + counted.out - untold.in - untold.out;
  if (recorded.in + recorded.out < all - doubtful) faults.push(`${recorded.in + recorded.out} of ${all} recorded`);
  return faults;
}

/** The ledger's lines: one a driver, one for the process. */
export function ledgerLines(ledger: Ledger): string[] {
  const { witness, before, middle, after, timers, cpu } = ledger;
  const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  return [
    ...ledger.subjects.map((subject) => lineOf(subject)),
    `  others in the process: ${witness.accepted} of ${witness.sent} lines; descriptors ${before.descriptors} -> ` +
      `${after.descriptors}; timers ${timers.before} -> ${timers.after}; heap ${mb(middle.heap)} -> ${mb(after.heap)}; ` +
      `RSS ${mb(middle.rss)} -> ${mb(after.rss)}; CPU saturated ${share(cpu.saturated)}, idle ` +
      `${share(cpu.idleBefore)} -> ${share(cpu.idleAfter)} (ratio ${(cpu.idleAfter / cpu.saturated).toFixed(2)})`,
  ];
}

function lineOf(subject: SubjectLedger): string {
  const { name, disconnections, reconnections, resumed, cycles, restarts, door } = subject;
  const rejected = Object.entries(subject.rejected).map(([reason, count]) => `${reason} ${count}`);
  const parts = [
    `${disconnections} disconnections, ${reconnections} reconnections, ${resumed}/${cycles} resumed, ${restarts} restarts`,
    `frames ${subject.acceptedBefore} before, ${subject.acceptedAfter} after`,
    `rejected ${rejected.join(', ') || 'none'}`,
  ];
  if (door === null) parts.push(`${subject.strangers} strangers${subject.checked ? '' : ' (no checksum of all)'}`);
  else {
    const { counted, untold, doubtful, recorded } = door;
    parts.push(
      `counted ${counted.in}+${counted.out}, untold at power-off ${untold.in}+${untold.out}, doubtful ${doubtful}, ` +
        `recorded ${recorded.in}+${recorded.out}`,
    );
  }
  return `${name}: ${parts.join('; ')}`;
}

function share(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}
