/** A planted fault: every other commit of the journal is said to be done, and is not. */
import { Owner } from '../../../agent/storage/owner.ts';
import { serveOwner } from '../../../agent/storage/serve.ts';
import type { JournalBlob } from '../../../agent/storage/storage.ts';

class ForgetfulOwner extends Owner {
  #commits = 0;

  override commit(blob: JournalBlob): void {
    if (this.#commits++ % 2 === 0) super.commit(blob);
  }
}

serveOwner(ForgetfulOwner);
