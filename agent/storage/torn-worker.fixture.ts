/** Entry of a storage thread whose close is not one transaction: the control that shows what the real one is for. */
import { Owner } from './owner.ts';
import { serveOwner } from './serve.ts';
import type { Gap, WindowClose } from './storage.ts';

class TornOwner extends Owner {
  override closeWindow(close: WindowClose): Gap[] {
    return this.guarded(() => {
      this.sealBatches(close.batches, close.sealedAtMs, close.gap);
      this.keepHistory(close.history, close.windowOrdinal);
      this.moveSnapshot(close.snapshot);
      this.trimJournal(close.snapshot.ordinal);
      return [];
    });
  }
}

serveOwner(TornOwner);
