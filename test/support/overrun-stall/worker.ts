/** A planted fault: a commit that takes 3 s, as on a card that tidies up. */
import { existsSync, renameSync } from 'node:fs';
import { Owner } from '../../../agent/storage/owner.ts';
import { serveOwner } from '../../../agent/storage/serve.ts';
import type { JournalBlob } from '../../../agent/storage/storage.ts';

const STALL_MS = 3_000;

class StallingOwner extends Owner {
  override commit(blob: JournalBlob): void {
    const asked = process.env.FOOTFALL_TEST_STALL_COMMIT;
    if (asked !== undefined && existsSync(asked)) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STALL_MS);
      renameSync(asked, `${asked}.done`);
    }
    super.commit(blob);
  }
}

serveOwner(StallingOwner);
