/** A planted fault: a close that seals, forgets to be one transaction, and takes its time between the parts. */
import { Owner } from '../../../agent/storage/owner.ts';
import { serveOwner } from '../../../agent/storage/serve.ts';
import type { Gap, WindowClose } from '../../../agent/storage/storage.ts';

class SplitOwner extends Owner {
  override closeWindow(close: WindowClose): Gap[] {
    this.transaction(() => this.sealBatches(close.batches, close.sealedAtMs, close.gap));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 150);
    this.transaction(() => {
      this.keepHistory(close.history, close.windowOrdinal);
      this.moveSnapshot(close.snapshot);
      this.trimJournal(close.snapshot.ordinal);
    });
    return [];
  }
}

serveOwner(SplitOwner);
