/**
 * Time as a port. Every timer of the daemon goes through it, so that a virtual clock can run the whole daemon in
 * lock-step: the virtual clock advances only after each task that was due has settled, promises included.
 */
export interface Clock {
  /** Monotonic milliseconds from an arbitrary origin; for durations. */
  monotonic(): number;
  /** The wall clock in milliseconds since the Unix epoch; may jump. */
  wall(): number;
  /** Runs `task` once after `ms`. A rejected promise is the task's own to handle. */
  after(ms: number, task: () => void | Promise<void>): Timer;
  /** Runs `task` each `ms`, never twice at once: a tick that comes due while the last one is unsettled is skipped. */
  every(ms: number, task: () => void | Promise<void>): Timer;
}

export interface Timer {
  cancel(): void;
}
