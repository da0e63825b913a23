/** The two clocks: the machine's, and a virtual one in lock-step. */
import type { Clock, Timer } from '../clock.ts';

/** The machine's clock. Rejections of timer tasks go to `onError`. */
export function realClock(onError: (error: unknown) => void = rethrow): Clock {
  const run = async (task: () => void | Promise<void>): Promise<void> => {
    try {
      await task();
    } catch (error) {
      onError(error);
    }
  };
  return {
    monotonic: () => performance.now(),
    wall: () => Date.now(),
    after(ms, task) {
      const timer = setTimeout(() => void run(task), ms);
      return { cancel: () => clearTimeout(timer) };
    },
    every(ms, task) {
      let running = false;
      const timer = setInterval(() => {
        if (running) return;
        running = true;
        void run(task).then(() => {
          running = false;
        });
      }, ms);
      return { cancel: () => clearInterval(timer) };
    },
  };
}

function rethrow(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

interface Due {
  at: number;
  order: number;
  task: () => void | Promise<void>;
  /** Milliseconds between ticks, or null for a task that runs once. */
  period: number | null;
}

/**
 * A clock that stands still until it is told to advance, and then runs every timer that comes due in order of time,
 * waiting for each task's promise before the next. So a daemon on it is deterministic: storage has committed and the
 * fold has sealed before time moves on.
 */
export class VirtualClock implements Clock {
  #now: number;
  #order = 0;
  readonly #due: Due[] = [];
  #advancing: Promise<void> = Promise.resolve();

  /** @param startMs UTC milliseconds at which both the wall and the monotonic clock start. */
  constructor(startMs: number) {
    this.#now = startMs;
  }

  monotonic(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now;
  }

  after(ms: number, task: () => void | Promise<void>): Timer {
    return this.#add(ms, task, null);
  }

  every(ms: number, task: () => void | Promise<void>): Timer {
    if (!(ms > 0)) throw new RangeError(`a period must be positive, received ${ms}`);
    return this.#add(ms, task, ms);
  }

  /** Moves time to `toMs`, running what comes due on the way. Calls queue up; time never goes back. */
  advanceTo(toMs: number): Promise<void> {
    const next = this.#advancing.then(() => this.#run(toMs));
    this.#advancing = next.catch(() => undefined);
    return next;
  }

  async #run(toMs: number): Promise<void> {
    for (;;) {
      const due = this.#earliest();
      if (due === null || due.at > toMs) break;
      this.#now = Math.max(this.#now, due.at);
      if (due.period === null) this.#remove(due);
      else {
        due.at += due.period;
        due.order = this.#order++;
      }
      const outcome = due.task();
      if (outcome instanceof Promise) await outcome;
    }
    this.#now = Math.max(this.#now, toMs);
  }

  // A daemon holds a dozen timers: a scan is simpler than a heap, and as fast.
  #earliest(): Due | null {
    let first: Due | null = null;
    for (const due of this.#due) {
      if (first === null || due.at < first.at || (due.at === first.at && due.order < first.order)) first = due;
    }
    return first;
  }

  #add(ms: number, task: () => void | Promise<void>, period: number | null): Timer {
    const due: Due = { at: this.#now + Math.max(0, ms), order: this.#order++, task, period };
    this.#due.push(due);
    return { cancel: () => this.#remove(due) };
  }

  #remove(due: Due): void {
    const index = this.#due.indexOf(due);
    if (index >= 0) this.#due.splice(index, 1);
  }
}
