/** The key of the day on this box: found or made at the start, replaced at closing time. */
import type { KeyObject } from 'node:crypto';
import { loadKey, replaceKey } from './privacy/keys.ts';

export class DayKey {
  readonly #directory: string;
  readonly #tmpfs: boolean;
  #origin: 'kept' | 'made';
  /** As it was at the start. */
  readonly first: { key: KeyObject; id: number };

  /** @param directory the runtime directory. Throws what `loadKey` throws. */
  constructor(directory: string) {
    const { key, id, origin, tmpfs } = loadKey(directory);
    this.#directory = directory;
    this.#origin = origin;
    this.#tmpfs = tmpfs;
    this.first = { key, id };
  }

  /** `made` where no earlier run left one; `not_tmpfs` where a power-off would leave it. */
  get state(): 'kept' | 'made' | 'not_tmpfs' {
    return this.#tmpfs ? this.#origin : 'not_tmpfs';
  }

  replace(): { key: KeyObject; id: number } {
    this.#origin = 'made';
    return replaceKey(this.#directory);
  }
}
