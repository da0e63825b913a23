import type { Clock } from '../../agent/clock.ts';
import type { Transport, TransportEvents } from '../driver.ts';
import { Turns } from './turns.ts';

/** Silence between frames that every adapter and unit can tell, milliseconds. */
const SHORTEST_GAP_MS = 5;
/** Modbus RTU: three and a half characters of eleven bits (Modbus over Serial Line V1.02, 2.5.1.1). */
const GAP_BITS = 3.5 * 11;

/** Milliseconds of silence between an answer and the next question at so many bits per second. */
export function gapMs(baudRate: number): number {
  return Math.max(SHORTEST_GAP_MS, (GAP_BITS * 1_000) / baudRate);
}

/**
 * A line with several sensors on it. Each member is a transport: it has all bytes of the line, as its decoder knows its
 * own, hears of the line's ups and downs, and has its speaker heard in turn. The line is opened with the first member and
 * closed with the last.
 */
export class Bus {
  readonly #line: Transport;
  readonly #turns: Turns;
  readonly #members = new Map<Member, TransportEvents>();
  /** Members that were made and not stopped. */
  readonly #claims = new Set<Transport>();
  /** What the line is: open, closed for a reason, or not known yet. */
  #state: { up: true } | { up: false; reason: string } | undefined;

  /**
   * @param line starts with the first member, and must start again after a stop.
   * @param gap silence between an answer and the next question, milliseconds.
   */
  constructor(line: Transport, clock: Clock, gap: number = SHORTEST_GAP_MS) {
    this.#line = line;
    this.#turns = new Turns(clock, gap);
  }

  /** Whether every member that was made has been stopped. */
  get unused(): boolean {
    return this.#claims.size === 0;
  }

  /** A transport for one more sensor. */
  member(): Transport {
    const made = new Member(
      this.#line,
      (member, events) => this.#join(member, events),
      (member) => this.#leave(member),
    );
    this.#claims.add(made);
    return made;
  }

  #join(member: Member, events: TransportEvents): void {
    const first = this.#members.size === 0;
    this.#claims.add(member);
    this.#members.set(member, events);
    if (events.speaker !== undefined) this.#turns.add(events.speaker);
    if (first) this.#start();
    else if (this.#state?.up) events.up();
    else if (this.#state !== undefined) events.down(this.#state.reason);
  }

  #leave(member: Member): Promise<void> {
    const speaker = this.#members.get(member)?.speaker;
    this.#members.delete(member);
    this.#claims.delete(member);
    if (speaker !== undefined) this.#turns.remove(speaker);
    if (this.#members.size > 0) return Promise.resolve();
    this.#state = undefined;
    this.#turns.close();
    return this.#line.stop();
  }

  #start(): void {
    this.#line.start({
      speaker: this.#turns,
      bytes: (chunk) => {
        this.#each((member, events) => {
          member.delivered += chunk.length;
          events.bytes(chunk);
        });
      },
      up: () => {
        this.#state = { up: true };
        this.#each((_, events) => events.up());
      },
      down: (reason) => {
        this.#state = { up: false, reason };
        this.#turns.close();
        this.#each((_, events) => events.down(reason));
      },
    });
  }

  /** To every member of now that has not left meanwhile. */
  #each(tell: (member: Member, events: TransportEvents) => void): void {
    for (const [member, events] of [...this.#members]) {
      if (this.#members.get(member) === events) tell(member, events);
    }
  }
}

class Member implements Transport {
  readonly #line: Transport;
  readonly #join: (member: Member, events: TransportEvents) => void;
  readonly #leave: (member: Member) => Promise<void>;
  /** Bytes that the line brought since this member started, whoever sent them. */
  delivered = 0;
  #started = false;

  constructor(
    line: Transport,
    join: (member: Member, events: TransportEvents) => void,
    leave: (member: Member) => Promise<void>,
  ) {
    this.#line = line;
    this.#join = join;
    this.#leave = leave;
  }

  start(events: TransportEvents): void {
    if (this.#started) return;
    this.#started = true;
    this.delivered = 0;
    this.#join(this, events);
  }

  poll(): void {
    if (this.#started) this.#line.poll();
  }

  stop(): Promise<void> {
    this.#started = false;
    return this.#leave(this);
  }
}
