/**
 * What is due next, in time order; the simulation's only clock. Ties run in the order they were made, so a run never
 * depends on how `run` was cut into steps. Memory holds only what is pending.
 */
interface Entry {
  at: number;
  order: number;
  task: () => void;
}

export class Agenda {
  readonly #heap: Entry[] = [];
  #order = 0;
  #now: number;

  constructor(startMs: number) {
    this.#now = startMs;
  }

  /** Simulated UTC milliseconds, always whole. */
  get now(): number {
    return this.#now;
  }

  /** Number of pending tasks. */
  get pending(): number {
    return this.#heap.length;
  }

  /** Runs `task` at `at` (rounded to a millisecond; at once, in turn, where that is already past). */
  at(at: number, task: () => void): void {
    const entry = { at: Math.max(Math.round(at), this.#now), order: this.#order++, task };
    const heap = this.#heap;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!before(entry, heap[parent])) break;
      heap[index] = heap[parent];
      index = parent;
    }
    heap[index] = entry;
  }

  /** Runs everything due up to and including `untilMs`, in order, and moves the time there. */
  run(untilMs: number): void {
    while (this.#heap.length > 0 && this.#heap[0].at <= untilMs) {
      const entry = this.#pop();
      this.#now = entry.at;
      entry.task();
    }
    this.#now = Math.max(this.#now, untilMs);
  }

  #pop(): Entry {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop() as Entry;
    if (heap.length === 0) return top;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
      if (!before(heap[child], last)) break;
      heap[index] = heap[child];
      index = child;
    }
    heap[index] = last;
    return top;
  }
}

function before(left: Entry, right: Entry): boolean {
  return left.at < right.at || (left.at === right.at && left.order < right.order);
}
