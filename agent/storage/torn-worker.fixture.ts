/** Entry of a storage thread whose close is not one transaction: the control that shows what the real one is for. */
import { Owner } from './owner.ts';
import { serveOwner } from './serve.ts';
import type { WindowClose } from './storage.ts';

class TornOwner extends Owner {
  override closeWindow(close: WindowClose): void {
    this.guarded(() => {
      this.sealBatches(close.batches, close.sealedAtMs);
      this.keepHistory(close.history);
      this.moveSnapshot(close.snapshot);
      this.trimJournal(close.snapshot.ordinal);
    });
  }
}

serveOwner(TornOwner);
