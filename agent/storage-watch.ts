/** What storage holds, as it last told; asking never waits for a stalled disk longer than the asker wants to. */
import type { Clock } from './clock.ts';
import { within } from './patience.ts';
import type { Storage, StorageState } from './storage/storage.ts';

export class StorageWatch {
  readonly #storage: Pick<Storage, 'state'>;
  readonly #clock: Clock;
  #state: StorageState;
  #asking: Promise<void> | null = null;

  /** @param clock the machine's, never a virtual one. */
  constructor(storage: Pick<Storage, 'state'>, clock: Clock, state: StorageState) {
    this.#storage = storage;
    this.#clock = clock;
    this.#state = state;
  }

  get state(): StorageState {
    return this.#state;
  }

  /** Asks; one question at a time, so that a stalled disk does not pile them up. Never rejects. */
  ask(): Promise<void> {
    this.#asking ??= this.#storage
      .state()
      .then((state) => {
        this.#state = state;
      })
      .catch(() => undefined)
      .finally(() => {
        this.#asking = null;
      });
    return this.#asking;
  }

  /** Asks, and waits for the answer for this long at most, in milliseconds. */
  async askWithin(patienceMs: number): Promise<void> {
    await within(this.#clock, patienceMs, this.ask());
  }
}
