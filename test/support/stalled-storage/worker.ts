/** A planted fault: a commit that never returns, as on a card that died. */
import { existsSync } from 'node:fs';
import { Owner } from '../../../agent/storage/owner.ts';
import { serveOwner } from '../../../agent/storage/serve.ts';
import type { JournalBlob } from '../../../agent/storage/storage.ts';

class StalledOwner extends Owner {
  override commit(blob: JournalBlob): void {
    const stall = process.env.FOOTFALL_TEST_STALL;
    if (stall !== undefined && existsSync(stall)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    super.commit(blob);
  }
}

serveOwner(StalledOwner);
