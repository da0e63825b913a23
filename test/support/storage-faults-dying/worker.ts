/** A planted fault: a commit that fails takes the storage thread with it, and that the daemon. */
import { Owner } from '../../../agent/storage/owner.ts';
import { serveOwner } from '../../../agent/storage/serve.ts';
import type { JournalBlob } from '../../../agent/storage/storage.ts';

class DyingOwner extends Owner {
  override commit(blob: JournalBlob): void {
    try {
      super.commit(blob);
    } catch {
      process.exit(1);
    }
  }
}

serveOwner(DyingOwner);
