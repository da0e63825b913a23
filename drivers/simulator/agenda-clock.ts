import type { Clock, Timer } from '../../agent/clock.ts';
import type { Agenda } from './agenda.ts';

/** The agenda's time as a clock: timers run in turn with what happens in the store. Promises of tasks are not awaited. */
export class AgendaClock implements Clock {
  readonly #agenda: Agenda;

  constructor(agenda: Agenda) {
    this.#agenda = agenda;
  }

  monotonic(): number {
    return this.#agenda.now;
  }

  wall(): number {
    return this.#agenda.now;
  }

  after(ms: number, task: () => void | Promise<void>): Timer {
    let cancelled = false;
    this.#agenda.at(this.#agenda.now + ms, () => {
      if (!cancelled) void task();
    });
    return {
      cancel: () => {
        cancelled = true;
      },
    };
  }

  every(ms: number, task: () => void | Promise<void>): Timer {
    if (!(ms > 0)) throw new RangeError(`a period must be positive, received ${ms}`);
    let timer: Timer;
    const tick = (): void => {
      timer = this.after(ms, tick);
      void task();
    };
    timer = this.after(ms, tick);
    return { cancel: () => timer.cancel() };
  }
}
