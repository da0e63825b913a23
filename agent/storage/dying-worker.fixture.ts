/** Entry of a storage thread that dies at its first close. */
import { Owner } from './owner.ts';
import { serveOwner } from './serve.ts';
import type { Gap } from './storage.ts';

class DyingOwner extends Owner {
  override closeWindow(): Gap[] {
    // Thrown outside the answer to a request, as a defect of the thread itself would be.
    queueMicrotask(() => {
      throw new Error('the thread is gone');
    });
    return [];
  }
}

serveOwner(DyingOwner);
